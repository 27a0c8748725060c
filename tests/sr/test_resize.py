"""The bicubic of the literature: MATLAB's numbers, its definition, and real photographs."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from launch.experiments.sr.resize import downscale, quantise, upscale

# What MATLAB printed for imresize(A, size(A) * 2, 'bicubic') on a page of 2011,
# https://www.mathworks.com/matlabcentral/answers/1628. That version repeated the edge pixel where
# today's mirrors the image, so the outermost rows and columns are not compared.
MATLAB_INPUT = [[3, 1, 2, 6], [1, 5, 2, 7], [1, 3, 6, 2], [4, 1, 9, 2]]
MATLAB_OUTPUT = [
    [3.3109, 2.6187, 1.1206, 0.7166, 1.4067, 2.8883, 5.1615, 6.2060],
    [2.6454, 2.4435, 2.0052, 1.7138, 1.5692, 2.8062, 5.4248, 6.6307],
    [1.2008, 2.0609, 3.9181, 3.8763, 1.9355, 2.6382, 5.9844, 7.5302],
    [0.4985, 1.6796, 4.2357, 4.6921, 3.0489, 3.2618, 5.3307, 6.2876],
    [0.5384, 1.2996, 2.9579, 4.1612, 4.9094, 4.6769, 3.4639, 2.9028],
    [1.5500, 1.6768, 1.9697, 3.5367, 6.3776, 6.1378, 2.8173, 1.2798],
    [3.5334, 2.8110, 1.2710, 2.8185, 7.4537, 7.6444, 3.3907, 1.4186],
    [4.4466, 3.3344, 0.9529, 2.4891, 7.9430, 8.3334, 3.6605, 1.4930],
]
FACTORS = [1, 2, 3, 4, 8]


def keys(x):
    """Keys 1981, equation 4, with a = -0.5."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def imresize_matrix(length, new_length):
    """Row i holds what each input pixel contributes to output pixel i, written out directly."""
    factor = new_length / length
    squeeze = min(factor, 1.0)
    matrix = np.zeros((new_length, length))
    for i in range(new_length):
        centre = (i + 0.5) / factor - 0.5
        reach = int(2 / squeeze) + 2
        for j in range(int(centre) - reach, int(centre) + reach + 1):
            inside = j % (2 * length)
            inside = min(inside, 2 * length - 1 - inside)
            matrix[i, inside] += squeeze * keys(squeeze * (centre - j))
    return matrix / matrix.sum(axis=1, keepdims=True)


def imresize(images, factor):
    rows = imresize_matrix(images.shape[-2], round(images.shape[-2] * factor))
    columns = imresize_matrix(images.shape[-1], round(images.shape[-1] * factor))
    return torch.from_numpy(rows @ images.numpy() @ columns.T)


def test_upscale_gives_the_numbers_that_matlab_printed():
    images = torch.tensor(MATLAB_INPUT, dtype=torch.float64)[None, None]
    got = upscale(images, 2)[0, 0].numpy()
    np.testing.assert_allclose(got[1:-1, 1:-1], np.array(MATLAB_OUTPUT)[1:-1, 1:-1], atol=5.1e-5)


@pytest.mark.parametrize("scale", FACTORS)
def test_downscale_is_imresize_up_to_the_border(scale):
    images = torch.rand(2, 3, 12 * scale, 7 * scale, dtype=torch.float64)
    torch.testing.assert_close(downscale(images, scale), imresize(images, 1 / scale))


@pytest.mark.parametrize("scale", FACTORS)
def test_upscale_is_imresize_up_to_the_border(scale):
    images = torch.rand(2, 3, 12, 7, dtype=torch.float64)
    torch.testing.assert_close(upscale(images, scale), imresize(images, scale))


@pytest.mark.parametrize("side", [1, 2, 3])
def test_images_smaller_than_the_kernel(side):
    images = torch.rand(1, 1, side, side, dtype=torch.float64)
    torch.testing.assert_close(upscale(images, 4), imresize(images, 4))
    large = upscale(images, 4)
    torch.testing.assert_close(downscale(large, 4), imresize(large, 0.25))


def test_weights_of_halving_by_hand():
    """0.5 Keys(0.5 x) at x = 3.5, 1.5, -0.5, -2.5."""
    impulse = torch.zeros(1, 1, 32, 32, dtype=torch.float64)
    impulse[..., 16, :] = 1
    got = downscale(impulse, 2)[0, 0, 6:10, 8]
    expected = torch.tensor([-0.01171875, 0.11328125, 0.43359375, -0.03515625]).double()
    torch.testing.assert_close(got, expected)


def test_the_inside_of_a_ramp_stays_a_ramp():
    ramp = torch.arange(64.0, dtype=torch.float64).expand(1, 1, 64, 64)
    low = downscale(ramp, 4)[0, 0, 0]
    torch.testing.assert_close(low[2:-2], torch.arange(16).double()[2:-2] * 4 + 1.5)
    high = upscale(low.expand(1, 1, 16, 16), 4)[0, 0, 0]
    torch.testing.assert_close(high[16:-16], ramp[0, 0, 0, 16:-16])


def test_torch_alone_differs_at_the_border_only():
    images = torch.rand(1, 1, 40, 40, dtype=torch.float64)
    plain = F.interpolate(images, scale_factor=0.25, mode="bicubic", antialias=True)
    difference = (plain - downscale(images, 4)).abs()
    assert difference[..., 2:-2, 2:-2].max() < 1e-12
    assert difference.max() > 1e-3


def test_single_precision_rounds_to_the_same_8_bits():
    images = quantise(torch.rand(1, 3, 64, 64))
    single = quantise(downscale(images, 4))
    double = quantise(downscale(images.double(), 4))
    assert ((single - double).abs() > 1e-3).float().mean() < 0.01


def test_gradients_flow():
    images = torch.rand(1, 1, 4, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: upscale(x, 2), images)


def test_sides_must_be_multiples():
    with pytest.raises(ValueError, match="multiples of 4, got 10x8; cut them"):
        downscale(torch.rand(1, 3, 10, 8), 4)


def test_quantise_clips_and_rounds_to_256_levels():
    got = quantise(torch.tensor([-0.1, 0.0, 0.501 / 255, 0.499 / 255, 1.0, 1.1])) * 255
    torch.testing.assert_close(got, torch.tensor([0.0, 0, 1, 0, 255, 255]))
