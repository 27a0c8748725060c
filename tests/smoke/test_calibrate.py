import math

import pytest
import torch
from launch.experiments.smoke.calibrate import MODES, measure, picture, table
from launch.experiments.smoke.weighting import View


def scored():
    """Smoke in the upper half; the pixel score ranks it perfectly, the norm the wrong way round."""
    brightness = torch.zeros(2, 1, 4, 4)
    brightness[:, :, :2] = 0.3
    return {"latent_norm": 1 - brightness, "black_distance": brightness * 2, "pixel": brightness}


def test_ratios_and_the_ranking_of_every_mode_are_measured():
    found = measure(scored(), scored()["pixel"])
    assert [found[f"auroc/{mode}"] for mode in MODES] == [0, 1, 1]
    assert found["smoke_ratio/latent_norm/0.2"] == 1
    assert [found[f"smoke_ratio/pixel/{t}"] for t in ("0.05", "0.1", "0.2", "auto")] == [0.5] * 4
    assert found["auto_threshold/black_distance"] == 0


def test_without_smoke_there_is_no_ranking():
    assert math.isnan(measure(scored(), torch.zeros(2, 1, 4, 4))["auroc/pixel"])


def test_the_table_has_a_row_for_every_mode():
    found = measure(scored(), scored()["pixel"]) | {"smoke_pixels": 0.5}
    assert table(found).row_count == len(MODES)


def test_the_picture_has_frames_and_two_rows_for_every_mode():
    view = View(torch.zeros(2, 3, 4, 4), torch.zeros(2, 3, 16, 16))
    drawn = picture(view, scored(), measure(scored(), scored()["pixel"]))
    rows = 1 + 2 * len(MODES)
    assert drawn.shape[0] % rows == 0 and drawn.shape[1] % 6 == 0
    assert drawn.max() == pytest.approx(255)
