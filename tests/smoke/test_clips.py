import cv2
import numpy as np
import pytest
from launch.experiments.smoke import clips

from launch.errors import MissingError


def save(path, count=1, size=(20, 24), level=100):
    """`count` frames of growing brightness, or the one that `path` names."""
    for number in range(count):
        target = path / f"frame_{number:04}.png" if count > 1 else path
        target.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((*size, 3), level + number, np.uint8)
        cv2.imwrite(str(target), image)


def test_frames_are_cut_to_their_central_square_and_resized(tmp_path):
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 8:24] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "a.png"), wide)
    (clip,) = clips.read([tmp_path / "a.png"], "a", 8, shortest=1)
    assert clip.frames.shape == (1, 3, 8, 8)
    assert (clip.frames[0, 0] == 255).all() and not clip.frames[0, 1:].any(), "RGB, not BGR"


def test_a_damaged_frame_is_named_and_parts_the_clip(tmp_path):
    save(tmp_path, 9)
    (tmp_path / "frame_0004.png").write_bytes(b"not a picture")
    found = clips.read(sorted(tmp_path.iterdir()), "c", 16, shortest=3)
    assert [len(clip.frames) for clip in found] == [4, 4]
    notes = [note for clip in found for note in clip.notes]
    assert notes == ["c: frame_0004.png is damaged and left out"]


def test_pieces_that_are_too_short_are_left_out_with_a_note(tmp_path):
    save(tmp_path, 6)
    (tmp_path / "frame_0002.png").write_bytes(b"")
    (clip,) = clips.read(sorted(tmp_path.iterdir()), "c", 16, shortest=3)
    assert len(clip.frames) == 3
    assert "2 frames are in pieces shorter than 3" in clip.notes[1]


def test_a_clip_without_a_usable_piece_is_empty_and_says_why(tmp_path):
    save(tmp_path, 2)
    (clip,) = clips.read(sorted(tmp_path.iterdir()), "c", 16, shortest=3)
    assert len(clip.frames) == 0 and "shorter than 3" in clip.notes[0]


def test_several_sizes_and_blackness_are_noted(tmp_path):
    save(tmp_path, 3, level=0)
    save(tmp_path / "frame_0001.png", size=(40, 40), level=0)
    cv2.imwrite(str(tmp_path / "frame_0002.png"), np.zeros((20, 24, 3), np.uint8))
    (clip,) = clips.read(sorted(tmp_path.iterdir()), "c", 16, shortest=3)
    assert "24x20 (2 frames), 40x40 (1 frames)" in clip.notes[0]
    assert clip.notes[1] == "c: all 3 frames are black"


def test_every_folder_with_pictures_is_a_clip_in_the_order_of_its_numbers(tmp_path):
    for name in ("a/f2.png", "a/f10.png", "a/f1.png", "b/c/x.png"):
        save(tmp_path / name)
    found = clips.find_frames(tmp_path)
    assert {k: [p.name for p in v] for k, v in found.items()} == {
        "a": ["f1.png", "f2.png", "f10.png"],
        "b/c": ["x.png"],
    }


def test_a_list_groups_frames_by_video(tmp_path):
    names = [f"video_{v:04}_frame_{f:04}.png" for v in (7, 3) for f in (2, 0, 1)]
    for name in names:
        save(tmp_path / name)
    (tmp_path / "train.txt").write_text("\n".join(names) + "\n")
    found = clips.find_listed(tmp_path, "train")
    assert list(found) == ["./video_0007".removeprefix("./"), "video_0003"]
    assert [p.name[-8:-4] for p in found["video_0003"]] == ["0000", "0001", "0002"]


def test_missing_lists_and_listed_files_are_named(tmp_path):
    (tmp_path / "train.txt").write_text("nothing.png\n")
    with pytest.raises(MissingError, match=r"lists 1 missing files, first .*nothing\.png"):
        clips.find_listed(tmp_path, "train")
    with pytest.raises(MissingError, match=r"val\.txt is missing; lists there: train\.txt"):
        clips.find_listed(tmp_path, "val")


@pytest.mark.parametrize(("suffix", "code"), [(".avi", "MJPG"), (".mp4", "mp4v")])
def test_videos_are_decoded(tmp_path, suffix, code):
    path = tmp_path / f"clip{suffix}"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 7, (32, 32))
    for level in (0, 120, 240):
        writer.write(np.full((32, 32, 3), level, np.uint8))
    writer.release()
    (clip,) = clips.read(clips.find_videos(tmp_path)["clip"], "clip", 16, shortest=3)
    np.testing.assert_allclose(clip.frames.mean((1, 2, 3)), [0, 120, 240], atol=4)


def test_folders_without_pictures_or_videos_say_what_is_read(tmp_path):
    with pytest.raises(MissingError, match="holds no pictures"):
        clips.find_frames(tmp_path)
    with pytest.raises(MissingError, match=r"no videos \(.mp4"):
        clips.find_videos(tmp_path)
