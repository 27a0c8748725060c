"""Clips from files are split by recording, and what is wrong with them is told."""

import cv2
import numpy as np
import pytest

from launch.errors import MissingError
from launch.experiments.smoke.data import ClipFolders
from tests.smoke.recordings import save_clip, write_video


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
