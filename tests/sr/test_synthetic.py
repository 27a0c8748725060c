"""The embedded data module: the same scenes in every run, other crops for other seeds."""

import pytest
import torch

from launch.errors import ConfigError
from launch.experiments.sr.pairs import shrink
from launch.experiments.sr.synthetic import SyntheticScenes


def small(seed=0, **settings):
    given = {"crop": 8, "batch_size": 4, "scenes": 3, "size": 64, "validation_images": 2}
    data = SyntheticScenes(**(given | settings))
    data.seed, data.last_batch = seed, 2
    data.setup("fit")
    return data


def test_batches_and_validation_images():
    data = small()
    for batch in data.train_dataloader():
        assert batch["low"].shape == (4, 3, 8, 8) and batch["high"].shape == (4, 3, 32, 32)
    validation = list(data.val_dataloader())
    assert [v["high"].shape for v in validation] == [(1, 3, 64, 64)] * 2


def test_the_seed_moves_crops_but_not_scenes():
    one, other = small(seed=0), small(seed=1)
    assert one.fingerprint() == other.fingerprint()
    ours, theirs = ([v["low"] for v in d.val_dataloader()] for d in (one, other))
    torch.testing.assert_close(ours, theirs)
    first, second = next(iter(one.train_dataloader())), next(iter(other.train_dataloader()))
    assert not torch.equal(first["low"], second["low"])
    torch.testing.assert_close(first, next(iter(small(seed=0).train_dataloader())))


def test_low_resolution_is_bicubic_of_scenes_cut_to_the_scale():
    pair = small(scale=3, size=65).train_set.pairs[0]
    assert pair.high.shape == (3, 63, 63)
    assert (pair.low == shrink(pair.high, 3)).all()


def test_validate_draws_no_training_scene():
    data = SyntheticScenes(size=64, crop=8, validation_images=1)
    data.setup("validate")
    assert data.train_set is None and len(data.validation_set) == 1


@pytest.mark.parametrize(("crop", "size", "least"), [(64, 128, 256), (2, 16, 23)])
def test_a_scene_must_hold_a_crop_and_an_ssim_window(crop, size, least):
    with pytest.raises(ConfigError, match=f"size is {size} and must be at least {least}"):
        SyntheticScenes(crop=crop, size=size)
