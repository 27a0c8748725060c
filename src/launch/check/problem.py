"""One thing that is wrong with a configuration, and how its value is shown."""

import json
from dataclasses import dataclass
from typing import Any

UNSET = "???"
NO_VALUE = object()


@dataclass(frozen=True)
class Problem:
    """What is wrong with one key, and where it was written.

    Further lines of the message are advice, which several problems may share. `exit_code` is 3 if
    a file, folder or package is missing, else 2.
    """

    key: str
    message: str
    value: Any = NO_VALUE
    source: str | None = None
    exit_code: int = 2

    def __str__(self) -> str:
        value = "" if self.value is NO_VALUE else f" = {shown(self.value)}"
        source = f"  ({self.source})" if self.source else ""
        return f"{self.key}{value}: {self.message.splitlines()[0]}{source}"

    @property
    def advice(self) -> list[str]:
        return self.message.splitlines()[1:]


def shown(value: Any) -> str:
    """A value as in YAML, cut to a readable length."""
    text = json.dumps(value) if isinstance(value, bool | None) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
