import pytest
import torch
from launch.experiments.smoke.networks import ConvUNet, UTransformer

from launch.errors import ConfigError

NETWORKS = [
    lambda: ConvUNet(latent_channels=4, width=16),
    lambda: UTransformer(latent_channels=4, cells=64, width=16, heads=2, depth=2, middle=1),
]


@pytest.mark.parametrize("build", NETWORKS, ids=["conv", "transformer"])
def test_the_velocity_is_zero_at_first_and_depends_on_every_input_after(build):
    torch.manual_seed(0)
    network = build()
    inputs = [torch.randn(2, 4, 8, 8) for _ in range(3)]
    t, distance = torch.tensor([0.2, 0.7]), torch.tensor([1, 3])
    assert not network(*inputs, t, distance).any()
    for parameter in network.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    velocity = network(*inputs, t, distance)
    assert velocity.shape == (2, 4, 8, 8)
    for place in range(3):
        changed = [x + (i == place) for i, x in enumerate(inputs)]
        assert (network(*changed, t, distance) - velocity).abs().max() > 1e-4
    assert (network(*inputs, t + 0.1, distance) - velocity).abs().max() > 1e-5
    assert (network(*inputs, t, distance + 1) - velocity).abs().max() > 1e-5


@pytest.mark.parametrize("build", NETWORKS, ids=["conv", "transformer"])
def test_every_parameter_learns(build):
    network = build()
    torch.nn.init.normal_(network.out.weight)
    for name, parameter in network.named_parameters():
        if name.endswith("second.weight"):
            torch.nn.init.normal_(parameter)
    network(*torch.randn(3, 2, 4, 8, 8), torch.rand(2), torch.tensor([1, 2])).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_heads_have_to_divide_the_width():
    with pytest.raises(ConfigError, match="16 is not a multiple of heads 3"):
        UTransformer(4, 64, 16, heads=3)
