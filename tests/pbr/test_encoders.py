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
from launch.experiments.pbr.models import MapsUNet, SegFormer
from launch.experiments.pbr.padding import pad


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
    for network in (reference, encoder):  # zeros beyond the border are black here, grey there
        pad(network.eval(), "circular")
    with torch.no_grad():
        expected = reference(normalised(colours()))
        found = encoder(torch.cat([colours(), torch.rand(2, 3, 64, 64)], dim=1))
    for first, second in zip(found[1:], expected[1:], strict=True):
        if second.numel():
            torch.testing.assert_close(first, second, atol=1e-5 * second.abs().max(), rtol=0)


@pytest.mark.parametrize("channels", [1, 4, 6])
def test_only_files_for_three_colours_are_converted(channels, tmp_path):
    file = get_encoder("resnet18", in_channels=channels, weights=None)
    torch.save(file.state_dict(), tmp_path / "a.pth")
    encoder = get_encoder("resnet18", in_channels=7, weights=None)
    with pytest.raises(ConfigError, match=r"another encoder: 1 of \d+ tensors .* such as conv1"):
        load_encoder(encoder, str(tmp_path / "a.pth"))


def test_files_of_before_norms_counted_their_batches(tmp_path):
    state = get_encoder("resnet18", in_channels=3, weights=None).state_dict()
    counted = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(counted, tmp_path / "a.pth")
    encoder = get_encoder("resnet18", in_channels=6, weights=None)
    load_encoder(encoder, str(tmp_path / "a.pth"))
    loaded, first = encoder.state_dict(), ("conv1.weight", "bn1.running_mean")  # take other input
    assert all(torch.equal(loaded[k], v) for k, v in counted.items() if k not in first)


@pytest.mark.parametrize("padding", ["zeros", "circular"])
def test_from_takes_an_encoder_as_the_setting_does(padding, tmp_path):
    """`from=FILE` and `pretrained` put the same colours into the first convolution."""
    _, tensors = torchvision_names(tmp_path / "a.pth")
    set_so = MapsUNet("resnet18", padding=padding, pretrained=str(tmp_path / "a.pth"))
    found = MapsUNet("resnet18", padding=padding).foreign(tensors)
    for name, value in set_so.encoder.state_dict().items():
        torch.testing.assert_close(found[f"encoder.{name}"], value)
    names = MapsUNet("resnet18").state_dict()
    assert all(name.startswith("encoder.") for name in found if name in names)


def test_the_segmentation_of_others_gives_its_decoder_too():
    theirs = smp.Segformer("mit_b0", encoder_weights=None, classes=19).state_dict()
    own = SegFormer("mit_b0").state_dict()
    found = SegFormer("mit_b0").foreign(theirs)
    differing = {n for n in own if n not in found or found[n].shape != own[n].shape}
    assert differing == {f"model.segmentation_head.0.{part}" for part in ("weight", "bias")}


def test_a_network_starts_from_a_file(tmp_path):
    _, tensors = torchvision_names(tmp_path / "a.pth")
    network = MapsUNet("resnet18", pretrained=str(tmp_path / "a.pth"))
    assert torch.equal(network.encoder.layer4[1].conv2.weight, tensors["layer4.1.conv2.weight"])


def test_another_encoder_and_no_file_are_named(tmp_path):
    torchvision_names(tmp_path / "a.pth")
    with pytest.raises(ConfigError, match=r"another encoder: \d+ of \d+ tensors .* such as layer"):
        load_encoder(get_encoder("resnet34", in_channels=6, weights=None), str(tmp_path / "a.pth"))
    torch.save(torchvision.models.resnet34().state_dict(), tmp_path / "b.pth")
    with pytest.raises(ConfigError, match=r"another encoder: \d+ of \d+ .* such as layer1\.2\."):
        load_encoder(get_encoder("resnet18", in_channels=6, weights=None), str(tmp_path / "b.pth"))
    with pytest.raises(MissingError, match=r"there is no model file .*gone\.pth"):
        load_encoder(torch.nn.Conv2d(3, 1, 1), str(tmp_path / "gone.pth"))
