"""Frames, their rate, and what is told of files that are cut off."""

import cv2
import numpy as np
import pytest
from PIL import Image

from launch.tools import video

NOISE = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
FRAMES = [np.roll(NOISE, 3 * number, axis=1) for number in range(20)]
CODES = {"c.mp4": "mp4v", "c.avi": "MJPG", "d.avi": "XVID", "c.mkv": "mp4v", "c.mov": "mp4v"}


def write(path, code, rate=12.5):
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), rate, (64, 48))
    for frame in FRAMES:
        writer.write(frame)
    writer.release()
    return path


def animate(path, durations, **options):
    first, *others = [Image.fromarray(frame) for frame in FRAMES]
    first.save(path, save_all=True, append_images=others, duration=durations, **options)
    return path


def cut(path, share):
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    return path


@pytest.mark.parametrize("name", CODES)
def test_a_whole_video_gives_its_frames_and_its_rate(tmp_path, name):
    found = video.read(write(tmp_path / name, CODES[name]))
    assert (len(found.frames), found.rate, found.notes) == (20, 12.5, [])
    assert found.frames[0].shape == (48, 64, 3)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("name", CODES)
def test_a_video_that_is_cut_off_says_how_much_of_it_could_be_read(tmp_path, name, share):
    found = video.read(cut(write(tmp_path / name, CODES[name]), share))
    (note,) = found.notes
    assert note.startswith("is truncated or damaged: ")
    assert len(found.frames) < 20 and "frames could be read" in note
    if found.frames:
        assert f"{len(found.frames) + 1} of 20" in note and "the last of them is left out" in note


@pytest.mark.parametrize(("suffix", "options"), [(".gif", {}), (".webp", {"lossless": True})])
def test_animations_have_frames_and_a_rate(tmp_path, suffix, options):
    path = animate(tmp_path / f"a{suffix}", 40, **options)
    found = video.read(path)
    assert (len(found.frames), found.rate, found.notes) == (20, 25, [])
    assert video.is_video(path)
    if suffix == ".webp":
        assert all((a == b).all() for a, b in zip(found.frames, FRAMES, strict=True))


@pytest.mark.parametrize("share", [0.1, 0.5, 0.99])
@pytest.mark.parametrize(("suffix", "options"), [(".gif", {}), (".webp", {"lossless": True})])
def test_an_animation_that_is_cut_off_is_told(tmp_path, suffix, options, share):
    path = cut(animate(tmp_path / f"a{suffix}", 40, **options), share)
    assert video.is_video(path)
    found = video.read(path)
    assert found.notes[0].startswith("is truncated or damaged: ") and len(found.frames) < 20


def test_frames_of_several_durations_are_told(tmp_path):
    found = video.read(animate(tmp_path / "a.gif", [20, 80] * 10))
    assert found.rate == 20
    assert found.notes == ["frames are shown from 20 to 80 ms each, and taken as evenly spaced"]


def test_an_animation_is_composited_on_black(tmp_path):
    frames = [Image.new("RGBA", (8, 8), (255, 255, 255, alpha)) for alpha in (0, 51, 255)]
    options = {"lossless": True, "exact": True, "duration": 40}
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], **options)
    levels = [int(frame[4, 4, 0]) for frame in video.read(tmp_path / "a.webp").frames]
    assert levels == [0, 51, 255]


def test_a_gif_or_webp_with_a_single_frame_is_a_picture(tmp_path):
    for name in ("a.gif", "a.webp", "a.png"):
        Image.fromarray(NOISE).save(tmp_path / name)
        assert not video.is_video(tmp_path / name)


@pytest.mark.parametrize("content", [b"", b"nothing", b"RIFF\x00\x00\x00\x00AVI "])
def test_what_is_no_video_gives_no_frames_and_says_so(tmp_path, content):
    (tmp_path / "a.avi").write_bytes(content)
    found = video.read(tmp_path / "a.avi")
    assert not found.frames
    assert found.notes == ["is truncated or damaged: 0 frames could be read"]


def test_frames_are_prepared_one_by_one(tmp_path):
    seen = []

    def prepare(frame):
        seen.append(frame.shape)
        return frame[:2, :2]

    found = video.read(write(tmp_path / "a.avi", "MJPG"), prepare)
    assert len(seen) == 20 and found.frames[0].shape == (2, 2, 3)
