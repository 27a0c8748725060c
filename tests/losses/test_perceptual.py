import pytest
import torch
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.losses.perceptual import IMAGENET_MEAN, IMAGENET_STD, Perceptual, check_layers


class Halves(nn.Module):
    """Two layers: the image itself, and twice the image."""

    def forward(self, image: Tensor) -> list[Tensor]:
        return [image, 2 * image]


def test_weighted_sum_of_mean_differences_of_normalised_images():
    target = torch.rand(2, 3, 4, 4)
    pred = target.clone()
    pred[:, 1] += 0.1
    value = Perceptual(Halves(), (1.0, 0.5), "halves")(pred, target)
    step = 0.1 / IMAGENET_STD[1] / 3
    assert value.item() == pytest.approx(1.0 * step + 0.5 * 2 * step, rel=1e-5)


def test_the_trunk_sees_the_imagenet_mean_as_zero():
    mean = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1).expand(1, 3, 2, 2)
    features = Perceptual(Halves(), (1, 1), "halves").features(mean)
    assert features[0].abs().max() < 1e-6


def test_gradient_goes_to_the_prediction_and_not_to_the_target():
    pred, target = torch.rand(2, 1, 3, 4, 4, requires_grad=True).unbind()
    pred.retain_grad()
    target.retain_grad()
    Perceptual(Halves(), (1, 1), "halves")(pred, target).backward()
    assert pred.grad.abs().min() > 0
    assert target.grad is None


def test_an_unknown_layer_is_named_with_its_neighbour():
    with pytest.raises(ConfigError, match=r"no layer 'conv1_3'\. Did you mean 'conv1_2'"):
        check_layers({"conv1_3": 1.0}, ["conv1_2", "conv5_4"])


def test_no_layers_at_all_are_refused():
    with pytest.raises(ConfigError, match="name at least one of stage1, stage2"):
        check_layers({}, ["stage1", "stage2"])
