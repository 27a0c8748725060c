"""Pictures of masks, pixel by pixel."""

import numpy as np
import torch

from launch.experiments.roi.loading import normalised
from launch.experiments.roi.pictures import MASK, REGION, enlarge, heat, overlay, panel, to_grey

SIZE = 8


def image(brightness):
    return torch.from_numpy(normalised(np.full((SIZE, SIZE), brightness)))


def test_a_normalised_image_is_shown_at_its_brightness():
    grey = to_grey(image(0.6))
    assert grey.shape == (SIZE, SIZE, 3)
    assert (grey == 153).all()  # 0.6 x 255


def test_only_the_pixels_of_a_mask_are_tinted():
    mask = torch.zeros(SIZE, SIZE)
    mask[:, :3] = 1
    shown = overlay(to_grey(image(0.4)), mask)
    assert (shown[:, 3:] == 102).all()
    assert (shown[:, :3] == np.rint(0.55 * 102 + 0.45 * MASK)).all()


def test_saliency_goes_from_black_to_white():
    ramp = torch.linspace(-3, 5, SIZE).repeat(SIZE, 1)
    shown = heat(ramp, 2 * SIZE)
    assert shown.shape == (2 * SIZE, 2 * SIZE, 3)
    assert shown[0, ::2, 0].tolist() == [round(255 * n / 7) for n in range(SIZE)]
    assert not heat(torch.ones(SIZE, SIZE), SIZE).any()  # nothing stands out


def test_small_pictures_grow_by_a_whole_number():
    assert enlarge(np.zeros((50, 50, 3))).shape == (150, 150, 3)
    assert enlarge(np.zeros((200, 200, 3))).shape == (200, 200, 3)


def test_a_row_shows_image_regions_saliency_and_mask():
    regions, mask = torch.zeros(2, 1, SIZE, SIZE), torch.ones(2, 1, SIZE, SIZE)
    regions[0] = 1
    batch = {"image": torch.stack([image(0.5)] * 2)[:, None], "regions": regions}
    rows = panel(batch, torch.zeros(2, 1, SIZE, SIZE), mask, torch.zeros(2, 1))
    side = 160
    assert [row.shape for row in rows] == [(side, 4 * side, 3)] * 2
    grey = np.full(3, 128)
    tinted = [np.rint(0.55 * grey + 0.45 * colour) for colour in (REGION, MASK)]
    assert [rows[0][0, n * side].tolist() for n in range(4)] == [
        grey.tolist(), tinted[0].tolist(), [0, 0, 0], tinted[1].tolist()
    ]  # fmt: skip
    assert rows[1][0, side].tolist() == grey.tolist()  # nobody marked anything there
