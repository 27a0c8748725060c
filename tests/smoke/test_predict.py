from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch

from launch.errors import ConfigError, MissingError
from launch.experiments.smoke.clips import Source
from launch.experiments.smoke.latents import Latents
from launch.experiments.smoke.predict import find, predict_folder, usable
from launch.experiments.smoke.rollout import Sampling


def save(folder, count: int):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        image = np.full((8, 8, 3), 40 * number, np.uint8)
        cv2.imwrite(str(folder / f"{number}.png"), image)
    return folder


class Blocks(torch.nn.Module):
    """Latents are the red channel at half the resolution."""

    latent_channels, factor = 1, 2

    def encode(self, frames):
        return frames[:, :1, ::2, ::2]

    def decode(self, latent):
        return latent.repeat_interleave(2, -1).repeat_interleave(2, -2).expand(-1, 3, -1, -1)


def module() -> SimpleNamespace:
    """A stand-in whose two futures go on as the last given frame."""
    latents = Latents(Blocks(), 0.0)
    latents.measure(torch.rand(1, 4, 1, 4, 4))

    def futures(given, frames):
        last = given[:, None, -1:].expand(-1, 2, frames, -1, -1, -1)
        return latents.decode(last.flatten(0, 1)).unflatten(0, (len(given), 2))

    return SimpleNamespace(
        latents=latents,
        futures=futures,
        sampling=Sampling(samples=2),
        predict_frames=3,
        frames_per_second=7,
        frame_size=8,
        device="cpu",
    )


def names(source):
    return [found.name for found in find(source)]


def test_clips_are_a_video_or_all_that_moves_below_a_folder(tmp_path):
    assert names(save(tmp_path / "a", 2)) == ["a"]
    save(tmp_path / "b", 2)
    assert names(tmp_path) == ["a", "b"]
    (tmp_path / "c.mp4").write_bytes(b"")
    assert names(tmp_path) == ["c", "a", "b"] and names(tmp_path / "c.mp4") == ["c"]
    with pytest.raises(MissingError, match="does not exist"):
        find(tmp_path / "none")


def test_pieces_with_enough_frames_are_used_else_the_longest(tmp_path):
    files = sorted(save(tmp_path, 7).iterdir())
    files[3].write_bytes(b"")
    source = Source("c", "c", tuple(files))
    with pytest.warns(UserWarning, match=r"3\.png is left out"):
        assert [len(clip.frames) for clip in usable(source, 8, 2)] == [3, 3]
    with pytest.warns(UserWarning):
        assert [len(clip.frames) for clip in usable(source, 8, 5)] == [3]


def test_a_video_keeps_its_rate(tmp_path):
    (tmp_path / "in").mkdir()
    path = str(tmp_path / "in" / "c.avi")
    writer = cv2.VideoWriter(path, cv2.VideoWriter.fourcc(*"MJPG"), 24, (16, 16))
    for level in range(4):
        writer.write(np.full((16, 16, 3), 50 * level, np.uint8))
    writer.release()
    predict_folder(module(), tmp_path / "in", tmp_path / "out")
    written = cv2.VideoCapture(str(tmp_path / "out" / "c" / "sample_0.mp4"))
    assert written.get(cv2.CAP_PROP_FPS) == 24


def test_the_output_may_not_touch_the_input(tmp_path):
    source = save(tmp_path / "in" / "a", 3)
    before = sorted(p.read_bytes() for p in source.iterdir())
    for output in (source, source / "out", tmp_path):
        with pytest.raises(ConfigError, match="choose a folder beside it"):
            predict_folder(module(), source, output)
    assert sorted(p.read_bytes() for p in source.iterdir()) == before


def test_metrics_compare_with_what_a_clip_shows_next(tmp_path):
    source = save(tmp_path / "in" / "a", 5)
    found = predict_folder(module(), source, tmp_path / "out")
    assert found["rmse_smoke"] == pytest.approx(found["rmse_smoke_persistence"], abs=1e-3)
    assert found["clips"] == 1 and found["nfe"] == 16


def test_a_clip_that_ends_with_the_given_frames_has_futures_but_no_metrics(tmp_path):
    for count in (1, 2):
        found = predict_folder(module(), save(tmp_path / f"in{count}", count), tmp_path / "out")
        assert found.keys() == {"clips", "failed", "nfe"}
        arrays = np.load(tmp_path / "out" / f"in{count}" / "frames.npz")
        assert arrays["generated"].shape == (2, 3, 3, 8, 8) and arrays["truth"].size == 0


def test_a_damaged_clip_does_not_stop_the_others_and_all_damaged_is_an_error(tmp_path):
    bad = save(tmp_path / "in" / "bad", 1)
    (bad / "0.png").write_bytes(b"damaged")
    with pytest.warns(UserWarning), pytest.raises(MissingError, match="could be read"):
        predict_folder(module(), tmp_path / "in", tmp_path / "out")
    save(tmp_path / "in" / "good", 3)
    with pytest.warns(UserWarning):
        found = predict_folder(module(), tmp_path / "in", tmp_path / "out")
    assert found["clips"] == 1 and found["failed"] == 1
