"""What is usual for a texture: statistics, and regressions from them or from its class."""

import pytest
import torch

from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.layers import CLEAN, GAME, Material, pack
from launch.experiments.pbr.synthetic import material
from launch.experiments.pbr.usual import (
    LOOKS,
    PENALTIES,
    Usual,
    around,
    examples,
    moments,
    ridge,
    statistics,
)

CLASSES = 3


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def textures(count: int = 40) -> torch.Tensor:
    """Flat colours with noise of different strength, and flat normals."""
    colour = random(count, 3, 1, 1) + random(count, 1, 1, 1, seed=1) * random(count, 3, 64, 64)
    return torch.cat([colour / 2, torch.zeros_like(colour)], dim=1)


def brightness(image: torch.Tensor) -> torch.Tensor:
    return image[:, :3].mean(dim=(1, 2, 3))


def kinds(count: int = 40) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.arange(count) % CLASSES, CLASSES).float()


def seen(classes: torch.Tensor) -> torch.Tensor:
    """Classes as the condition of a network, with two channels more."""
    return torch.nn.functional.pad(classes[:, :, None, None], (0, 0, 0, 0, 0, 2))


def fitted(image: torch.Tensor, maps: torch.Tensor) -> Usual:
    usual = Usual(CLASSES)
    usual.fit(image[None], kinds(len(image)), maps)
    return usual


def test_statistics_tell_colour_contrast_and_slopes():
    image = textures(2)
    found = statistics(moments(image).mean(dim=(2, 3), keepdim=True))[:, :, 0, 0]
    torch.testing.assert_close(found[:, :3], image[:, :3].mean(dim=(2, 3)))
    deviation = image[:, :3].mean(dim=1).flatten(1).std(dim=1, correction=0)
    torch.testing.assert_close(found[:, 4].exp(), deviation, rtol=1e-2, atol=1e-3)
    torch.testing.assert_close(found[:, 6].exp(), torch.full((2,), 0.002))  # flat


@pytest.mark.parametrize("side", [128, 512])
def test_statistics_do_not_depend_on_the_size(side):
    image = textures(2)
    large = torch.nn.functional.interpolate(image, (side, side))
    first, second = (statistics(moments(x).mean((2, 3), True)) for x in (image, large))
    torch.testing.assert_close(first, second)


def test_what_is_around_counts_less_the_further_it_is_away():
    point = torch.zeros(1, 1, 8, 8)
    point[..., 0, 0] = 1
    found = around(point)[0, 0]
    torch.testing.assert_close(found.sum(), torch.tensor(1.0))
    assert found[0, 0] > found[0, 1] > found[0, 2] > found[0, 4] == 0
    torch.testing.assert_close(found[0, 1], found[0, 7])  # the torus


@pytest.mark.parametrize("sides", [(96, 64), (160, 192), (512, 512)])
def test_a_shift_of_the_torus_shifts_what_is_usual(sides):
    usual, image = Usual(CLASSES), random(1, 6, *sides)
    usual.weights[-1 - LOOKS :] += 0.02 * random(LOOKS + 1, 4, seed=1)
    shifted = usual(image.roll((32, -32), (2, 3)), None)
    for name, values in usual(image, None).items():
        torch.testing.assert_close(shifted[name], values.roll((32, -32), (2, 3)))


def test_what_the_look_tells_is_found_and_unknown_maps_are_left_out():
    image = textures()
    maps = brightness(image)[:, None].repeat(1, 4)
    maps[::2, 2], maps[:, 3] = torch.nan, torch.nan
    found = fitted(image, maps)(image, seen(kinds()))
    error = (found["ao"].mean(dim=(1, 2, 3)) - maps[:, 0]).abs().mean()
    assert error < 0.1 * (maps[:, 0] - maps[:, 0].mean()).abs().mean()
    assert (found["height"] == 0.5).all()  # nobody knows it


def test_what_the_class_tells_is_told_by_the_class_but_never_metal():
    image, classes = textures(), kinds()
    values = classes @ torch.tensor([0.1, 0.5, 0.9])
    usual = fitted(image, values[:, None].expand(-1, 4))
    told, unknown = usual(image, seen(classes)), usual(image, None)
    torch.testing.assert_close(told["height"].mean(dim=(1, 2, 3)), values, atol=0.01, rtol=0)
    torch.testing.assert_close(unknown["height"].mean(dim=(1, 2, 3)), values.mean().expand(40))
    torch.testing.assert_close(told["metallic"], unknown["metallic"])


@pytest.mark.parametrize("signal", [0.0, 1.0])
def test_the_penalty_is_the_best_at_leaving_one_out(signal, monkeypatch):
    """Of a material all versions are left out at once."""
    rows, noise = random(12, 2, 20).double(), random(12, seed=1).double()
    values = noise + signal * rows[:, 0, 0]

    def weights(chosen: list[int], penalty: float) -> torch.Tensor:
        monkeypatch.setattr("launch.experiments.pbr.usual.PENALTIES", [penalty])
        return ridge(rows[chosen], values[chosen])[0]

    def error(penalty: float) -> float:
        total = 0.0
        for i in range(12):
            found = weights([j for j in range(12) if j != i], penalty * 12 / 11)  # by the row
            total += float((values[i] - rows[i] @ found[:-1] - found[-1]).abs().mean())
        return total / 12

    found, lowest = ridge(rows, values)
    best = min(PENALTIES, key=error)
    assert lowest == pytest.approx(error(best), rel=1e-4)
    torch.testing.assert_close(found, weights(list(range(12)), best))


def test_materials_are_seen_as_they_are_and_as_games_show_them():
    made = [material(i, name, GAME if i == 6 else CLEAN, 64) for i, name in enumerate(KEPT)]
    whole = [Material(n, CLEAN, i, pack(made[i])) for i, n in enumerate(KEPT)]
    whole[6].domain = GAME
    whole[0].truth = ("albedo", "height")
    whole[1].truth = ("albedo",)
    images, classes, maps = examples(whole, len(KEPT))
    assert images.shape == (4, 6, 6, 64, 64)  # one has nothing to tell
    assert maps.isnan().any(dim=1).tolist() == [True, *5 * [False]]
    assert classes.sum(dim=1).tolist() == [*5 * [1], 0]  # of the game nobody tells the class
    albedo = torch.from_numpy(made[0]["albedo"]).permute(2, 0, 1).float()
    torch.testing.assert_close(images[0, 0, :3], albedo, atol=0.01, rtol=0)
    assert (images[3, :, 3:5] == 0).all() and (images[3, :, 5] == 1).all()
    torch.testing.assert_close(maps[0, 3], torch.tensor(made[0]["height"]).median().float())
    assert torch.equal(examples(whole, len(KEPT))[0], images)
