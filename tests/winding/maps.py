"""A directory of maps."""

from pathlib import Path
from typing import Any

from launch.experiments.winding.channels import Channels
from launch.experiments.winding.export import write_tiff
from launch.record import storage


def write_directory(channels: Channels, path: Path) -> None:
    """The maps as `from_directory` reads them, with truth where there is one."""
    stem = channels.name.replace(" ", "_")
    files = {"cos": channels.cosine, "mag": channels.density, "dir0": channels.dir0}
    files |= {"dir1": channels.dir1, "valid": channels.valid}
    settings: dict[str, Any] = {"downscale": channels.downscale, "origin": channels.origin}
    settings["z"] = channels.z
    if channels.truth is not None:
        files |= {"truth": channels.truth.winding, "truth_valid": channels.truth.valid}
        settings = {**channels.truth.settings, **settings}
    for suffix, values in files.items():
        write_tiff(path / f"{stem}_{suffix}.tif", values)
    storage.write_json(path / "settings.json", settings)
