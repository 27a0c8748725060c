"""Super-resolution: what a loss needs, and what other programs can read."""

from types import SimpleNamespace

import pytest
import torch
from hydra.utils import instantiate
from safetensors.torch import save_file
from spandrel import ModelLoader
from spandrel.architectures.Compact import Compact

from launch.composition.recipes import names
from launch.errors import ConfigError
from launch.experiments.sr.module import SuperResolution
from launch.train import objective
from launch.train.weights import load_weights, save_weights
from tests.compositions import configuration


def build(losses, **settings):
    def adam(parameters):
        return torch.optim.Adam(parameters)

    return SuperResolution(
        losses=objective.build(losses),
        network=Compact(num_feat=4, num_conv=1, upscale=2),
        optimizer=adam,
        scale=2,
        **settings,
    )


def terms(module, iteration):
    """Values of the active terms at an iteration."""
    module.losses.iteration = iteration
    low, high = torch.rand(2, 3, 8, 8), torch.rand(2, 3, 16, 16)
    pred = module.network(low)
    inputs = {name: module.loss_inputs(name, pred, low, high) for name in module.losses}
    return module.losses(**inputs)[1]


def test_a_tile_that_is_all_margin_is_an_error():
    with pytest.raises(ConfigError, match=r"module.overlap: 4 leaves nothing of a tile of 8"):
        build({"pixel": {"type": "l1"}}, tile=8, overlap=4)


def validated(low, high, tile):
    """Scores of one whole picture, and the most values that a layer made at once."""
    torch.manual_seed(0)
    module = build({"pixel": {"type": "l1"}}, tile=tile, overlap=8)
    made = []
    for layer in module.network.modules():
        layer.register_forward_hook(lambda layer, inputs, output: made.append(output.numel()))
    module.on_validation_epoch_start()
    batch = {"low": low, "high": high, "grey": torch.tensor(False), "set": [""], "name": ["2K"]}
    with torch.no_grad():
        module.validation_step(batch, 0)
    return module.scores.means(), max(made)


def test_a_whole_picture_of_2k_is_validated_tile_by_tile_with_the_same_scores():
    """The network looks 3 pixels far, fewer than the 5 that a margin of 8 leaves without a say.

    What a layer holds depends on `module.tile`, not on the picture.
    """
    high = torch.rand(1, 3, 408, 2040, generator=torch.Generator().manual_seed(0))
    low = torch.nn.functional.avg_pool2d(high, 2)
    whole, tiled = validated(low, high, tile=1024), validated(low, high, tile=128)
    assert tiled[0] == pytest.approx(whole[0], abs=1e-5)
    values = 3 * 2**2  # of the last layer, for a pixel of low resolution
    assert (whole[1], tiled[1]) == (values * 204 * 1020, values * 128 * 128)


def test_scales_that_differ_are_an_error():
    module = build({"pixel": {"type": "l1"}})  # x2
    with pytest.raises(ConfigError, match=r"makes 2 pixels of one, module\.scale is 2; give data"):
        module.training_step({"low": torch.rand(1, 3, 8, 8), "high": torch.rand(1, 3, 32, 32)}, 0)
    data = SimpleNamespace(scale=4)
    module.trainer = SimpleNamespace(datamodule=data)
    with pytest.raises(ConfigError, match=r"module\.scale is 2, but the data is for 4"):
        module.setup("fit")


def test_ldl_without_an_average_is_an_error():
    module = build({"ldl": {"type": "ldl"}})
    with pytest.raises(ConfigError, match=r"losses.ldl is LDL: set ema.modules"):
        module.on_fit_start()
    module.average(["network"], 0.999)
    module.on_fit_start()
    assert terms(module, 0)["ldl"] >= 0


@pytest.mark.parametrize("network", sorted({*names("network")} - {"auto"}))
def test_other_programs_read_the_weights_of_every_network(tmp_path, network):
    node = configuration("+experiment=sr/static", f"network={network}")["module"]["network"]
    net = instantiate(node).eval()
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    loaded = ModelLoader().load_from_file(tmp_path / "weights.safetensors")
    low = torch.rand(1, 3, 16, 16)
    with torch.no_grad():
        assert loaded.scale == 4
        torch.testing.assert_close(loaded.model.eval()(low), net(low))


@pytest.mark.parametrize("file", ["checkpoint", "export"])
def test_a_gan_starts_where_a_pretraining_was_validated(tmp_path, file):
    """Averages are what was validated; the discriminator, which it had none of, starts fresh."""
    pretrained, started = build({"pixel": {"type": "l1"}}), build({"pixel": {"type": "l1"}})
    pretrained.average(["network"], 0.9)
    started.average(["network"], 0.9)
    started.discriminator = torch.nn.Linear(1, 1)
    with torch.no_grad():
        for value in pretrained.ema.parameters():
            value.mul_(1.1)
    if file == "export":
        path = tmp_path / "weights.safetensors"
        save_weights(pretrained, path)
    else:
        path = tmp_path / "best.ckpt"
        torch.save({"state_dict": pretrained.state_dict(), "iteration": 9, "batches": 9}, path)
    load_weights(started, path)
    low = torch.rand(1, 3, 12, 10)
    with torch.no_grad():
        torch.testing.assert_close(started.enlarge(low), pretrained.enlarge(low), atol=0, rtol=0)
        torch.testing.assert_close(started.network(low).clamp(0, 1), pretrained.enlarge(low))


def test_onnx_enlarges_as_the_averaged_weights_do(tmp_path):
    runtime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    module = build({"pixel": {"type": "l1"}})
    assert module.export(tmp_path)["onnx_difference"] < 1e-5
    session = runtime.InferenceSession(str(tmp_path / "network.onnx"))
    low = torch.rand(1, 3, 11, 19)
    (found,) = session.run(None, {"input": low.numpy()})
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(found).clamp(0, 1), module.enlarge(low))
