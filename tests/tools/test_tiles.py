"""A picture made of tiles is the picture made at once."""

import pytest
import torch
from torch import nn

from launch.tools.tiles import tile_weights, tiled

SCALE = 2


@pytest.fixture(scope="module")
def network():
    """18 convolutions of 3x3: it looks 18 pixels far, as Compact with 16 inner layers does."""
    torch.manual_seed(0)
    inner = [m for _ in range(16) for m in (nn.Conv2d(8, 8, 3, padding=1), nn.LeakyReLU(0.2))]
    first, last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3 * SCALE**2, 3, padding=1)
    network = nn.Sequential(first, *inner, last, nn.PixelShuffle(SCALE)).eval()
    for parameter in network.parameters():
        parameter.requires_grad_(False).mul_(2.5 if parameter.ndim == 4 else 1)
    return network


def nearest(images):
    return images.repeat_interleave(SCALE, -1).repeat_interleave(SCALE, -2)


@pytest.mark.parametrize(("height", "width"), [(100, 90), (97, 40), (81, 80), (200, 20), (3, 5)])
def test_tiled_equals_whole_whatever_the_size(network, height, width):
    images = torch.rand(1, 3, height, width)
    whole = network(images)
    assert whole.std() > 0.01
    got = tiled(network, images, SCALE, tile=80, overlap=32)
    torch.testing.assert_close(got, whole, atol=1e-5, rtol=0)


def test_a_network_that_differs_from_tile_to_tile_fades_without_a_step():
    """Each tile is filled with its own mean; neighbours in the result must not jump."""
    ramp = torch.linspace(0, 1, 192).expand(1, 3, 16, 192)

    def mean(images):
        return nearest(images.mean(dim=(-2, -1), keepdim=True).expand_as(images))

    result = tiled(mean, ramp, SCALE, tile=96, overlap=32)
    assert (result[..., 1:] - result[..., :-1]).max() < 0.02
    assert result[..., -1].mean() - result[..., 0].mean() > 0.4


@pytest.mark.parametrize("overlap", [0, 1, 8])
@pytest.mark.parametrize("size", [33, 64, 65, 100])
def test_weights_of_all_tiles_sum_to_one(size, overlap):
    total = torch.zeros(size * SCALE)
    for start, weights in tile_weights(size, 32, overlap, SCALE):
        assert len(weights) == 32 * SCALE
        total[start * SCALE : start * SCALE + len(weights)] += weights
    torch.testing.assert_close(total, torch.ones(size * SCALE))


def test_outer_pixels_of_a_tile_count_nothing_except_at_the_border():
    first, second = tile_weights(160, 112, 32, 1)
    assert (first[0], second[0]) == (0, 48)
    assert (first[1][:48] == 1).all() and (second[1][-48:] == 1).all()
    assert (first[1][-20:] == 0).all() and (second[1][:20] == 0).all()


def test_batches_and_other_dtypes_pass_through():
    images = torch.rand(2, 1, 40, 50, dtype=torch.float64)
    torch.testing.assert_close(tiled(nearest, images, SCALE, tile=24, overlap=4), nearest(images))


def test_a_tile_of_overlap_only_is_refused():
    with pytest.raises(ValueError, match="twice its overlap, got 64 and 32"):
        tiled(nearest, torch.rand(1, 3, 8, 8), SCALE, tile=64, overlap=32)


def test_a_network_may_have_its_own_number_of_channels_and_keep_the_size():
    images = torch.rand(1, 3, 60, 70)
    got = tiled(lambda x: x.sum(1, keepdim=True).repeat(1, 5, 1, 1), images, tile=32, overlap=8)
    torch.testing.assert_close(got, images.sum(1, keepdim=True).repeat(1, 5, 1, 1))


@pytest.mark.parametrize("tile", [24, 256])
def test_on_a_torus_a_shift_of_the_picture_shifts_the_result(tile):
    """Also for a picture that is smaller than its overlap."""
    torch.manual_seed(0)
    blur = nn.Conv2d(1, 1, 5, padding=2, bias=False).requires_grad_(False)
    images = torch.rand(1, 1, 30, 7)
    settings = {"tile": tile, "overlap": 8, "wrap": True}
    shifted = tiled(blur, images.roll((11, 3), (2, 3)), **settings)
    torch.testing.assert_close(shifted, tiled(blur, images, **settings).roll((11, 3), (2, 3)))
