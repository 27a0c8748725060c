from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from launch.experiments.smoke.latents import Latents
from launch.experiments.smoke.predict import find, longest, predict_folder
from launch.experiments.smoke.rollout import Sampling

from launch.errors import MissingError


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


def test_clips_are_a_video_folders_of_videos_or_folders_of_frames(tmp_path):
    assert list(find(save(tmp_path / "a", 2))) == ["a"]
    save(tmp_path / "b", 2)
    assert list(find(tmp_path)) == ["a", "b"]
    (tmp_path / "c.mp4").write_bytes(b"")
    assert list(find(tmp_path)) == ["c"] == list(find(tmp_path / "c.mp4"))
    with pytest.raises(MissingError, match="does not exist"):
        find(tmp_path / "none")


def test_the_longest_undamaged_piece_is_taken(tmp_path):
    files = sorted(save(tmp_path, 6).iterdir())
    files[1].write_bytes(b"")
    with pytest.warns(UserWarning, match=r"1\.png is damaged"):
        assert len(longest(files, "c", 8)) == 4


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
