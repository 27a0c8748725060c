"""Files of super-resolution: the start on many, and a crop of one that is not in memory.

Prints seconds and megabytes of finding and indexing, and an uncached crop beside a plain loader of
OpenCV that reads the file, cuts the same window and shrinks it; measured in turn, medians.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from launch.experiments.sr import sources
from launch.experiments.sr.pairs import Crops

FILES, CROPS, SCALE, CROP = int(sys.argv[1]) if len(sys.argv) > 1 else 30_000, 15, 4, 32


def photograph(height: int, width: int) -> np.ndarray:
    """Smooth structure with noise, which PNG compresses as little as a photograph."""
    random = np.random.default_rng(0)
    coarse = random.integers(0, 256, (height // 32, width // 32, 3), np.uint8)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return cv2.add(smooth, random.integers(0, 12, smooth.shape, np.uint8))


def by_opencv(path: Path, random: np.random.Generator) -> np.ndarray:
    read = cv2.imread(str(path))
    assert read is not None
    image = cv2.cvtColor(read, cv2.COLOR_BGR2RGB)
    side = CROP * SCALE
    top, left = (int(random.integers(n - side + 1)) for n in image.shape[:2])
    high = image[top : top + side, left : left + side].astype(np.float32) / 255
    return cv2.resize(high, (CROP, CROP), interpolation=cv2.INTER_CUBIC)


def start(folder: Path) -> None:
    tile = cv2.imencode(".png", photograph(64, 64))[1].tobytes()
    for number in range(FILES):
        (folder / f"{number:06}.png").write_bytes(tile)
    before, begun = memory(), time.process_time()
    index = sources.index(sources.high_resolution(folder), SCALE, 16)
    seconds = time.process_time() - begun
    print(f"{len(index.sources)} files: {seconds:.2f} s of CPU, {memory() - before:.0f} MB more")


def crops(folder: Path) -> None:
    path = folder / "large.png"
    cv2.imwrite(str(path), photograph(1356, 2040))
    pairs = sources.Pairs([sources.Source("large", path)], lambda s: sources.read_pair(s, SCALE), 0)
    ours, theirs = Crops(pairs, SCALE, CROP, 0), np.random.default_rng(0)
    times: dict[str, list[float]] = {"ours": [], "OpenCV": []}
    for number in range(CROPS):
        timed(times["ours"], ours.__getitem__, (0, number))
        timed(times["OpenCV"], by_opencv, path, theirs)
    own, plain = (1000 * statistics.median(t) for t in times.values())
    print(f"a crop of 2040x1356: {own:.1f} ms, OpenCV {plain:.1f} ms, ratio {own / plain:.2f}")


def timed(times: list[float], take: Callable[..., object], *arguments: object) -> None:
    begun = time.perf_counter()
    take(*arguments)
    times.append(time.perf_counter() - begun)


def memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        crops(Path(name))
        (Path(name) / "many").mkdir()
        start(Path(name) / "many")
