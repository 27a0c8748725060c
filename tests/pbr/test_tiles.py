"""Maps of whole textures in tiles: on the torus a shift of the input shifts the output."""

from functools import partial

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from launch.experiments.pbr import tiles
from launch.experiments.pbr.maps import MapsFromAlbedo
from launch.experiments.pbr.models import AlbedoUNet, MapsUNet, SegFormer
from launch.experiments.pbr.seams import seam_ratios
from launch.experiments.pbr.synthetic import material
from launch.experiments.pbr.tiles import FULL, context_of, convert_tiles, mirrored, sampled, spans
from launch.train.objective import ScheduledLosses

SIDE = 64
STEPS = 9  # of 65535: less than one is lost in each of three by three tiles


def image_of(category: str = "stone", side: int = SIDE) -> np.ndarray:
    maps = material(0, category, "clean", side)
    planes = np.concatenate([maps["diffuse"], (maps["normal"] + 1) / 2], axis=-1)
    return np.rint(planes * 255).astype(np.uint8)


@pytest.fixture(scope="module")
def blurring():
    """A network that looks 4 pixels far and pads with zeros, as U-Nets do."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(6, 7, 9, padding=4), nn.Sigmoid()).eval()

    def run(image: Tensor, condition: Tensor | None, relief: Tensor) -> Tensor:
        with torch.no_grad():
            return network(image)

    return run


@pytest.mark.parametrize("wraps", [False, True])
@pytest.mark.parametrize(("size", "tile"), [(64, 32), (50, 32), (33, 64), (200, 64), (32, 32)])
def test_weights_add_up_to_one_everywhere(size, tile, wraps):
    total = np.zeros(size)
    for span in spans(size, tile, wraps):
        assert len(span.seen) % 32 == 0
        assert np.isin(span.written, span.seen).all()
        total[span.written] += span.weight
    np.testing.assert_allclose(total, 1, rtol=1e-6)


def test_places_beyond_the_edges_are_mirrored():
    assert mirrored(np.arange(-3, 7), 4).tolist() == [2, 1, 0, 0, 1, 2, 3, 3, 2, 1]


def test_a_shift_of_a_tiling_texture_shifts_its_maps(blurring):
    image, both = image_of(), (True, True)
    shifted = convert_tiles(blurring, np.roll(image, (16, 32), (0, 1)), None, both, tile=32)
    expected = np.roll(convert_tiles(blurring, image, None, both, tile=32), (16, 32), (1, 2))
    np.testing.assert_allclose(shifted.astype(int), expected, atol=STEPS)


@pytest.fixture(scope="module")
def networks() -> MapsFromAlbedo:
    """All three of a phase, with random weights and a condition that counts."""
    torch.manual_seed(0)
    maps = MapsUNet("tu-test_resnet")
    maps.usual.weights.add_(0.02 * torch.randn_like(maps.usual.weights))
    for module in (*maps.heads.values(), *maps.film.modules()):
        if isinstance(module, torch.nn.Conv2d):
            torch.nn.init.normal_(module.weight, std=0.3)
    loss, optimizer = ScheduledLosses({}), partial(torch.optim.SGD, lr=0.1)
    albedo, segformer = AlbedoUNet("tu-test_resnet"), SegFormer("mit_b0")
    module = MapsFromAlbedo(
        losses=loss, phase="B", network=maps, optimizer=optimizer,
        albedo=albedo, segformer=segformer,
    )  # fmt: skip
    return module.eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("side", "tile", "shift", "seen"),
    [(64, 64, 32, True), (128, 64, 64, True), (96, 96, 32, False), (128, 64, 32, False)],
)
def test_the_edge_of_a_tiling_texture_is_a_line_like_any_other(
    networks, monkeypatch, side, tile, shift, seen
):
    """Shifted, the edges lie inside: the maps there are the same.

    Where the texture fits into a tile, and without the classes that are `seen`, after other shifts
    than by half too.
    """
    monkeypatch.setattr(tiles, "WHOLE", 64)
    monkeypatch.setattr(tiles, "MARGIN", 32)
    both = True, True

    def maps_of(image: np.ndarray) -> np.ndarray:
        context = context_of(networks.game_condition, image, both) if seen else None
        return convert_tiles(networks.convert, image, context, both, tile).astype(int)

    image = image_of(side=side)
    maps = maps_of(image)
    assert maps.std(axis=(1, 2)).min() > 10 * STEPS
    shifted = maps_of(np.roll(image, (shift, shift), (0, 1)))
    np.testing.assert_allclose(shifted, np.roll(maps, (shift, shift), (1, 2)), atol=STEPS)


@pytest.mark.parametrize("side", [64, 100])
def test_maps_of_a_tiling_texture_tile(blurring, side):
    image = image_of(side=side)

    def seams(torus: tuple[bool, bool]) -> tuple[float, float]:
        maps = convert_tiles(blurring, image, None, torus, tile=32)
        return seam_ratios(maps.transpose(1, 2, 0) / FULL)

    assert max(seams((True, True))) < 1.2
    y, x = seams((True, False))
    assert y < 1.2
    assert x > 1.5
    y, x = seams((False, True))
    assert x < 1.2
    assert y > 1.5


def test_the_border_of_what_does_not_tile_is_that_of_its_mirror_image():
    """Whatever a network sees beyond the border of its input is not in the maps."""
    image, maps = image_of("ground", 100), []
    for beyond in ("zeros", "circular"):
        torch.manual_seed(0)
        network = nn.Conv2d(6, 7, 9, padding=4, padding_mode=beyond).requires_grad_(False)

        def run(image, condition, relief, network=network):
            return network(image).sigmoid()

        maps.append(convert_tiles(run, image, None, (False, False), tile=64))
    np.testing.assert_allclose(maps[0].astype(int), maps[1], atol=1)  # sums are rounded otherwise


@pytest.mark.parametrize("size", [(64, 64), (50, 90), (33, 40)])
def test_any_size_comes_back_at_its_size(blurring, size):
    image = np.random.default_rng(0).integers(0, 256, (*size, 6), np.uint8)
    maps = convert_tiles(blurring, image, None, (True, False), tile=32)
    assert maps.shape == (7, *size)
    assert maps.std() > 0


def test_pixels_stay_where_they_are_at_any_size():
    """What comes out is what went in: nothing is resized on the way."""
    image = np.random.default_rng(1).integers(0, 256, (70, 51, 6), np.uint8)

    def same(image, condition, relief):
        return torch.cat([image, image[:, :1]], 1)

    maps = convert_tiles(same, image, None, (True, False), 32)
    np.testing.assert_allclose(maps[:3] / FULL, image[..., :3].transpose(2, 0, 1) / 255, atol=2e-4)


def test_a_constant_network_gives_constant_maps():
    def constant(image: Tensor, condition: Tensor | None, relief: Tensor) -> Tensor:
        return image.new_full((1, 7, *image.shape[-2:]), 0.3)

    maps = convert_tiles(constant, image_of(), None, (False, True), tile=32)
    np.testing.assert_allclose(maps / FULL, 0.3, atol=STEPS / FULL)


def test_a_context_is_linear_between_its_pixels_and_goes_on_over_edges():
    context = torch.arange(4.0).expand(1, 1, 2, 4)
    places = np.arange(2), np.arange(8)
    clamped = sampled(context, places, (2, 8), (False, False))[0, 0, 0]
    assert clamped.tolist() == [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3]
    wrapped = sampled(context, places, (2, 8), (False, True))[0, 0, 0]
    assert wrapped.tolist() == [0.75, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 2.25]


@pytest.mark.parametrize("torus", [(True, True), (True, False), (False, False)])
def test_a_context_covers_the_texture_alone(torus):
    """The margin around what tiles is cut off again."""
    image = image_of()
    context = context_of(lambda whole: whole[:, :3], image, torus)
    assert context is not None
    np.testing.assert_allclose(context[0].permute(1, 2, 0), image[..., :3] / 255, atol=1e-6)


@pytest.mark.parametrize("torus", [(True, True), (False, True), (True, False)])
def test_a_context_is_alike_at_both_edges_of_an_axis_that_tiles(torus):
    """Even if what is seen depends on nothing but the distance to the edges of the picture."""

    def place(whole: Tensor) -> Tensor:
        down, right = (torch.linspace(0, 1, side) for side in whole.shape[-2:])
        return (down[:, None] + 2 * right)[None, None]

    context = context_of(place, image_of(), torus)
    assert context is not None
    for dim, tiles_here in zip((-2, -1), torus, strict=True):
        over = (context.select(dim, 0) - context.select(dim, -1)).abs().max()
        inside = context.diff(dim=dim).abs().max()
        assert (over <= inside) == tiles_here


def test_every_tile_gets_its_part_of_the_context():
    image = image_of()
    context = torch.rand(1, 7, SIDE, SIDE)

    def given(part: Tensor, condition: Tensor | None, relief: Tensor) -> Tensor:
        assert condition is not None
        return condition

    maps = convert_tiles(given, image, context, (True, False), tile=32)
    np.testing.assert_allclose(maps / FULL, context[0], atol=STEPS / FULL)


@pytest.mark.parametrize("torus", [(True, True), (False, True), (False, False)])
def test_every_tile_gets_its_part_of_the_relief_of_the_whole(torus):
    """So that it follows shifts that the tiles do not."""

    def given(part: Tensor, condition: Tensor | None, relief: Tensor) -> Tensor:
        return (0.5 + relief / 8).expand(-1, 7, -1, -1)

    image, shift = image_of(side=96), [13 * wraps for wraps in torus]
    maps = convert_tiles(given, image, None, torus, tile=64)
    assert maps.std() > 1000
    shifted = convert_tiles(given, np.roll(image, shift, (0, 1)), None, torus, tile=64)
    np.testing.assert_allclose(shifted.astype(int), np.roll(maps, shift, (1, 2)), atol=STEPS)


@pytest.mark.parametrize(("torus", "largest"), [((True, True), 48), ((False, True), 96)])
def test_the_relief_of_a_large_texture_is_that_of_a_smaller_picture(monkeypatch, torus, largest):
    image = image_of(side=96)
    whole = tiles.whole_relief(image, torus, 64)
    monkeypatch.setattr(tiles, "LARGEST", largest)
    small = tiles.whole_relief(image, torus, 64)
    assert (whole.shape[-2:], small.shape[-2:]) == ((96, 96), (48, 48))
    reduced = torch.nn.functional.avg_pool2d(whole, 2)
    assert float(torch.corrcoef(torch.stack([reduced.ravel(), small.ravel()]))[0, 1]) > 0.95
