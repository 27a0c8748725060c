"""The holder of masks, and the one way a loss gets its mask."""

from typing import Any

import pytest
import torch
from torch import Tensor

from launch.errors import ConfigError
from launch.masks.scheduled import (
    ScheduledMask,
    ScheduledMasks,
    check_losses,
    sample,
)


class Half:
    """1 in the left half, times a value; counts its drawings."""

    def __init__(self, value: float = 1.0) -> None:
        self.value, self.memory = value, {}

    def generate(self, iteration: int, state: Any, size: tuple[int, int], device: Any) -> Tensor:
        self.memory["drawn"] = self.memory.get("drawn", 0) + 1
        self.memory["iteration"] = iteration
        image = torch.zeros(1, 1, *size)
        image[..., : size[1] // 2] = self.value
        return image


STATE = {"size": (8, 8)}


def masks(*entries: ScheduledMask) -> ScheduledMasks:
    built = ScheduledMasks(entries)
    built.build(0, STATE)
    return built


def test_without_masks_a_loss_gets_its_base_or_nothing() -> None:
    base = torch.rand(1, 1, 8, 8)
    assert masks().effective("data", base) is base or torch.equal(
        masks().effective("data", base), base
    )
    assert masks().effective("data") is None


def test_only_listed_losses_are_gated() -> None:
    held = masks(ScheduledMask("a", ("data",), Half()))
    base = torch.ones(1, 1, 8, 8)
    assert held.effective("data", base).mean() == 0.5
    assert held.effective("step", base).mean() == 1


def test_several_masks_multiply() -> None:
    held = masks(
        ScheduledMask("a", ("data",), Half(0.5)), ScheduledMask("b", ("data", "dir"), Half(0.5))
    )
    assert held.effective("data").max() == 0.25
    assert held.effective("dir").max() == 0.5


def test_masks_are_read_at_points_and_are_0_outside_the_image() -> None:
    held = masks(ScheduledMask("a", ("data",), Half()))
    points = torch.tensor([[[0.0, 0.0], [7.0, 7.0], [3.5, 2.0], [-9.0, 0.0]]], requires_grad=True)
    found = held.effective("data", torch.ones(1, 1, 4), points)
    assert found.tolist() == [[[1.0, 0.0, 0.5, 0.0]]]
    assert not found.requires_grad


def test_a_mask_works_in_its_window_and_counts_from_its_start() -> None:
    generator = Half()
    held = ScheduledMasks([ScheduledMask("a", ("data",), generator, start=10, stop=20)])
    held.build(9, STATE)
    assert held.images() == {}
    held.build(13, STATE)
    assert held.images().keys() == {"a"} and generator.memory["iteration"] == 3
    held.build(20, STATE)
    assert held.images() == {}


def test_between_drawings_the_last_image_stands() -> None:
    generator = Half()
    held = ScheduledMasks([ScheduledMask("a", ("data",), generator)])
    for iteration in range(10):
        held.build(iteration, STATE, every=5)
    assert generator.memory["drawn"] == 2


def test_one_iteration_draws_once_however_many_micro_batches_it_has() -> None:
    generator = Half()
    held = ScheduledMasks([ScheduledMask("a", ("data",), generator)])
    held.build(3, STATE)
    held.build(3, STATE)
    assert generator.memory["drawn"] == 1


def test_a_resumed_holder_continues_with_the_same_images_and_memory() -> None:
    held = masks(ScheduledMask("a", ("data",), Half(0.3)))
    other = ScheduledMasks([ScheduledMask("a", ("data",), Half())])
    assert not other.built
    other.load_state_dict(held.state_dict())
    assert other.built
    assert torch.equal(other.effective("data"), held.effective("data"))
    other.build(1, STATE, every=5)
    assert other.masks[0].generator.memory["drawn"] == 1


def test_a_module_without_masks_reads_the_checkpoint_of_one_with_masks() -> None:
    held, bare = masks(ScheduledMask("a", ("data",), Half())), ScheduledMasks()
    bare.load_state_dict(held.state_dict())
    assert bare.images() == {} and not bare.built


class Slope(Half):
    """From 0 at the left border to 1 at the right one, which two columns say."""

    def generate(self, iteration: int, state: Any, size: tuple[int, int], device: Any) -> Tensor:
        return torch.tensor([[0.0, 1.0], [0.0, 1.0]])[None, None]


def test_a_mask_coarser_than_the_image_is_stretched_over_it() -> None:
    held = masks(ScheduledMask("a", ("data",), Slope()))
    slope = torch.linspace(0, 1, 8).expand(1, 1, 8, 8)
    torch.testing.assert_close(held.images()["a"], slope)
    torch.testing.assert_close(held.effective("data"), slope)
    at = torch.tensor([[[3.5, 1.0], [7.0, 7.0]]])
    inside = torch.tensor([[[1.0, 0.5]]])
    torch.testing.assert_close(held.effective("data", inside, at), torch.tensor([[[0.5, 0.5]]]))


def test_one_label_twice_is_an_error_unless_in_different_stages() -> None:
    with pytest.raises(ConfigError, match="two masks have the label 'a'"):
        ScheduledMasks([ScheduledMask("a", ("x",), Half()), ScheduledMask("a", ("y",), Half())])
    ScheduledMasks(
        [ScheduledMask("a", ("x",), Half(), 0, 5), ScheduledMask("a", ("x",), Half(), 5, 9)]
    )


def test_gating_an_unknown_loss_or_one_without_masks_is_an_error() -> None:
    honours = {"data": True, "step": False}
    with pytest.raises(ConfigError, match="Did you mean 'data'"):
        check_losses([ScheduledMask("a", ("dat",), Half())], honours)
    with pytest.raises(ConfigError, match="'step', which ignores masks"):
        check_losses([ScheduledMask("a", ("step",), Half())], honours)


def test_sampling_is_bilinear_in_pixels_for_any_shape_of_points() -> None:
    image = torch.arange(20.0).view(1, 1, 4, 5)
    points = torch.tensor([[[[0.5, 0.0]], [[4.0, 3.0]], [[1.0, 1.5]]]])
    assert sample(image, points).flatten().tolist() == pytest.approx([0.5, 19.0, 8.5])
    assert sample(image, points).shape == (1, 1, 3, 1)
