import numpy as np
import pytest
import torch
from scipy import ndimage

from launch.errors import ConfigError
from launch.losses.nlpd import BANDS, BLUR, NLPD


def photograph(size: int = 48) -> torch.Tensor:
    """Something with structure at every scale."""
    rows, columns = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    waves = sum(torch.sin((rows + 2 * columns) / 2**k) / 6 for k in range(4))
    return (0.5 + waves / 2).clamp(0, 1).view(1, 1, size, size)


def published_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The paper's formulas on arrays, by a library of image filters."""
    bands = zip(normalised_bands(one), normalised_bands(other), strict=True)
    return float(np.mean([np.sqrt(np.mean((a - b) ** 2)) for a, b in bands]))


def normalised_bands(image: np.ndarray) -> list[np.ndarray]:
    blur = np.outer(BLUR, BLUR)
    pyramid = []
    for _ in BANDS[1:]:
        coarse = ndimage.correlate(image, blur, mode="reflect")[::2, ::2]
        zeros = np.zeros([2 * side + 4 for side in coarse.shape])
        zeros[::2, ::2] = 4 * np.pad(coarse, 1, mode="edge")
        fine = ndimage.correlate(zeros, blur, mode="constant")[2:, 2:]
        pyramid.append(image - fine[: image.shape[0], : image.shape[1]])
        image = coarse
    return [
        band / (sigma + amplitude(np.abs(band), above, below, left, right, left_2))
        for band, (above, below, left, right, left_2, sigma) in zip(
            [*pyramid, image], BANDS, strict=True
        )
    ]


def amplitude(band, above, below, left, right, left_2) -> np.ndarray:
    padded = np.pad(band, 2)
    height, width = band.shape

    def shifted(down: int, across: int) -> np.ndarray:
        return padded[2 + down : 2 + down + height, 2 + across : 2 + across + width]

    return (
        above * shifted(-1, 0)
        + below * shifted(1, 0)
        + left * shifted(0, -1)
        + right * shifted(0, 1)
        + left_2 * shifted(0, -2)
    )


@pytest.mark.parametrize("size", [(48, 48), (37, 50), (17, 18)])
def test_agrees_with_the_published_formulas(size: tuple[int, int]):
    one, other = torch.rand(2, 1, 1, *size, dtype=torch.float64)
    expected = published_distance(one[0, 0].numpy(), other[0, 0].numpy())
    assert NLPD()(one, other).item() == pytest.approx(expected, rel=1e-5)


def test_equal_images_have_distance_zero_and_no_gradient():
    image = photograph()
    pred = image.clone().requires_grad_()
    distance = NLPD()(pred, image)
    distance.backward()
    assert distance == 0
    assert torch.equal(pred.grad, torch.zeros_like(image))


def test_grows_with_blur_and_with_noise():
    image = photograph()
    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(0))
    noisy = [NLPD()(image + scale * noise, image).item() for scale in (0.01, 0.05, 0.2)]
    blurred = [
        NLPD()(torch.nn.functional.avg_pool2d(image, k, 1, k // 2), image).item() for k in (3, 5, 9)
    ]
    assert noisy == sorted(noisy)
    assert blurred == sorted(blurred)
    assert blurred[0] > 0.01


def test_the_same_error_counts_more_on_a_flat_area_than_in_a_texture():
    texture = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(1))
    flat = torch.full((1, 1, 32, 32), 0.5)
    error = 0.03 * (torch.arange(32) % 2 * 2 - 1).expand(1, 1, 32, 32)
    assert NLPD()(flat + error, flat) > 1.5 * NLPD()(texture + error, texture)


def test_colour_images_are_judged_by_luminance():
    grey = photograph()
    other = grey.flip(3)
    in_colour = NLPD()(other.expand(1, 3, 48, 48), grey.expand(1, 3, 48, 48))
    assert in_colour.item() == pytest.approx(NLPD()(other, grey).item(), rel=1e-4)


def test_a_batch_is_averaged():
    images, others = torch.rand(2, 1, 20, 20), torch.rand(2, 1, 20, 20)
    single = [NLPD()(images[i : i + 1], others[i : i + 1]).item() for i in range(2)]
    assert NLPD()(images, others).item() == pytest.approx(sum(single) / 2, rel=1e-5)


def test_too_small_an_image_is_named_with_the_smallest_size():
    with pytest.raises(ConfigError, match="at least 17 x 17 pixels, got 16 x 40"):
        NLPD()(torch.rand(1, 1, 16, 40), torch.rand(1, 1, 16, 40))
