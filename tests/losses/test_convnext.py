from pathlib import Path

import pytest
import torch
from timm.models.convnext import convnext_tiny

from launch.errors import ConfigError, MissingError
from launch.losses.convnext import ConvNeXt
from launch.losses.pretrained import seeded


@pytest.fixture(scope="module")
def loss() -> ConvNeXt:
    return ConvNeXt(weights="random")


def test_sees_the_first_two_stages(loss: ConvNeXt):
    shapes = [tuple(features.shape) for features in loss.features(torch.rand(1, 3, 32, 32))]
    assert shapes == [(1, 96, 8, 8), (1, 192, 4, 4)]
    assert loss.layer_weights == (1.0, 0.5)


def test_stages_are_those_of_timm(loss: ConvNeXt):
    network = seeded(convnext_tiny)
    image = torch.rand(1, 3, 32, 32)
    expected = network.forward_intermediates(image, [0, 1], intermediates_only=True)
    found = loss.trunk(image)
    assert all(torch.allclose(f, e) for f, e in zip(found, expected, strict=True))


def test_gradient_reaches_the_prediction(loss: ConvNeXt):
    pred, target = torch.rand(1, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 32, 32)
    loss(pred, target).backward()
    assert pred.grad.abs().sum() > 0


def test_a_random_trunk_says_so_and_is_always_the_same(loss: ConvNeXt):
    again = ConvNeXt(weights="random")
    assert again.metric_name == "convnext_tiny_random"
    pred, target = torch.rand(2, 1, 3, 32, 32)
    assert again(pred, target) == loss(pred, target)


def test_weights_are_read_from_a_file(tmp_path: Path):
    source = convnext_tiny()
    path = tmp_path / "convnext.pth"
    torch.save(source.state_dict(), path)
    loss = ConvNeXt({"stage1": 1.0}, weights=str(path))
    assert loss.metric_name == "convnext_tiny"
    trunk = loss.trunk.network
    assert torch.equal(trunk.stem[0].weight, source.stem[0].weight)
    assert len(trunk.stages) == 1


def test_a_file_of_another_network_is_refused(tmp_path: Path):
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"other\.pth does not fit ConvNeXt-Tiny"):
        ConvNeXt(weights=str(tmp_path / "other.pth"))


def test_missing_weights_stop_the_construction(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lambda *_: None)
    with pytest.raises(MissingError, match=r"convnext_tiny_1k_224_ema\.pth .*weights=random"):
        ConvNeXt()


def test_an_unknown_stage_is_a_config_error():
    with pytest.raises(ConfigError, match=r"no layer 'stage5'\. Did you mean 'stage"):
        ConvNeXt({"stage5": 1.0}, weights="random")
