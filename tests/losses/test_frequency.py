import math

import pytest
import torch

from launch.losses.frequency import Frequency


def test_a_constant_offset_is_one_frequency():
    value = Frequency()(torch.full((1, 1, 8, 8), 0.5), torch.zeros(1, 1, 8, 8))
    direct_current = 0.5 * math.sqrt(64)  # orthonormal: mean * sqrt(H W), real
    assert value.item() == pytest.approx(direct_current / (8 * 5 * 2))


def test_a_wave_is_one_frequency_with_phase():
    x = torch.arange(8) * (2 * math.pi / 8)
    wave = torch.sin(2 * x).expand(1, 1, 8, 8)
    value = Frequency()(wave, torch.zeros_like(wave))
    amplitude = math.sqrt(64) / 2  # all of it imaginary
    assert value.item() == pytest.approx(amplitude / (8 * 5 * 2), rel=1e-5)


def test_independent_of_where_the_images_are_equal():
    pred, target = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 8, 8)
    assert torch.allclose(Frequency()(pred + 3, target + 3), Frequency()(pred, target), atol=1e-6)


def test_half_precision_is_computed_in_float32():
    half = torch.rand(1, 3, 6, 6).bfloat16()
    assert Frequency()(half, half.flip(3)).dtype == torch.float32
