"""What a file with weights holds, in one number; of a model in several files that of all."""

import hashlib
import json
from pathlib import Path

SHARDED = ".index.json"
"""How the index ends that tells which files hold the tensors of a large model."""


def sha256(path: Path) -> str:
    """Checksum of a file; that of an index is over the files that it names as well."""
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if not path.name.endswith(SHARDED):
        return found
    parts = [found, *(sha256(p) for p in shards(path) if p.is_file())]
    return hashlib.sha256(" ".join(parts).encode()).hexdigest()


def shards(index: Path) -> list[Path]:
    """The files that an index names; none if it cannot be read, which its reader tells."""
    try:
        named = json.loads(index.read_bytes())["weight_map"].values()
        return sorted({index.parent / str(name) for name in named})
    except (ValueError, KeyError, TypeError, AttributeError):
        return []
