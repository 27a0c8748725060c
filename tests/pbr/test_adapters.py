"""Low-rank adapters on a small attention, and weights from before and after them."""

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from launch.errors import ConfigError, MissingError
from launch.experiments.pbr.adapters import add_lora, load, merged, select


class Attention(nn.Module):
    """Named as in a SegFormer's encoder."""

    def __init__(self):
        super().__init__()
        self.q, self.kv, self.proj = nn.Linear(8, 8), nn.Linear(8, 16), nn.Linear(8, 8)

    def forward(self, x):
        return self.proj(self.q(x) + self.kv(x)[..., :8])


def network(seed=0):
    torch.manual_seed(seed)
    return nn.ModuleDict({"encoder": nn.ModuleDict({"attn": Attention()})})


def output(net):
    return net["encoder"]["attn"](torch.linspace(-1, 1, 8))


@pytest.fixture(scope="module")
def adapted():
    """A network with adapters of rank 2 that have learned something."""
    net = network()
    add_lora(net, rank=2)
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if ".lora_B" in name:
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).view_as(parameter))
    return net


def saved(path, state, part="network"):
    torch.save({"state_dict": {f"{part}.{name}": value for name, value in state.items()}}, path)
    return str(path)


def test_new_adapters_change_nothing_and_lie_on_queries_and_keys():
    net = network()
    before = output(net)
    add_lora(net, rank=2)
    torch.testing.assert_close(output(net), before)
    names = {name.split(".")[2] for name, _ in net.named_parameters() if ".lora_" in name}
    assert names == {"q", "kv"}
    assert all(parameter.requires_grad for parameter in net.parameters())


def test_merged_weights_do_what_the_adapters_do(adapted):
    plain = network(seed=1)
    plain.load_state_dict(merged(adapted.state_dict()))
    torch.testing.assert_close(output(plain), output(adapted))
    assert not torch.allclose(output(network()), output(adapted))


def test_a_network_with_adapters_takes_weights_from_before_them(tmp_path):
    start = network(seed=3)
    net = network(seed=4)
    add_lora(net, rank=2)
    load(net, saved(tmp_path / "best.ckpt", start.state_dict()), "network")
    torch.testing.assert_close(output(net), output(start))


def test_one_with_adapters_takes_those_with_adapters(tmp_path, adapted):
    net = network(seed=4)
    add_lora(net, rank=2)
    load(net, saved(tmp_path / "best.ckpt", adapted.state_dict()), "network")
    torch.testing.assert_close(output(net), output(adapted))


def test_weights_that_a_job_exported_are_a_start(tmp_path):
    net = network(seed=4)
    save_file(network(seed=3).state_dict(), tmp_path / "seg_A_best.safetensors")
    load(net, str(tmp_path / "seg_A_best.safetensors"), "network")
    torch.testing.assert_close(output(net), output(network(seed=3)))


def test_averaged_weights_come_first():
    state = {"network.a": 1, "ema.network.a": 2, "other.a": 3}
    assert select(state, "network") == {"a": 2}
    assert select(state, "other") == {"a": 3}


def test_another_architecture_is_told_by_a_tensor(tmp_path):
    with pytest.raises(ConfigError, match=r"another architecture: 6 tensors .* such as encoder"):
        load(network(), saved(tmp_path / "a.ckpt", network().state_dict(), "other"), "network")
    with pytest.raises(MissingError, match="are not there"):
        load(network(), str(tmp_path / "b.ckpt"), "network")
    load(network(), None, "network")
