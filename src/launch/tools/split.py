"""Which patients, clips or materials are held out: by who they are, not by their spelling."""

import hashlib
import re
from collections.abc import Iterable

NUMBERED = re.compile(r"(?:p|pat|patient|s|sub|subject)?[-_ ]*0*(\d+)(?:\.0+)?", re.IGNORECASE)


def identity(text: str) -> str:
    """One spelling of an identifier, so that lists of different origin agree.

    >>> [identity(t) for t in ("00000001", "1", "patient00001", "P-001", "1.0", "Anna K.")]
    ['1', '1', '1', '1', '1', 'anna k.']
    """
    match = NUMBERED.fullmatch(text.strip())
    return match[1] if match else text.strip().casefold()


def hold_out(identities: Iterable[str], share: float) -> set[str]:
    """A share of the identities, at least one and never all of several; by a hash of each.

    The order and the number of times that they are given do not matter, and each keeps its place
    in the ranking when others come and go.
    """
    ranked = sorted(set(identities), key=lambda name: hashlib.sha256(name.encode()).digest())
    most = max(1, len(ranked) - 1)
    return set(ranked[: min(most, max(1, round(share * len(ranked))))])
