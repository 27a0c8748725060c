"""Classifiers of other programs start a run; code in a file never does."""

import os

import pytest
import timm
import torch
import torchvision
from safetensors.torch import save_file
from torch import nn

from launch.errors import ConfigError
from launch.experiments.roi.networks import TimmClassifier

SMALL = {"depths": (1, 1, 1, 1), "dims": (8, 16, 24, 32)}
BRIGHTNESS = torch.rand(2, 1, 64, 64)
IMAGE = (BRIGHTNESS - 0.449) / 0.226


@pytest.fixture
def pretrained():
    torch.manual_seed(0)
    network = TimmClassifier(7, "convnext_atto", options=SMALL).eval()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1)
    return network


def loaded(path, **options):
    return TimmClassifier(3, "convnext_atto", path, SMALL, **options).eval()


def prefixed(network, *prefixes):
    return {f"{p}{k}": v for p in prefixes for k, v in network.model.state_dict().items()}


CONTAINERS = {
    "bare": lambda n: prefixed(n, ""),
    "module": lambda n: prefixed(n, "module."),
    "state_dict": lambda n: {"state_dict": prefixed(n, ""), "epoch": 3},
    "model of a parallel run": lambda n: {"model": prefixed(n, "module."), "optimizer": {"lr": 1}},
    "average": lambda n: {"params_ema": prefixed(n, "")},
    "compiled": lambda n: {"state_dict": prefixed(n, "_orig_mod.")},
    "networks.pt": lambda n: {"epoch": 1, "state_dict": prefixed(n, "classifier.model.")},
    "our checkpoint": lambda n: {
        "state_dict": {f"classifier.model.{k}": 0 * v for k, v in n.model.state_dict().items()}
        | prefixed(n, "ema.classifier.model.")
        | {"mask.network.last.weight": torch.ones(1)}
    },
}  # fmt: skip


@pytest.mark.parametrize("container", CONTAINERS)
def test_containers_and_prefixes_are_taken_off(tmp_path, pretrained, container):
    torch.save(CONTAINERS[container](pretrained), tmp_path / "w.pth")
    network = loaded(tmp_path / "w.pth")
    assert torch.equal(network.features(IMAGE), pretrained.features(IMAGE))
    assert network.last.weight.shape[0] == 3


def test_safetensors_and_our_own_export(tmp_path, pretrained):
    save_file(prefixed(pretrained, "classifier.model."), tmp_path / "weights.safetensors")
    network = loaded(tmp_path / "weights.safetensors")
    assert torch.equal(network.features(IMAGE), pretrained.features(IMAGE))


def test_another_architecture_is_named(tmp_path, pretrained):
    torch.save(pretrained.model.state_dict(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"stem\.0\.weight: the network has \(16.*the file \(8"):
        TimmClassifier(3, "convnext_atto", tmp_path / "w.pth", SMALL | {"dims": (16, 16, 24, 32)})
    with pytest.raises(ConfigError, match=r"another architecture.*\n.*the file nothing"):
        TimmClassifier(3, "resnet18", tmp_path / "w.pth")


@torch.no_grad()
def test_torchvision_gives_what_its_own_code_gives(tmp_path):
    torch.manual_seed(0)
    theirs = torchvision.models.convnext_tiny(num_classes=3).eval()
    for parameter in theirs.parameters():
        nn.init.normal_(parameter, std=0.02)
    torch.save(theirs.state_dict(), tmp_path / "c.pth")
    ours = TimmClassifier(3, "convnext_tiny", tmp_path / "c.pth").eval()
    ours.last.load_state_dict(theirs.classifier[2].state_dict())
    expected = theirs(IMAGE.expand(-1, 3, -1, -1))
    torch.testing.assert_close(ours(IMAGE), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_the_authors_convnext_is_renamed_by_timm(tmp_path, pretrained):
    names = {
        "stem.": "downsample_layers.0.", ".conv_dw.": ".dwconv.", ".mlp.fc1.": ".pwconv1.",
        ".mlp.fc2.": ".pwconv2.", ".blocks.": ".", "head.norm.": "norm.", "head.fc.": "head.",
    }  # fmt: skip
    state = {}
    for name, tensor in pretrained.model.state_dict().items():
        for ours, theirs in names.items():
            name = name.replace(ours, theirs)  # noqa: PLW2901
        parts = name.split(".")
        if "downsample" in parts:
            name = f"downsample_layers.{parts[1]}.{'.'.join(parts[3:])}"  # noqa: PLW2901
        state[name] = tensor
    torch.save({"model": state}, tmp_path / "fb.pth")
    network = loaded(tmp_path / "fb.pth")
    torch.testing.assert_close(network.features(IMAGE), pretrained.features(IMAGE))


@torch.no_grad()
def test_a_grey_first_convolution_is_spread_over_three_channels(tmp_path):
    """As in torchxrayvision: DenseNet on one channel of values from -1024 to 1024."""
    grey = timm.create_model("densenet121", num_classes=5, in_chans=1).eval()
    state = grey.state_dict() | {"op_threshs": torch.full((5,), 0.5)}
    torch.save(state, tmp_path / "x.pt")
    with pytest.raises(ConfigError, match=r"x\.pt: this .* set module\.classifier\.pixels="):
        TimmClassifier(5, "densenet121", tmp_path / "x.pt")
    ours = TimmClassifier(5, "densenet121", tmp_path / "x.pt", pixels="torchxrayvision").eval()
    expected = grey.forward_features((2 * BRIGHTNESS - 1) * 1024)
    difference = (ours.features(IMAGE) - expected).abs().max()
    assert difference < 1e-5 * expected.abs().max()


@torch.no_grad()
def test_torchxrayvision_gives_what_its_own_code_gives(tmp_path):
    theirs = pytest.importorskip("torchxrayvision").models.DenseNet(num_classes=5).eval()
    torch.save(theirs.state_dict(), tmp_path / "x.pt")
    ours = TimmClassifier(5, "densenet121", tmp_path / "x.pt", pixels="torchxrayvision").eval()
    expected = torch.relu(theirs.features((2 * BRIGHTNESS - 1) * 1024))
    difference = (ours.features(IMAGE) - expected).abs().max()
    assert difference < 1e-5 * expected.abs().max()


@torch.no_grad()
def test_a_densenet_of_torchvision_of_before_2018_is_renamed(tmp_path):
    """As the CheXNet files are: `denselayer1.norm.1` behind `module.densenet121.`, and a sequence
    for a last layer."""
    torch.manual_seed(0)
    theirs = torchvision.models.densenet121(num_classes=4).eval()
    state = {}
    for name, value in theirs.state_dict().items():
        for part in ("norm", "conv"):
            for n in (1, 2):
                name = name.replace(f"{part}{n}.", f"{part}.{n}.") if "layer" in name else name  # noqa: PLW2901
        name = name.replace("classifier.", "classifier.0.")  # noqa: PLW2901
        state[f"module.densenet121.{name}"] = value
    torch.save({"state_dict": state}, tmp_path / "c.pth.tar")
    ours = TimmClassifier(3, "densenet121", tmp_path / "c.pth.tar").eval()
    expected = torch.relu(theirs.features(IMAGE.expand(-1, 3, -1, -1)))
    torch.testing.assert_close(ours.features(IMAGE), expected, atol=1e-5, rtol=1e-5)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_malicious_file_runs_nothing(tmp_path, pretrained, zipped):
    content = {"state_dict": prefixed(pretrained, ""), "x": Malicious(tmp_path / "made")}
    torch.save(content, tmp_path / "m.pth", _use_new_zipfile_serialization=zipped)
    with pytest.raises(ConfigError, match="cannot be read as tensors alone"):
        loaded(tmp_path / "m.pth")
    assert not (tmp_path / "made").exists()


def test_whole_models_and_damage_are_refused_by_name(tmp_path, pretrained):
    torch.save(pretrained.model, tmp_path / "whole.pt")
    (tmp_path / "damaged.pth").write_bytes(b"PK\x03\x04nothing")
    (tmp_path / "damaged.safetensors").write_bytes(b"nothing")
    torch.save([torch.ones(1)], tmp_path / "list.pth")
    for name in ("whole.pt", "damaged.pth", "damaged.safetensors", "list.pth"):
        with pytest.raises(ConfigError, match=name):
            loaded(tmp_path / name)
