"""Super-resolution: who is run and stepped when, and what other programs can read."""

import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import open_dict
from safetensors.torch import save_file
from spandrel import ModelLoader
from spandrel.architectures.Compact import Compact
from torch import nn

from experiments.sr.discriminators import PatchDiscriminator
from experiments.sr.module import SuperResolution
from launch import objective
from launch.compose import finalise
from launch.errors import ConfigError
from launch.explain import options
from launch.run import CONF

GAN = {"type": "ganloss", "loss_weight": 0.0, "start_iter": 10, "target_weight": 0.1}
LOSSES = {"pixel": {"type": "l1"}, "gan": GAN | {"schedule_type": "step", "disable_after": 20}}


class Counting(nn.Module):
    """A discriminator that counts its calls."""

    def __init__(self):
        super().__init__()
        self.inner, self.calls = PatchDiscriminator(channels=4, halvings=1), 0

    def forward(self, image):
        self.calls += 1
        return self.inner(image)


def build(losses=LOSSES, discriminator=None, **arguments):
    def adam(parameters):
        return torch.optim.Adam(parameters)

    return SuperResolution(
        losses=objective.build(losses),
        network=Compact(num_feat=4, num_conv=1, upscale=2),
        optimizer=adam,
        scale=2,
        discriminator=discriminator,
        discriminator_optimizer=adam,
        **arguments,
    )


def terms(module, iteration):
    """Values of the active terms at an iteration."""
    module.losses.iteration = iteration
    low, high = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 16, 16)
    pred = module.network(low)
    inputs = {name: module.loss_inputs(name, pred, low, high) for name in module.losses}
    return module.losses(**inputs)[1]


@pytest.mark.parametrize(
    ("iteration", "warmup", "trains", "calls"),
    [
        (0, 0, False, 0),
        (9, 0, False, 0),
        (10, 0, True, 1),
        (19, 0, True, 1),
        (20, 0, False, 0),  # after disable_after it is neither run nor stepped
        (4, 5, False, 0),
        (5, 5, True, 0),  # warm-up: it trains, and the network does not hear of it yet
    ],
)
def test_the_discriminator_runs_while_its_weight_is_not_0_and_in_its_warm_up(
    iteration, warmup, trains, calls
):
    module = build(discriminator=Counting(), warmup_iters=warmup)
    terms(module, iteration)
    assert module.discriminator.calls == calls
    assert module.discriminator_trains() == trains


def test_the_schedule_scales_the_side_of_the_network_only():
    module = build(discriminator=Counting())
    real, fake = torch.rand(2, 3, 16, 16), torch.rand(2, 3, 16, 16)
    recorded = []
    for weight_at in (10, 19):
        module.losses.iteration = weight_at
        module.manual_backward = lambda loss: recorded.append(loss.item())
        module.train_discriminator(real, fake)
    assert recorded[0] == pytest.approx(recorded[1], rel=1e-4)


def test_the_discriminator_gets_no_gradient_from_the_network_side():
    module = build(discriminator=Counting())
    module.losses.iteration = 10
    low, high = torch.rand(1, 3, 8, 8), torch.rand(1, 3, 16, 16)
    pred = module.network(low)
    inputs = {name: module.loss_inputs(name, pred, low, high) for name in module.losses}
    module.losses(**inputs)[0].backward()
    assert all(p.grad is None for p in module.discriminator.parameters())
    assert all(p.grad is not None for p in module.network.parameters())


def test_a_gan_without_a_discriminator_is_an_error():
    with pytest.raises(ConfigError, match=r"losses.gan is a GAN: set module.discriminator"):
        build()


def test_ldl_without_an_average_is_an_error():
    module = build({"ldl": {"type": "ldl"}})
    with pytest.raises(ConfigError, match=r"losses.ldl is LDL: set ema.modules"):
        module.on_fit_start()
    module.average(["network"], 0.999)
    module.on_fit_start()
    assert terms(module, 0)["ldl"] >= 0


@pytest.mark.parametrize("network", options("network"))
def test_other_programs_read_the_weights_of_every_network(tmp_path, network):
    typed = ["+experiment=sr/static", f"network={network}"]
    with initialize_config_dir(str(CONF), version_base="1.3"):
        config = compose("launch", typed, return_hydra_config=True)
        HydraConfig.instance().set_config(config)
        with open_dict(config):
            del config["hydra"]
        node = finalise(config, typed)["module"]["network"]
    net = instantiate(node).eval()
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    loaded = ModelLoader().load_from_file(tmp_path / "weights.safetensors")
    low = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert loaded.scale == 4
        torch.testing.assert_close(loaded.model.eval()(low), net(low))
