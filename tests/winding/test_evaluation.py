"""A straight mesh on layers that are known: its numbers, its picture and its files."""

import json
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from launch.experiments.winding.channels import Channels
from launch.experiments.winding.evaluation import background, evaluate, picture, write
from launch.experiments.winding.geometry import Scales
from launch.experiments.winding.mesh import Mesh

SIDE = 100


@pytest.fixture(scope="module")
def channels():
    """Upright layers 10 pixels apart; the last ten rows are off the slice."""
    x = np.arange(SIDE) - (SIDE - 1) / 2
    plane = np.ones((1, SIDE, SIDE), np.float32)
    cosine = (0.5 + 0.5 * np.cos(2 * math.pi * x / 10)) * plane
    valid = plane.copy()
    valid[:, -10:] = 0
    dir1 = (0.5 + 0.5 * math.cos(math.pi / 4)) * plane
    return Channels(cosine.astype(np.float32), 0.1 * plane, plane, dir1, valid)


@pytest.fixture(scope="module")
def found(channels):
    mesh = Mesh((SIDE, SIDE), rows=9, columns=5, scales=Scales())
    with torch.no_grad():
        return evaluate(mesh(torch.from_numpy(channels.stack())), channels)


def test_a_mesh_on_its_layers_is_trusted(found):
    assert found.metrics["confidence"] == pytest.approx(1)
    assert found.metrics["suspected_slips"] == 0
    assert found.confidence.shape == (1, 5)


def test_without_a_truth_there_is_no_error(found):
    assert found.error is None
    assert not [name for name in found.metrics if "truth" in name]


def test_a_vertex_is_seen_inside_the_image_and_on_the_slice(found):
    y = found.xy[..., 1]
    assert found.seen.shape == y.shape == (1, 9, 5)
    assert found.seen[y < SIDE - 11].all()
    assert not found.seen[y > SIDE - 10].any()


def test_the_picture_is_drawn_on_the_grey_slice_where_there_is_one(channels, found):
    np.testing.assert_array_equal(background(channels), channels.cosine[0])
    grey = np.full_like(channels.cosine, 0.5)
    np.testing.assert_array_equal(background(replace(channels, picture=grey)), grey[0])
    assert picture(found, channels).shape[:2] == (7 * SIDE, 7 * SIDE)  # 7 is 768 // 100


def test_a_person_takes_home_polylines_a_surface_and_a_picture(channels, found, tmp_path):
    write(tmp_path / "out", found, channels, step=10)
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "polylines.json", "tifxyz", "overlay.png",
    }  # fmt: skip
    assert json.loads((tmp_path / "out" / "polylines.json").read_text())
