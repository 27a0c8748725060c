"""Drawn X-rays: what is planted is visible, where the truth says, and repeatable."""

import numpy as np
import pytest

from launch.experiments.roi.synthetic import (
    FINDINGS,
    SyntheticXrays,
    Xrays,
    add_lesion,
    draw,
    draw_body,
)
from launch.train.data import rng


def many(count=60, **settings):
    return [draw(rng(0, 0, n), 32, **settings) for n in range(count)]


def test_an_image_depends_on_its_key_alone():
    first, again, other = (draw(rng(0, 0, n), 32) for n in (3, 3, 4))
    np.testing.assert_array_equal(first.image, again.image)
    assert not np.array_equal(first.image, other.image)


def test_labels_and_regions_agree():
    for xray in many():
        np.testing.assert_array_equal(xray.regions.any((1, 2)), xray.labels > 0)


def test_a_nodule_is_brighter_than_the_lung_around_it():
    """The same random numbers without noise and lesion give the background."""
    image, lungs = draw_body(rng(0, 0, 5), 32)
    healthy = image.copy()
    disk = add_lesion(image, lungs, FINDINGS.index("Nodule"), rng(0, 1, 5))
    assert (image - healthy)[disk].mean() > 0.1
    assert abs(image - healthy)[~disk].max() < 0.1


def test_lesions_are_small_and_overlap_no_distractor():
    images = many()
    covered = [x.regions.any(0).mean() for x in images if x.labels.any()]
    assert 0.01 < np.mean(covered) < 0.08
    overlap = sum((x.regions.any(0) & x.distractors).sum() for x in images)
    assert overlap < 0.01 * sum(x.distractors.sum() for x in images)


def test_the_cross_tells_the_finding_only_where_asked():
    def agreement(shortcut):
        images = many(200, shortcut=shortcut, prevalence=0.5)
        crosses = [x.distractors[:, 28:].any() for x in images]
        return np.mean([c == bool(x.labels[0]) for c, x in zip(crosses, images, strict=True)])

    assert agreement(1.0) == 1.0
    assert 0.35 < agreement(0.0) < 0.65


def test_lesions_grow_with_the_image():
    def mean_area(size):
        return np.mean([draw(rng(0, 0, n), size, 1.0).regions.mean() for n in range(10)])

    assert mean_area(64) == pytest.approx(mean_area(32), rel=0.15)


def test_data_module_draws_training_images_by_seed_and_one_validation_set():
    modules = []
    for seed in (0, 1):
        data = SyntheticXrays(train_images=4, validation_images=3, batch_size=2)
        data.seed = seed
        data.setup("fit")
        modules.append(data)
    first, second = modules
    assert isinstance(first.train_set, Xrays) and isinstance(second.train_set, Xrays)
    assert not first.train_set.images.equal(second.train_set.images)
    assert first.validation_set.images.equal(second.validation_set.images)
    assert first.fingerprint() != second.fingerprint()
    batch = next(iter(first.val_dataloader()))
    assert (
        batch["image"].shape == (3, 1, 32, 32) and batch["regions"].dtype.is_floating_point is False
    )


def test_inspection_shows_what_is_drawn(tmp_path):
    data = SyntheticXrays(train_images=4, validation_images=3)
    assert data.inspect(tmp_path) == [
        "train: 4 images of 32 pixels, made by the program",
        "validation: 3 images of 32 pixels, made by the program",
    ]
    assert {p.name for p in tmp_path.iterdir()} == {"train.png", "validation.png"}
