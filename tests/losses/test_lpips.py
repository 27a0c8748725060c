from pathlib import Path

import lpips
import pytest
import torch

from launch.errors import ConfigError, MissingError
from launch.losses.lpips import LPIPS


@pytest.fixture(scope="module")
def loss() -> LPIPS:
    return LPIPS("squeeze", weights="random")


def test_images_in_0_1_are_what_the_library_calls_minus_1_to_1(loss: LPIPS):
    pred, target = torch.rand(2, 2, 3, 32, 32)
    library: lpips.LPIPS = loss.distance.network
    expected = library(2 * pred - 1, 2 * target - 1).mean()
    assert loss(pred, target).item() == pytest.approx(expected.item(), rel=1e-5)


def test_equal_images_have_distance_zero_and_finite_gradients(loss: LPIPS):
    target = torch.rand(1, 3, 32, 32)
    pred = target.clone().requires_grad_()
    distance = loss(pred, target)
    distance.backward()
    assert distance == 0
    assert pred.grad.isfinite().all()


def test_dropout_stays_off_while_the_run_trains(loss: LPIPS):
    loss.train()
    pred, target = torch.rand(2, 1, 3, 32, 32)
    assert loss(pred, target) == loss(pred, target)
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_a_random_trunk_says_so_and_is_always_the_same(loss: LPIPS):
    again = LPIPS("squeeze", weights="random")
    assert again.metric_name == "lpips_squeeze_random"
    pred, target = torch.rand(2, 1, 3, 32, 32)
    assert again(pred, target) == loss(pred, target)


def test_weights_are_read_from_torchvisions_layout(loss: LPIPS, tmp_path: Path):
    trunk = loss.distance.network.net.state_dict()
    published = {f"features.{name.split('.', 1)[1]}": value + 1 for name, value in trunk.items()}
    torch.save(published, tmp_path / "squeeze.pth")
    trained = LPIPS("squeeze", weights=str(tmp_path / "squeeze.pth"))
    assert trained.metric_name == "lpips_squeeze"
    for name, value in trained.distance.network.net.state_dict().items():
        assert torch.equal(value, trunk[name] + 1)


def test_the_learned_weights_of_the_channels_come_with_the_package(loss: LPIPS):
    channels = loss.distance.network.lin0.model[1].weight
    assert (channels >= 0).all()
    assert channels.std() > 0


@pytest.mark.parametrize(
    ("net", "file"),
    [("alex", "alexnet-owt-7be5be79"), ("vgg", "vgg16-397923af"), ("squeeze", "squeezenet1_1")],
)
def test_missing_weights_stop_the_construction(
    net: str, file: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(MissingError, match=rf"{file}.*weights=random"):
        LPIPS(net)


def test_a_file_of_another_network_is_refused(tmp_path: Path):
    torch.save({"features.0.weight": torch.zeros(3)}, tmp_path / "other.pth")
    with pytest.raises(ConfigError, match=r"other\.pth does not fit squeezenet"):
        LPIPS("squeeze", weights=str(tmp_path / "other.pth"))
