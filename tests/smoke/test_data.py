import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from launch.errors import MissingError
from launch.experiments.smoke.data import ClipFolders, FrameLists, SimulatedSmoke
from tests.smoke.recordings import save_clip, write_video

REAL = Path(os.environ.get("LAUNCH_DATA", Path(__file__).parents[3] / "shared" / "data")) / "smoke"


def test_simulated_clips_come_with_velocities_to_validate_on(tmp_path):
    data = SimulatedSmoke(
        clips=4, validation_clips=2, clip_frames=4, size=16, frames=4, cache=str(tmp_path)
    )
    data.setup("fit")
    assert len(data.train_set) == 4 and len(data.validation_set) == 2
    batch = next(iter(data.val_dataloader()))
    assert batch["frames"].shape == (2, 4, 3, 16, 16)
    assert batch["velocity"].shape == (2, 4, 2, 16, 16)
    assert "velocity" not in data.train_set[0]
    assert "uncertain" in data.fingerprint()


def test_a_storm_blows_in_validation_only(tmp_path):
    calm, stormy = (
        SimulatedSmoke(
            clips=1, validation_clips=1, clip_frames=4, size=16, storm=storm, cache=str(tmp_path)
        )
        for storm in (0.0, 0.6)
    )
    for data in (calm, stormy):
        data.setup("fit")
    assert (calm.train_set[0]["frames"] == stormy.train_set[0]["frames"]).all()
    assert (calm.validation_set[0]["frames"] != stormy.validation_set[0]["frames"]).any()


def test_single_frames_are_windows_of_one(tmp_path):
    data = SimulatedSmoke(
        clips=2, validation_clips=1, clip_frames=4, size=16, frames=1, cache=str(tmp_path)
    )
    data.setup("fit")
    assert len(data.train_set) == 8
    assert data.train_set[0, 5]["frames"].shape == (1, 3, 16, 16)


def test_train_and_val_folders_are_taken_as_they_are(tmp_path):
    save_clip(tmp_path / "train" / "a")
    save_clip(tmp_path / "val" / "b")
    data = ClipFolders(tmp_path, size=16, frames=4, batch_size=1)
    data.setup("fit")
    assert len(data.train_set.sources) == len(data.validation_set.sources) == 1


def test_a_clip_in_both_lists_is_refused(tmp_path):
    names = []
    for number in range(4):
        name = f"video_0001_frame_{number:04}.png"
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
        names.append(name)
    for split in ("train", "val"):
        (tmp_path / f"{split}.txt").write_text("\n".join(names))
    with pytest.raises(MissingError, match=r"1 clips are in both train\.txt and val\.txt"):
        FrameLists(root=tmp_path, size=16).setup("fit")


def test_videos_are_clips(tmp_path):
    for clip in range(2):
        write_video(tmp_path / f"{clip}.avi", [0, 50, 100, 150])
    data = ClipFolders(tmp_path, size=16, frames=3, stride=1, batch_size=1)
    data.setup("fit")
    assert len(data.train_set) == 2 and len(data.validation_set) == 2


@pytest.mark.skipif(not (REAL / "rise_clip").is_dir(), reason="no real smoke clip here")
def test_a_real_clip_loads():
    data = ClipFolders(REAL / "rise_clip", size=32, frames=8, stride=2, batch_size=2)
    with pytest.warns(UserWarning, match="one recording only"):
        data.setup("fit")
    assert data.train_set[0]["frames"].shape == (8, 3, 32, 32)
    assert data.report()["noted"] == 1
