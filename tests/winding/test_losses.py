"""Loss terms against values known in closed form, on straight layers."""

import math
from dataclasses import replace

import pytest
import torch
from launch.experiments.winding import losses
from launch.experiments.winding.channels import encode_gradient
from launch.experiments.winding.geometry import FitResult
from launch.experiments.winding.mesh import Mesh
from launch.experiments.winding.terms import TERMS
from torch import Tensor

from launch.masks.scheduled import ScheduledMask, ScheduledMasks

SIZE = (100, 120)


def layers(pitch: float = 10.0, shift: float = 0.0, density: float = 1.0) -> Tensor:
    """Upright layers, one through the centre moved by `shift` pixels."""
    x = torch.arange(120.0) - 59.5 - shift
    cosine = (0.5 + 0.5 * torch.cos(2 * math.pi * x / pitch)).expand(SIZE)
    dir0, dir1 = (torch.from_numpy(c) for c in encode_gradient(*torch.eye(2)[:, 0, None].numpy()))
    ones = torch.ones(SIZE)
    return torch.stack([cosine, density * ones / pitch, dir0 * ones, dir1 * ones, ones])[None]


def fit(maps: Tensor | None = None, theta: float = 0.0) -> FitResult:
    mesh = Mesh(SIZE, frac_rows=0.6, frac_columns=0.5)
    with torch.no_grad():
        mesh.theta.fill_(theta)
    return mesh(layers() if maps is None else maps)


def gated(result: FitResult, columns: slice, *terms: str) -> FitResult:
    """The same fit with a mask that is 1 in some columns of the image only."""

    class Part:
        memory: dict = {}  # noqa: RUF012

        def generate(self, *_: object) -> Tensor:
            image = torch.zeros(1, 1, *SIZE)
            image[..., columns] = 1
            return image

    masks = ScheduledMasks([ScheduledMask("part", terms, Part())])
    masks.build(0, {"size": SIZE})
    return replace(result, masks=masks)


def test_terms_and_classes_declare_the_same() -> None:
    for name, term in TERMS.items():
        loss = getattr(losses, term.loss)
        assert loss.honours_masks == term.honours_masks, name


def test_a_perfect_fit_costs_next_to_nothing() -> None:
    result = fit()
    for name, term in TERMS.items():
        if name in ("contr", "data", "data_grad"):  # amplitude and bias start elsewhere
            continue
        assert getattr(losses, term.loss)()(result, name) < 2e-3, name


def test_half_a_pitch_off_is_the_worst_phase() -> None:
    shifts = [0.0, 2.5, 5.0]
    values = [losses.DataPlain()(fit(layers(shift=s))).item() for s in shifts]
    # mean of (cos a - cos(a + 2 pi shift / pitch))^2 / 4; linear interpolation costs a little
    assert values == pytest.approx([0, 0.25, 0.5], abs=0.03)


def test_gradmag_measures_the_spacing_and_not_the_phase() -> None:
    assert losses.GradMag()(fit(layers(shift=3.0))) < 1e-4
    assert losses.GradMag()(fit(layers(density=1.1))).item() == pytest.approx(0.01, rel=0.01)
    assert losses.GradMag(per_sample=True)(fit(layers(density=1.1))).item() == pytest.approx(
        0.01, rel=0.01
    )


def test_gradmag_counts_full_resolution_pixels() -> None:
    result = fit(layers(density=0.25))
    coarse = replace(result, scales=replace(result.scales, downscale=4.0))
    assert losses.GradMag()(coarse) < 1e-4


def test_a_direction_and_its_opposite_are_the_same_but_not_its_mirror_image() -> None:
    vector = torch.tensor([[0.3, 0.9], [-0.3, -0.9], [0.3, -0.9]])
    code = losses.encode(vector)
    assert torch.allclose(code[:, 0], code[:, 1])
    assert torch.allclose(code[0, 0], code[0, 2])
    assert (code[1, 0] - code[1, 2]).abs() > 0.3


@pytest.mark.parametrize("loss", [losses.DirectionAlong(), losses.DirectionAcross()])
def test_a_turned_mesh_is_seen_by_both_direction_terms(loss: losses.WindingLoss) -> None:
    angle = 0.3
    code = losses.encode(torch.tensor([math.cos(angle), math.sin(angle)]))
    straight = losses.encode(torch.tensor([1.0, 0.0]))
    expected = 0.5 * float((code - straight).square().sum())
    assert loss(fit(theta=angle)).item() == pytest.approx(expected, rel=1e-3)


def test_step_is_relative() -> None:
    result = fit()
    assert losses.Step()(replace(result, xy=2 * result.xy)).item() == pytest.approx(1, rel=1e-4)


def test_smoothness_is_a_second_difference() -> None:
    result = fit()
    rows = torch.arange(7.0).view(1, 7, 1)
    bent = result.xy.detach().clone()
    bent[..., 0] += 0.5 * rows**2
    assert losses.SmoothAlong()(replace(result, xy=bent)).item() == pytest.approx(1, rel=1e-3)
    assert losses.SmoothAcross()(replace(result, xy=bent)) < 1e-6


def test_angle_is_0_for_a_right_angle_and_one_half_for_45_degrees() -> None:
    result = fit()
    sheared = result.xy.clone()
    sheared[..., 0] += sheared[..., 1]
    assert losses.Angle()(result) < 1e-6
    assert losses.Angle()(replace(result, xy=sheared)).item() == pytest.approx(0.5, rel=1e-4)


def test_mean_position_contrast_and_slices() -> None:
    result = fit()
    moved = replace(result, xy=result.xy + torch.tensor([3.0, 4.0]))
    assert losses.MeanPosition()(moved).item() == pytest.approx(25, rel=1e-3)
    flat = replace(result, amp=torch.full_like(result.amp, 0.5), bias=torch.zeros_like(result.bias))
    assert losses.Contrast()(flat).item() == pytest.approx(0.25)
    stack = torch.cat([result.xy, result.xy + 2, result.xy])
    assert losses.SlicesStraight()(replace(result, xy=stack)).item() == pytest.approx(8, rel=1e-3)
    assert losses.SlicesStraight()(result) == 0


def test_modulation_changes_from_row_to_row_are_penalised() -> None:
    result = fit()
    steps = torch.arange(7.0).view(1, 1, 7, 1).expand_as(result.amp)
    assert losses.ModulationSmooth()(replace(result, amp=0.1 * steps)).item() == pytest.approx(0.01)


def test_a_mask_only_acts_on_the_terms_it_lists() -> None:
    wrong = fit(layers(shift=5.0))
    part = gated(wrong, slice(0, 60), "data_plain")
    assert losses.GradMag()(part) == losses.GradMag()(wrong)
    mask = part.gate("data_plain", part.fine[1], part.xy_hr)
    assert 0.4 < mask.mean() < 0.6


def test_rows_outside_the_mask_feel_ungated_terms_only() -> None:
    result = gated(fit(layers(shift=2.0)), slice(0, 40), "data_plain")
    xy = result.xy.detach().requires_grad_(True)
    result = replace(result, xy=xy)
    gradient = torch.autograd.grad(losses.DataPlain()(result, "data_plain"), xy)[0]
    assert gradient[:, :, :1].any() and not gradient[:, :, 4:].any()


@pytest.mark.parametrize("name", [name for name, term in TERMS.items() if term.honours_masks])
def test_an_empty_mask_gives_0_with_a_gradient_of_0(name: str) -> None:
    result = gated(fit(layers(shift=3.0)), slice(0, 0), name)
    value = getattr(losses, TERMS[name].loss)()(result, name)
    assert value == 0 and value.requires_grad
    value.backward()


def test_one_sample_outside_the_mask_silences_a_link() -> None:
    inside = gated(fit(layers(density=1.2)), slice(0, 54), "gradmag")
    weights = inside.gate("gradmag", inside.valid_strip, inside.strip)[:, 0]
    worst = losses.halves_of(weights, 4).amin(2)
    assert worst[0, 0, 3].tolist() == [1, 1, 1, 0, 0, 0, 0]


def test_invalid_pixels_do_not_count() -> None:
    maps = layers(shift=5.0).clone()
    maps[:, 4, :, 60:] = 0
    maps[:, 0, :, 60:] = 9.0
    assert losses.DataPlain()(fit(maps)) < 1
