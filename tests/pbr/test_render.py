"""Materials under lights: what a diffuse can and cannot come from."""

import pytest
import torch

from launch.experiments.pbr.render import GAMMA, LIGHTS, render, reproduction_error, rerender_error
from launch.experiments.pbr.synthetic import material

SIDE = 32


@pytest.fixture
def maps():
    made = material(0, "stone", "clean", SIDE)
    planes = {n: torch.from_numpy(v).float().reshape(SIDE, SIDE, -1) for n, v in made.items()}
    return {name: values.permute(2, 0, 1)[None] for name, values in planes.items()}


def mixture(maps):
    lit = [render(maps, *at) ** GAMMA for at in LIGHTS]
    return (0.5 * lit[0] + 0.3 * lit[1] + 0.2 * lit[3]) ** (1 / GAMMA)


def test_a_material_explains_its_own_look_under_any_mix_of_lights(maps):
    assert float(reproduction_error(maps, mixture(maps))) < 1e-3


def test_wrong_maps_explain_less_of_a_look(maps):
    seen = mixture(maps)
    grey = maps | {"albedo": maps["albedo"].mean(dim=(2, 3), keepdim=True).expand(1, 3, SIDE, SIDE)}
    flat = maps | {"normal": torch.tensor([0, 0, 1.0])[:, None, None].expand(1, 3, SIDE, SIDE)}
    for wrong in (grey, flat):
        assert float(reproduction_error(wrong, seen)) > 0.02
        assert float(rerender_error(wrong, maps).mean()) > 0.02
    assert float(rerender_error(maps, maps).mean()) == 0
