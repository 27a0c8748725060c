"""`network=auto`: what a file is, is in the file."""

import pytest
import torch
from spandrel import ModelLoader
from spandrel.architectures.Compact import Compact
from spandrel.architectures.MixDehazeNet import MixDehazeNet
from spandrel.architectures.OmniSR import OmniSR
from spandrel.architectures.SPAN import SPAN

from launch.errors import ConfigError
from launch.experiments.sr.networks import from_file

BUILT = {
    "Compact": lambda: Compact(num_feat=8, num_conv=2, upscale=2),
    "SPAN": lambda: SPAN(num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2),
    "OmniSR": lambda: OmniSR(num_feat=16, res_num=1, up_scale=2),
}


@pytest.mark.parametrize("wrap", ["params_ema", "state_dict", "params", "model"])
@pytest.mark.parametrize("name", BUILT)
def test_a_file_is_enlarged_as_spandrel_does(tmp_path, name, wrap):
    """13x9 is no size that OmniSR takes; its windows are of 8 pixels."""
    torch.manual_seed(0)
    torch.save({wrap: BUILT[name]().state_dict()}, tmp_path / "a.pth")
    network = from_file(tmp_path / "a.pth", scale=2).eval()
    low = torch.rand(1, 3, 13, 9)
    expected = ModelLoader().load_from_file(tmp_path / "a.pth")(low.clone())
    with torch.no_grad():
        torch.testing.assert_close(network(low).clamp(0, 1), expected, atol=1e-6, rtol=0)
    assert all(p.requires_grad for p in network.parameters())


def test_its_weights_have_the_names_of_the_file(tmp_path):
    state = BUILT["OmniSR"]().state_dict()
    torch.save(state, tmp_path / "a.pth")
    network = from_file(tmp_path / "a.pth", scale=2)
    assert network.state_dict().keys() == state.keys()


@pytest.mark.parametrize(
    ("state", "scale", "message"),
    [
        (
            lambda: {"weight": torch.ones(3)},
            2,
            "spandrel knows no architecture for these 1 tensors",
        ),
        (BUILT["Compact"], 4, "Compact enlarges 2 times, and data.scale is 4; give data.scale=2"),
        (
            lambda: Compact(num_in_ch=1, num_out_ch=1, num_feat=8, num_conv=2, upscale=2),
            2,
            "turns 1 into 1 channels; only RGB to RGB",
        ),
        (MixDehazeNet, 1, "MixDehazeNet needs its pictures treated"),
    ],
)
def test_what_cannot_be_trained_here_is_said(tmp_path, state, scale, message):
    made = state()
    torch.save(made if isinstance(made, dict) else made.state_dict(), tmp_path / "a.pth")
    with pytest.raises(ConfigError, match=message):
        from_file(tmp_path / "a.pth", scale)
