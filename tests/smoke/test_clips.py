"""Frames and videos as people have them: what is a clip, what its pixels are, and what is told."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from launch.errors import MissingError
from launch.experiments.smoke import clips
from launch.experiments.smoke.clips import Source


def save(path, count=1, size=(20, 24), level=100):
    """`count` frames of growing brightness, or the one that `path` names."""
    for number in range(count):
        target = path / f"frame_{number:04}.png" if count > 1 else path
        target.parent.mkdir(parents=True, exist_ok=True)
        image = np.full((*size, 3), level + number, np.uint8)
        cv2.imwrite(str(target), image)


def read(*files, shortest=3, size=16):
    return clips.read(Source("c", "c", tuple(files)), size, shortest)


def named(root):
    """Files of each source that is found."""
    return {source.name: [p.name for p in source.files] for source in clips.find(root)}


def lengths(root, shortest=3):
    """Frames of each clip, and what is told."""
    found = [clips.read(source, 16, shortest) for source in clips.find(root)]
    notes = [note for one in found for note in one.notes]
    return {clip.name: len(clip.frames) for one in found for clip in one.clips}, notes


# Pixels


def test_frames_are_cut_to_their_central_square_and_resized_which_is_told(tmp_path):
    wide = np.zeros((16, 32, 3), np.uint8)
    wide[:, 8:24] = (0, 0, 255)
    cv2.imwrite(str(tmp_path / "a.png"), wide)
    found = read(tmp_path / "a.png", shortest=1, size=8)
    frames = found.clips[0].frames
    assert frames.shape == (1, 3, 8, 8)
    assert (frames[0, 0] == 255).all() and not frames[0, 1:].any(), "RGB, not BGR"
    assert found.notes == [
        "c: frames of 32x16 are cut to their central square, without 50% of each"
    ]


RAMP = (np.indices((32, 32))[0] * 8).astype(np.uint8)
PALETTE = Image.fromarray(RAMP).quantize(256)
STILL = {
    "grey.png": lambda p: Image.fromarray(RAMP).save(p),
    "rgb.png": lambda p: Image.fromarray(np.dstack([RAMP] * 3)).save(p),
    "opaque.png": lambda p: Image.fromarray(np.dstack([RAMP] * 3 + [RAMP * 0 + 255])).save(p),
    "palette.png": PALETTE.save,
    "palette.gif": PALETTE.save,
    "deep.png": lambda p: cv2.imwrite(str(p), RAMP.astype(np.uint16) * 257),
    "twelve.png": lambda p: cv2.imwrite(str(p), RAMP.astype(np.uint16) * 16),
    "deep_colour.png": lambda p: cv2.imwrite(str(p), np.dstack([RAMP.astype(np.uint16) * 257] * 3)),
    "deep.tif": lambda p: cv2.imwrite(str(p), RAMP.astype(np.uint16) * 257),
    "float.tif": lambda p: cv2.imwrite(str(p), RAMP.astype(np.float32) / 255),
    "lossless.webp": lambda p: Image.fromarray(RAMP).save(p, lossless=True),
    "bitmap.bmp": lambda p: Image.fromarray(RAMP).save(p),
    "targa.tga": lambda p: Image.fromarray(RAMP).save(p),
    "photograph.jpg": lambda p: Image.fromarray(RAMP).save(p, quality=95),
}


@pytest.mark.parametrize("name", STILL)
def test_the_same_picture_in_any_encoding_is_the_same_frame(tmp_path, name):
    STILL[name](tmp_path / name)
    (clip,) = read(tmp_path / name, shortest=1, size=32).clips
    np.testing.assert_allclose(clip.frames[0].mean(0), RAMP, atol=2 if ".jpg" in name else 1)


def test_alpha_is_composited_on_black(tmp_path):
    alpha = np.tile(np.arange(256, dtype=np.uint8), (256, 1))
    colour = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)
    Image.fromarray(np.dstack([colour, alpha])).save(tmp_path / "a.png")
    (clip,) = read(tmp_path / "a.png", shortest=1, size=256).clips
    composite = colour * (alpha[..., None] / 255)
    assert np.abs(clip.frames[0].transpose(1, 2, 0) - composite).max() <= 0.51


def test_what_is_wholly_transparent_is_black_and_told(tmp_path):
    white, nothing = Image.new("L", (16, 16), 255), Image.new("L", (16, 16), 0)
    Image.merge("LA", (white, nothing)).save(tmp_path / "a.png")
    found = read(tmp_path / "a.png", shortest=1)
    assert not found.clips[0].frames.any()
    assert "nothing is visible" in found.notes[0] and "are black" in found.notes[1]


def test_12_bits_are_told_and_a_dark_frame_among_16_bits_is_none(tmp_path):
    for number, level in enumerate((3000, 3100, 3200)):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((16, 16), level, np.uint16))
    files = sorted(tmp_path.iterdir())
    found = read(*files)
    assert found.clips[0].frames.max() == round(3200 * 255 / 4095)
    assert "read as 12 bits in 16 (3 frames from 0.png on)" in found.notes[0]
    cv2.imwrite(str(files[2]), np.full((16, 16), 60000, np.uint16))
    found = read(*files)
    assert found.clips[0].frames[:, 0, 0, 0].tolist() == [12, 12, 233] and not found.notes


def test_floats_beyond_1_are_refused_by_name(tmp_path):
    cv2.imwrite(str(tmp_path / "a.tif"), np.full((16, 16), 300, np.float32))
    (note,) = read(tmp_path / "a.tif", shortest=1).notes
    assert note.startswith("c: a.tif is left out: floating point from 300 to 300")


# What is lost


def test_a_damaged_frame_is_named_and_parts_the_clip(tmp_path):
    save(tmp_path, 9, size=(16, 16))
    (tmp_path / "frame_0004.png").write_bytes(b"not a picture")
    found = read(*sorted(tmp_path.iterdir()))
    assert [len(clip.frames) for clip in found.clips] == [4, 4]
    assert found.notes == ["c: frame_0004.png is left out: no known image format, or cut off"]


def test_pieces_that_are_too_short_are_left_out_with_a_note(tmp_path):
    save(tmp_path, 6, size=(16, 16))
    (tmp_path / "frame_0002.png").write_bytes(b"")
    found = read(*sorted(tmp_path.iterdir()))
    assert [len(clip.frames) for clip in found.clips] == [3]
    assert "2 frames are in pieces shorter than 3" in found.notes[1]


def test_a_clip_without_a_usable_piece_says_why(tmp_path):
    save(tmp_path, 2, size=(16, 16))
    found = read(*sorted(tmp_path.iterdir()))
    assert not found.clips and "shorter than 3" in found.notes[0]


def test_several_sizes_and_blackness_are_noted(tmp_path):
    save(tmp_path, 3, level=0)
    save(tmp_path / "frame_0001.png", size=(40, 40), level=0)
    cv2.imwrite(str(tmp_path / "frame_0002.png"), np.zeros((20, 24, 3), np.uint8))
    found = read(*sorted(tmp_path.iterdir()))
    assert "24x20 (2 frames), 40x40 (1 frames)" in found.notes[0]
    assert found.notes[1] == "c: all 3 frames are black"


# What is a clip

NAMES = {
    "one folder, one clip": (["a/f2", "a/f10", "a/f1"], {"a": ["f1", "f2", "f10"]}),
    "folders in folders": (["b/c/x1", "b/c/x2"], {"b/c": ["x1", "x2"]}),
    "without padding": ([f"s/{n}" for n in (10, 9, 1)], {"s": ["1", "9", "10"]}),
    "two sequences in one folder": (["a_1", "b_1", "a_2"], {"a": ["a_1", "a_2"], "b": ["b_1"]}),
    "a sequence after the number": (
        ["s/1_rgb", "s/1_ir", "s/2_rgb"], {"s_rgb.png": ["1_rgb", "2_rgb"], "s_ir.png": ["1_ir"]},
    ),
    "numbers of videos": (
        ["video_0007_frame_0002", "video_0003_frame_0000", "video_0007_frame_0001"],
        {
            "video_0003": ["video_0003_frame_0000"],
            "video_0007": ["video_0007_frame_0001", "video_0007_frame_0002"],
        },
    ),
    "every tenth frame": (["s/f0", "s/f10", "s/f20"], {"s": ["f0", "f10", "f20"]}),
    "times in names": (["s/12.00.05", "s/12.00.10"], {"s": ["12.00.05", "12.00.10"]}),
    "no number": (["s/start", "s/end"], {"s/start": ["start"], "s/end": ["end"]}),
    "hidden files": (["s/f1", "s/.f2", ".trash/f3"], {"s": ["f1"]}),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_frames_belong_together_by_folder_name_and_number(tmp_path, case):
    files, expected = NAMES[case]
    for name in files:
        save(tmp_path / f"{name}.png")
    expected = {clip: [f"{name}.png" for name in frames] for clip, frames in expected.items()}
    assert named(tmp_path) == expected


GAPS = {
    (0, 1, 2, 3, 50, 51, 52, 53): [4, 4],
    (0, 1, 2, 4, 5, 6): [3, 3],
    (0, 10, 20, 30, 40, 50): [6],
    (0, 3, 7, 10, 13, 17): [6],
    (0, 10, 20, 50, 60, 70): [3, 3],
    (7, 8, 9): [3],
}


@pytest.mark.parametrize("numbers", GAPS)
def test_a_gap_in_the_numbers_parts_a_clip_and_is_told(tmp_path, numbers):
    for number in numbers:
        save(tmp_path / "s" / f"f_{number:03}.png")
    found, notes = lengths(tmp_path)
    assert list(found.values()) == GAPS[numbers]
    assert any("numbers are missing between" in note for note in notes) == (len(found) > 1)


def test_two_files_of_one_number_are_told(tmp_path):
    for name in ("f1.png", "f01.png", "f2.png"):
        save(tmp_path / "s" / name)
    assert any("several files have the number of" in note for note in lengths(tmp_path)[1])


def test_frames_of_several_suffixes_are_told_to_be_several_clips(tmp_path):
    for number in range(8):
        save(tmp_path / f"frame_{number}.{'png' if number % 2 else 'jpg'}", level=20 * number)
    found, notes = lengths(tmp_path)
    assert sorted(found.values()) == [4, 4]
    name = tmp_path.name
    assert f"{name}.jpg: is a clip apart from {name}.png; give one clip one suffix" in notes


def test_a_list_groups_frames_by_video(tmp_path):
    names = [f"video_{v:04}_frame_{f:04}.png" for v in (7, 3) for f in (2, 0, 1)]
    for name in names:
        save(tmp_path / name)
    (tmp_path / "train.txt").write_text("\n".join(names) + "\n")
    found = clips.find_listed(tmp_path, "train")
    assert [source.name for source in found] == ["video_0007", "video_0003"]
    assert [p.name[-8:-4] for p in found[1].files] == ["0000", "0001", "0002"]


def test_missing_lists_and_listed_files_are_named(tmp_path):
    (tmp_path / "train.txt").write_text("nothing.png\n")
    with pytest.raises(MissingError, match=r"lists 1 missing files, first .*nothing\.png"):
        clips.find_listed(tmp_path, "train")
    with pytest.raises(MissingError, match=r"val\.txt is missing; lists there: train\.txt"):
        clips.find_listed(tmp_path, "val")


# Videos

MOVING = [np.full((32, 32, 3), level, np.uint8) for level in (0, 60, 120, 180, 240)]


def write_video(path: Path, code: str) -> None:
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*code), 24, (32, 32))
    for frame in MOVING:
        writer.write(frame)
    writer.release()


def write_animation(path: Path, **options) -> None:
    frames = [Image.fromarray(frame) for frame in MOVING]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=40, **options)


def test_all_that_moves_in_a_folder_is_found_and_nothing_collapses(tmp_path):
    for suffix, code in (("mp4", "mp4v"), ("avi", "MJPG"), ("mkv", "mp4v"), ("mov", "mp4v")):
        write_video(tmp_path / f"clip.{suffix}", code)
    write_animation(tmp_path / "clip.gif")
    write_animation(tmp_path / "clip.webp", lossless=True)
    for number, frame in enumerate(MOVING):
        save(tmp_path / "frames" / f"{number}.png")
        Image.fromarray(frame).save(tmp_path / "frames" / f"{number}.png")
    found = {s.name: clips.read(s, 16, 3).clips for s in clips.find(tmp_path)}
    suffixes = ("avi", "gif", "mkv", "mov", "mp4", "webp")
    assert sorted(found) == [f"clip.{s}" for s in suffixes] + ["frames"]
    for name, (clip,) in found.items():
        levels = clip.frames.mean((1, 2, 3))
        np.testing.assert_allclose(levels, [0, 60, 120, 180, 240], atol=4, err_msg=name)
        assert clip.recording == name.split(".")[0]
        rates = {"frames": None, "clip.gif": 25, "clip.webp": 25}
        assert clip.rate == pytest.approx(rates.get(name, 24))


@pytest.mark.parametrize("name", ["clip.mp4", "clip.avi", "clip.mkv", "clip.gif", "clip.webp"])
def test_a_video_that_is_cut_off_is_named_with_what_could_be_read(tmp_path, name):
    path = tmp_path / name
    if path.suffix in (".gif", ".webp"):
        write_animation(path, **({"lossless": True} if path.suffix == ".webp" else {}))
    else:
        write_video(path, "MJPG" if path.suffix == ".avi" else "mp4v")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    _, notes = lengths(tmp_path)
    told = [note for note in notes if "is truncated or damaged: " in note]
    assert len(told) == 1 and "frames could be read" in told[0]


def test_folders_without_pictures_or_videos_say_what_is_read(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(MissingError, match=r"neither videos nor frames \(\.mp4.*\.png"):
        clips.find(tmp_path)


def test_what_lies_beside_frames_is_told_or_left_out(tmp_path):
    """Links are followed, one to nothing is named; what systems hide is no loss."""
    place = tmp_path / "elsewhere"
    for number in (0, 1, 2, 4, 5, 6):
        save(place / f"f{number}.PNG")
    for name in ("._f1.PNG", ".DS_Store", "Thumbs.db"):
        (place / name).write_bytes(b"x")
    (place / "f8.PNG").mkdir()
    (place / "f3.PNG").symlink_to("nowhere")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "linked é 名").symlink_to(place)
    found, notes = lengths(folder)
    assert found == {"linked é 名": 3, "linked é 名#1": 3}
    assert any("f3.PNG is left out: there is no such file" in note for note in notes)
    assert clips.unread(folder) == ["1 files of type .db"]


BRIGHTNESS = (20, 60, 100, 140)


def of_one_level(level, kind=np.uint8, shape=(32, 32)):
    return np.full(shape, level, kind)


KINDS = {
    "16 bits": lambda n: of_one_level(n, np.uint16) * 257,
    "grey": of_one_level,
    "colour": lambda n: of_one_level(n, shape=(32, 32, 3)),
    "some of 16 bits": lambda n: (
        of_one_level(n) if n % 80 == 20 else of_one_level(n, np.uint16) * 257
    ),
    "alpha": lambda n: np.dstack(
        [of_one_level(255), of_one_level(255), of_one_level(255), of_one_level(n)]
    ),
    "many pixels": lambda n: of_one_level(n, shape=(200, 200, 3)),
    "few pixels": lambda n: of_one_level(n, shape=(3, 3, 3)),
    "one pixel": lambda n: of_one_level(n, shape=(1, 1, 3)),
    "a wide frame": lambda n: of_one_level(n, shape=(16, 90, 3)),
}


@pytest.mark.parametrize("name", KINDS)
def test_frames_of_every_kind_have_one_brightness(tmp_path, name):
    for number, level in enumerate(BRIGHTNESS):
        cv2.imwrite(str(tmp_path / f"f{number}.png"), KINDS[name](level))
    (clip,) = clips.read(clips.find(tmp_path)[0], 16, 3).clips
    np.testing.assert_allclose(clip.frames.mean((1, 2, 3)), BRIGHTNESS, atol=0.5)
    assert clip.frames.shape == (4, 3, 16, 16)


def animated(path, **options):
    write_animation(path, **options)
    return path


def disguised(path):
    write_video(path.with_suffix(".avi"), "MJPG")
    return path.with_suffix(".avi").rename(path)


MOVING_FILES = {
    "APNG": lambda p: animated(p / "a.apng", format="PNG"),
    "an AVI called MP4": lambda p: disguised(p / "a.mp4"),
    "a capital suffix": lambda p: disguised(p / "CLIP.AVI"),
    "a name of all kinds": lambda p: disguised(p / "a=b,c (1) é 名.avi"),
}


@pytest.mark.parametrize("name", MOVING_FILES)
def test_videos_are_read_by_their_content(tmp_path, name):
    MOVING_FILES[name](tmp_path)
    (clip,) = clips.read(clips.find(tmp_path)[0], 16, 3).clips
    np.testing.assert_allclose(clip.frames.mean((1, 2, 3)), [0, 60, 120, 180, 240], atol=4)


PARTLY_READ = {
    "pages": ("a.tif", {}, "the first of 5 pages"),
    "an animation called PNG": ("a.png", {}, "the first of 5 frames"),
}


@pytest.mark.parametrize("name", PARTLY_READ)
def test_the_rest_of_a_picture_that_moves_is_told(tmp_path, name):
    file, options, said = PARTLY_READ[name]
    animated(tmp_path / file, **options)
    assert any(said in note for note in lengths(tmp_path)[1])


@pytest.mark.parametrize("file", ["a.mp4", "a.gif", "a.webp", "a.apng", "a.avi"])
@pytest.mark.parametrize("content", [b"", b"hello"])
def test_what_only_has_the_name_of_a_video_is_told(tmp_path, file, content):
    (tmp_path / file).write_bytes(content)
    found, notes = lengths(tmp_path)
    assert not found and any(file in note for note in notes)
