"""A network as ONNX does what it does in torch, at any size."""

import numpy as np
import pytest
import torch
from torch import nn

from launch.errors import LaunchError, MissingError
from launch.tools.exports import write_onnx

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def enlarging():
    torch.manual_seed(0)
    layers = nn.Conv2d(3, 8, 3, padding=1), nn.PReLU(8), nn.Conv2d(8, 12, 3, padding=1)
    return nn.Sequential(*layers, nn.PixelShuffle(2))


def test_any_size_and_number_of_pictures(tmp_path):
    network = enlarging()
    assert write_onnx(network, tmp_path / "new" / "a.onnx") < 1e-5
    session = onnxruntime.InferenceSession(str(tmp_path / "new" / "a.onnx"))
    picture = np.random.default_rng(0).random((3, 3, 21, 90), np.float32)
    (found,) = session.run(None, {"input": picture})
    expected = network(torch.from_numpy(picture)).detach().numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert network.training


class Noisy(nn.Module):
    def forward(self, picture):
        return picture + torch.rand_like(picture)


class OneSize(nn.Module):
    def forward(self, picture):
        return picture + torch.ones(48, 40)


@pytest.mark.parametrize("network", [Noisy(), OneSize()])
def test_what_is_not_the_same_as_onnx_is_not_kept(tmp_path, network):
    with pytest.raises(LaunchError, match=f"{type(network).__name__} .*ONNX"):
        write_onnx(network, tmp_path / "a.onnx")
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(MissingError, match="pip install onnx onnxscript onnxruntime"):
        write_onnx(enlarging(), tmp_path / "a.onnx")
