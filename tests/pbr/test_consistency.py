"""Metrics that need no truth, on predictions of which the answer is known."""

import pytest
import torch
from torch.nn.functional import normalize

from launch.experiments.pbr.consistency import consistency, mirrored, seam

SIDE = 48


@pytest.fixture
def batch():
    random = torch.Generator().manual_seed(0)
    normal = (
        torch.rand(2, 3, SIDE, SIDE, generator=random) + torch.tensor([0, 0, 1.0])[:, None, None]
    )
    diffuse = torch.rand(2, 3, SIDE, SIDE, generator=random) / 2
    return {"diffuse": diffuse, "normal": normalize(normal), "game": torch.ones(2)}


def test_the_identity_moves_with_the_texture_and_keeps_all_light(batch):
    found = consistency(lambda shown: shown["diffuse"], batch)
    zero = torch.zeros(2)
    torch.testing.assert_close(found["roll"], zero)
    torch.testing.assert_close(found["flip"], zero)
    torch.testing.assert_close(found["relight"], torch.ones(2))
    torch.testing.assert_close(found["seam"], torch.ones(2))


def test_a_constant_removes_all_light(batch):
    found = consistency(lambda shown: torch.full_like(shown["diffuse"], 0.5), batch)
    assert {name: float(values.sum()) for name, values in found.items()} == dict.fromkeys(
        found, 0.0
    )


def test_what_is_told_from_the_place_in_the_picture_is_seen(batch):
    """A border, as zero padding draws it, stays where it is while the texture moves."""
    border = torch.zeros(SIDE, SIDE)
    border[:, :2] = 1
    found = consistency(lambda shown: shown["diffuse"] + border, batch)
    assert (found["roll"] > 0.05).all()
    assert (found["flip"] > 0.05).all()
    assert (found["seam"] > 2).all()


def test_a_mirrored_texture_has_mirrored_slopes(batch):
    turned = mirrored(batch)
    torch.testing.assert_close(turned["normal"][:, 0], -batch["normal"][:, 0].flip(-1))
    torch.testing.assert_close(turned["normal"][:, 1:], batch["normal"][:, 1:].flip(-1))
    torch.testing.assert_close(mirrored(turned)["diffuse"], batch["diffuse"])


@pytest.mark.parametrize(("cycles", "ratio"), [(2.0, 1.0), (2.5, 8.0)])
def test_a_seam_is_a_step_larger_than_those_inside(cycles, ratio):
    """Whole waves go on over the edge; half a wave more jumps from top to bottom."""
    x = torch.linspace(0, 1, SIDE + 1)[:-1]
    wave = torch.cos(2 * torch.pi * cycles * x).expand(1, 1, SIDE, SIDE)
    found = float(seam(wave))
    assert found < ratio if cycles == 2.0 else found > ratio
