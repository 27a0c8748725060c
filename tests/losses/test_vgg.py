from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from launch.errors import ConfigError, MissingError
from launch.losses.vgg import CONVOLUTIONS, VGG, VGG19Features


def test_layer_names_are_torchvisions_indices():
    assert CONVOLUTIONS["conv1_1"] == 0
    assert CONVOLUTIONS["conv2_2"] == 7
    assert CONVOLUTIONS["conv3_4"] == 16
    assert CONVOLUTIONS["conv5_4"] == 34
    assert len(CONVOLUTIONS) == 16


def test_only_the_layers_up_to_the_last_one_are_built():
    trunk = VGG({"conv2_2": 1.0}, weights="random").trunk.network
    assert [type(layer).__name__ for layer in trunk.features] == [
        *("Conv2d", "ReLU", "Conv2d", "ReLU", "MaxPool2d"),
        *("Conv2d", "ReLU", "Conv2d"),
    ]


def test_features_are_taken_before_the_activation():
    trunk = VGG19Features((0, 2))
    image = torch.randn(1, 3, 8, 8)
    first, second = trunk(image)
    convolutions = [layer for layer in trunk.features if isinstance(layer, nn.Conv2d)]
    assert first.min() < 0
    assert torch.allclose(second, convolutions[1](F.relu(convolutions[0](image))))


def test_the_order_of_the_weights_does_not_matter():
    pred, target = torch.rand(2, 1, 3, 16, 16)
    one = VGG({"conv1_2": 0.1, "conv2_1": 1.0}, weights="random")
    other = VGG({"conv2_1": 1.0, "conv1_2": 0.1}, weights="random")
    assert one(pred, target) == other(pred, target)


def test_weights_are_read_from_the_published_layout(tmp_path: Path):
    published = {
        "features.0.weight": torch.randn(64, 3, 3, 3),
        "features.0.bias": torch.randn(64),
        "classifier.0.weight": torch.zeros(1),
    }
    torch.save(published, tmp_path / "vgg19.pth")
    loss = VGG({"conv1_1": 1.0}, weights=str(tmp_path / "vgg19.pth"))
    assert torch.equal(loss.trunk.network.features[0].weight, published["features.0.weight"])
    assert loss.metric_name == "vgg19"


def test_a_random_trunk_says_so_and_is_always_the_same():
    one, other = (VGG({"conv1_2": 1.0}, weights="random") for _ in range(2))
    assert one.metric_name == "vgg19_random"
    states = one.state_dict(), other.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_missing_weights_stop_the_construction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingError, match=r"vgg19-dcbb9e9d\.pth .*weights=random"):
        VGG()


def test_an_unknown_layer_is_a_config_error():
    with pytest.raises(ConfigError, match="no layer 'conv6_1'"):
        VGG({"conv6_1": 1.0}, weights="random")
