from pathlib import Path

import pytest
import torch
from torch import nn

from launch.errors import ConfigError, LaunchError, MissingError
from launch.losses.files import Checkpoint, require
from launch.losses.pretrained import Frozen, load_weights, seeded

CHECKPOINT = Checkpoint(
    file="net-1234.pth", origin="the weights of net", repository="someone/net.one"
)


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty checkpoint folder of torch.hub."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    folder = tmp_path / "torch" / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


@pytest.mark.parametrize("weights", [None, "pretrained"])
def test_the_file_is_found_where_torchvision_caches_it(hub: Path, weights: str | None):
    (hub / "net-1234.pth").touch()
    assert CHECKPOINT.locate(weights) == hub / "net-1234.pth"


def test_the_file_is_found_where_timm_caches_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    cached = tmp_path / "model.safetensors"
    cached.touch()
    asked = []

    def lookup(repository: str, file: str) -> str:
        asked.append((repository, file))
        return str(cached)

    monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", lookup)
    assert CHECKPOINT.locate(None) == cached
    assert asked == [("someone/net.one", "model.safetensors")]


def test_a_path_is_taken_as_it_is(tmp_path: Path):
    path = tmp_path / "mine.pth"
    path.touch()
    assert CHECKPOINT.locate(str(path)) == path


def test_a_missing_file_is_named_with_its_origin_and_where_to_put_it(hub: Path):
    with pytest.raises(MissingError) as caught:
        CHECKPOINT.locate(None)
    message = caught.value.message
    for part in ("net-1234.pth", "the weights of net", str(hub), "weights=random"):
        assert part in message


def test_a_missing_path_is_named(tmp_path: Path):
    with pytest.raises(MissingError, match=r"gone.pth is not a file; it should be net-1234.pth"):
        CHECKPOINT.locate(str(tmp_path / "gone.pth"))


@pytest.mark.parametrize(
    ("node", "file"),
    [
        ({"type": "lpips"}, "alexnet-owt-7be5be79.pth"),
        ({"type": "lpips", "net": "squeeze"}, "squeezenet1_1-b8a52dc0.pth"),
        ({"type": "vgg", "weights": "pretrained"}, "vgg19-dcbb9e9d.pth"),
        ({"_target_": "launch.losses.vgg.VGG"}, "vgg19-dcbb9e9d.pth"),
        ({"type": "perceptualloss"}, "vgg19-dcbb9e9d.pth"),
        ({"type": "convnext", "weights": "gone.pth"}, "convnext_tiny_1k_224_ema.pth"),
    ],
)
def test_a_configuration_says_which_file_it_lacks(hub: Path, node: dict[str, str], file: str):
    config = {"losses": {"pixel": {"type": "l1"}, "look": node}}
    with pytest.raises(MissingError, match=rf"^losses\.look: .*{file}"):
        require(config)
    (hub / file).touch()
    require({"losses": {"look": node | {"weights": None}}})
    require({"module": {"metric": node | {"weights": "random"}}})


def test_the_files_are_looked_for_where_torch_keeps_them(hub: Path):
    assert Path(torch.hub.get_dir()) / "checkpoints" == hub


def test_a_seeded_network_depends_on_nothing_that_was_drawn_before():
    torch.manual_seed(5)
    first = seeded(lambda: nn.Linear(3, 3)).weight
    drawn = torch.rand(1)
    second = seeded(lambda: nn.Linear(3, 3)).weight
    assert torch.equal(first, second)
    torch.manual_seed(5)
    assert torch.equal(torch.rand(1), drawn)


def test_weights_are_copied_by_the_names_of_the_file(tmp_path: Path):
    source, network = nn.Linear(2, 2), nn.Linear(2, 2)
    torch.save({f"head.{k}": v for k, v in source.state_dict().items()}, tmp_path / "w.pth")
    load_weights(network, tmp_path / "w.pth", source=lambda name: f"head.{name}")
    assert torch.equal(network.weight, source.weight)


@pytest.mark.parametrize("other", [nn.Linear(3, 2), nn.BatchNorm2d(2, affine=False)])
def test_weights_of_another_network_are_refused(tmp_path: Path, other: nn.Module):
    torch.save(other.state_dict(), tmp_path / "w.pth")
    with pytest.raises(ConfigError, match=r"w\.pth does not fit Linear"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pth", source=lambda name: name)


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"PK\x03\x04 cut off"])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes):
    (tmp_path / "w.pth").write_bytes(content)
    with pytest.raises(LaunchError, match=r"w\.pth (does not fit Linear|is empty)"):
        load_weights(nn.Linear(2, 2), tmp_path / "w.pth", source=lambda name: name)


def test_a_frozen_network_stays_frozen_in_a_module_that_trains():
    outer = nn.Sequential(Frozen(nn.Sequential(nn.Linear(2, 2), nn.Dropout())))
    outer.train()
    assert not any(module.training for module in outer[0].modules())
    assert not any(parameter.requires_grad for parameter in outer.parameters())
    image = torch.rand(1, 2, requires_grad=True)
    outer(image).sum().backward()
    assert image.grad is not None
