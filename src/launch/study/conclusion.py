"""The end of a study: its tables and its picture. Imports no torch."""

from pathlib import Path

from omegaconf import DictConfig

from launch.record.run import Run
from launch.record.storage import write
from launch.study import picture, table
from launch.study.study import read


def conclude(config: DictConfig, folder: Path) -> int:
    """Write and print the tables of a study; returns 1 if a job is missing or failed, else 0."""
    study = read(config)
    text = table.table(folder, study)
    write(folder / "study.md", text)
    table.write_csv(folder, study)
    picture.draw(folder, study)
    print(f"\n{text}\npicture: {folder / 'study.png'}\ntable: {folder / 'study.md'}")
    statuses = {Run(folder / job.place).status for job in study.jobs()}
    return int(statuses != {"completed"})
