"""Encoders from files as other libraries write them."""

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
import torchvision
from safetensors.torch import save_file
from segmentation_models_pytorch.encoders import get_encoder

from launch.errors import ConfigError, MissingError
from launch.experiments.pbr.encoders import DEVIATION, MEAN, load_encoder
from launch.experiments.pbr.models import MapsUNet


def colours(side: int = 64) -> torch.Tensor:
    return torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))


def normalised(image: torch.Tensor) -> torch.Tensor:
    mean, deviation = (torch.tensor(v)[:, None, None] for v in (MEAN, DEVIATION))
    return (image - mean) / deviation


def random_norms(network: torch.nn.Module) -> None:
    """Statistics that a wrong shift would not survive."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean)
            torch.nn.init.uniform_(module.running_var, 0.5, 2)


def inner(features):
    """Away from the border, where the first convolution pads normalised colours with 0."""
    border = features.shape[-1] // 4
    return features[..., border:-border, border:-border]


def torchvision_names(path):
    network = torchvision.models.resnet18(weights=None).eval()
    random_norms(network)
    torch.save(network.state_dict(), path)
    return get_encoder("resnet18", in_channels=3, weights=None), network.state_dict()


def timm_names(path):
    network = timm.create_model("test_resnet", pretrained=False).eval()
    random_norms(network)
    save_file(network.state_dict(), path)
    return get_encoder("tu-test_resnet", in_channels=3, weights=None), {
        f"model.{name}": value for name, value in network.state_dict().items()
    }


def smp_names(path):
    network = smp.Segformer("mit_b0", encoder_weights=None).eval()
    torch.save({"state_dict": network.state_dict()}, path)
    return get_encoder("mit_b0", in_channels=3, weights=None), network.encoder.state_dict()


@pytest.mark.parametrize(
    ("write", "name"),
    [(torchvision_names, "a.pth"), (timm_names, "a.safetensors"), (smp_names, "a.ckpt")],
)
def test_features_are_those_of_the_file_whatever_the_normals(write, name, tmp_path):
    reference, tensors = write(tmp_path / name)
    reference.load_state_dict({n: tensors[n] for n in reference.state_dict()})
    kind = {"a.pth": "resnet18", "a.safetensors": "tu-test_resnet", "a.ckpt": "mit_b0"}[name]
    encoder = get_encoder(kind, in_channels=6, weights=None)
    load_encoder(encoder, str(tmp_path / name))
    with torch.no_grad():
        expected = reference.eval()(normalised(colours()))
        image = torch.cat([colours(), torch.rand(2, 3, 64, 64)], dim=1)
        found = encoder.eval()(image)
    stage = 1 if kind != "mit_b0" else 2
    first, second = (inner(features[stage]) for features in (found, expected))
    if kind == "mit_b0":  # its attention sees the border everywhere
        torch.testing.assert_close(encoder.patch_embed1.proj.weight[:, 3:].abs().max().item(), 0.0)
        assert torch.corrcoef(torch.stack([first.flatten(), second.flatten()]))[0, 1] > 0.99
    else:
        torch.testing.assert_close(first, second, atol=1e-4, rtol=1e-4)


def test_a_network_starts_from_a_file(tmp_path):
    _, tensors = torchvision_names(tmp_path / "a.pth")
    network = MapsUNet("resnet18", pretrained=str(tmp_path / "a.pth"))
    assert torch.equal(network.encoder.layer4[1].conv2.weight, tensors["layer4.1.conv2.weight"])


def test_another_encoder_and_no_file_are_named(tmp_path):
    torchvision_names(tmp_path / "a.pth")
    with pytest.raises(ConfigError, match=r"another encoder: \d+ of \d+ tensors .* such as layer"):
        load_encoder(get_encoder("resnet34", in_channels=6, weights=None), str(tmp_path / "a.pth"))
    with pytest.raises(MissingError, match=r"there is no model file .*gone\.pth"):
        load_encoder(torch.nn.Conv2d(3, 1, 1), str(tmp_path / "gone.pth"))
