import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from launch.errors import MissingError
from launch.experiments.smoke.data import (
    ClipFolders,
    FrameLists,
    SimulatedSmoke,
)

REAL = Path(os.environ.get("LAUNCH_DATA", Path(__file__).parents[3] / "shared" / "data")) / "smoke"


def save_clip(folder: Path, frames: int = 6, level: int = 40) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(frames):
        image = np.full((16, 16, 3), level + number, np.uint8)
        cv2.imwrite(str(folder / f"f{number:03}.png"), image)
    return folder


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


def test_inspection_shows_what_is_simulated(tmp_path):
    data = SimulatedSmoke(
        clips=2, validation_clips=1, clip_frames=4, size=16, frames=4, cache=str(tmp_path / "c")
    )
    assert data.inspect(tmp_path / "sheets") == [
        "train: 2 clips of 4 frames, made by the program",
        "validation: 1 clips of 4 frames, made by the program",
    ]
    assert {p.name for p in (tmp_path / "sheets").iterdir()} == {"train.png", "validation.png"}


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


def test_clips_are_split_whole(tmp_path):
    for clip in range(10):
        save_clip(tmp_path / f"c{clip}", level=20 * clip)
    data = ClipFolders(tmp_path, size=16, frames=4, stride=1, batch_size=2)
    data.setup("fit")
    levels = [
        {int(frames.min()) // 20 for frames in part.sources}
        for part in (data.train_set, data.validation_set)
    ]
    assert len(levels[0]) == 9 and levels[0].isdisjoint(levels[1])
    assert data.report()["train_windows"] == 27


def test_train_and_val_folders_are_taken_as_they_are(tmp_path):
    save_clip(tmp_path / "train" / "a")
    save_clip(tmp_path / "val" / "b")
    data = ClipFolders(tmp_path, size=16, frames=4, batch_size=1)
    data.setup("fit")
    assert len(data.train_set.sources) == len(data.validation_set.sources) == 1


def test_copies_and_pieces_of_a_recording_stay_on_one_side(tmp_path):
    for clip in range(4):
        folder = save_clip(tmp_path / f"c{clip}", frames=9, level=40 * clip)
        (folder / "f004.png").unlink()
    write_video(tmp_path / "c0.avi", [5] * 6)
    write_video(tmp_path / "c0.mp4", [5] * 6)
    data = ClipFolders(tmp_path, size=16, frames=4, batch_size=1, validation_fraction=0.5)
    with pytest.warns(UserWarning, match="numbers are missing"):
        data.setup("fit")
    sides = {part: {clip.recording for clip in found} for part, found in data.parts.items()}
    assert {len(side) for side in sides.values()} == {2}
    assert sides["train"].isdisjoint(sides["validation"])
    assert sum(map(len, data.parts.values())) == 4 * 2 + 2


def test_the_split_does_not_move_when_files_are_named_in_another_order(tmp_path):
    for clip in range(8):
        save_clip(tmp_path / f"c{clip}", level=20 * clip)
    data = ClipFolders(tmp_path, size=16, frames=4, batch_size=1, validation_fraction=0.25)
    data.setup("fit")
    train, held = data.hold_out([*data.parts["validation"], *data.parts["train"]][::-1])
    assert {c.name for c in train} == {c.name for c in data.parts["train"]}
    assert {c.name for c in held} == {c.name for c in data.parts["validation"]}


def test_a_recording_in_pieces_is_validated_on_its_last(tmp_path):
    folder = save_clip(tmp_path / "c", frames=14)
    (folder / "f010.png").unlink()
    data = ClipFolders(tmp_path, size=16, frames=3, batch_size=1)
    with pytest.warns(UserWarning, match="its last 3 frames are validated on"):
        data.setup("fit")
    assert [len(f) for f in data.train_set.sources] == [10]
    assert [len(f) for f in data.validation_set.sources] == [3]


def test_the_same_frames_in_train_and_val_are_told(tmp_path):
    for part in ("train/a", "val/b"):
        save_clip(tmp_path / part)
    data = ClipFolders(tmp_path, size=16, frames=4, batch_size=1)
    with pytest.warns(UserWarning, match="b is validated on and has the frames of a"):
        data.setup("fit")


def test_inspection_tells_what_was_found_assumed_and_left_out(tmp_path):
    for clip in range(3):
        save_clip(tmp_path / "in" / f"c{clip}", level=60 * clip)
    wide = np.full((16, 20), 3000, np.uint16)
    for number in range(4):
        cv2.imwrite(str(tmp_path / "in" / "c0" / f"deep_{number}.png"), wide)
    write_video(tmp_path / "in" / "v.avi", [10, 20, 30, 40])
    (tmp_path / "in" / "camera.log").write_text("nothing")
    data = ClipFolders(tmp_path / "in", size=16, frames=3, batch_size=1)
    with pytest.warns(UserWarning):
        lines = data.inspect(tmp_path / "sheets")
    said = "\n".join(lines)
    assert "train: 4 clips of 4 recordings" in said and "frames per second: 7" in said
    assert "read as 12 bits in 16 (4 frames from deep_0.png on)" in said
    assert "20x16 are cut to their central square, without 20% of each" in said
    assert "1 files of type .log, which are no clips" in said
    for part in ("train", "validation"):
        assert cv2.imread(str(tmp_path / "sheets" / f"{part}.png")).std() > 10


def write_video(path: Path, levels: list[int]) -> None:
    code = cv2.VideoWriter.fourcc(*("MJPG" if path.suffix == ".avi" else "mp4v"))
    writer = cv2.VideoWriter(str(path), code, 7, (16, 16))
    for level in levels:
        writer.write(np.full((16, 16, 3), level, np.uint8))
    writer.release()


def test_a_single_clip_is_divided_in_time_and_that_is_said(tmp_path):
    data = ClipFolders(save_clip(tmp_path / "c", 20), size=16, frames=4, batch_size=1)
    with pytest.warns(UserWarning, match="its last 3 frames are validated on"):
        data.setup("fit")
    assert len(data.train_set.sources[0]) == 17 and len(data.validation_set.sources[0]) == 3


def test_clips_that_are_all_too_short_stop_the_run_with_a_reason(tmp_path):
    save_clip(tmp_path / "a", 2)
    save_clip(tmp_path / "b", 2)
    with pytest.raises(MissingError, match="none of 2 clips has 3 good frames in a row"):
        ClipFolders(tmp_path, size=16).setup("fit")


def test_a_clip_in_both_lists_is_refused(tmp_path):
    names = []
    for number in range(4):
        name = f"video_0001_frame_{number:04}.png"
        cv2.imwrite(str(tmp_path / name), np.zeros((8, 8, 3), np.uint8))
        names.append(name)
    for split in ("train", "val"):
        (tmp_path / f"{split}.txt").write_text("\n".join(names))
    with pytest.raises(MissingError, match=r"1 clips are in both train\.txt and val\.txt"):
        FrameLists(tmp_path, size=16).setup("fit")


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
