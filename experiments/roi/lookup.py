"""Which file a row of a CSV means, whatever folders its path begins with."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

Parts = tuple[str, ...]


class FileIndex:
    """Files below a folder, found by their path from any of its folders on, or from above it.

    `images/a.png` means the file `images_001/images/a.png`, and so does
    `archive/images_001/images/a.png`; `other/a.png` does not, and `a.png` may mean several.
    A name without suffix means a file with one.
    """

    def __init__(self, root: Path, files: Iterable[Path]) -> None:
        self.parts = {path.relative_to(root).parts: path for path in files}
        self.ends: dict[int, dict[Parts, list[Path]]] = {}

    def find(self, name: str) -> list[Path]:
        """The files that a row may mean: one, none if it is missing, or several."""
        parts = PurePosixPath(name.replace("\\", "/")).parts
        for start in range(len(parts)):
            if parts[start:] in self.parts:
                return [self.parts[parts[start:]]]
        return self.ending(len(parts)).get(parts, [])

    def ending(self, count: int) -> dict[Parts, list[Path]]:
        """Files by the last `count` parts of their path, with the suffix and without."""
        if count not in self.ends:
            found: dict[Parts, list[Path]] = defaultdict(list)
            for parts, path in self.parts.items():
                if len(parts) >= count:
                    end = parts[-count:]
                    found[end].append(path)
                    if path.suffix:
                        found[(*end[:-1], path.stem)].append(path)
            self.ends[count] = dict(found)
        return self.ends[count]
