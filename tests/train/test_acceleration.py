"""Keys of `trainer:` that change speed or memory, and nothing that is computed."""

from functools import partial, partialmethod

import lightning.pytorch as pl
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from launch.errors import ConfigError
from launch.schedules import Constant
from launch.train import acceleration
from launch.train.module import ScheduledModule
from launch.train.objective import ScheduledLosses, Term

BASE = {"precision": "32-true", "accelerator": "cpu"}


class Net(ScheduledModule):
    """Two convolutions, and an average of them."""

    def __init__(self, optimizer=torch.optim.AdamW, **settings):
        torch.manual_seed(0)
        losses = ScheduledLosses({"pixel": Term(nn.L1Loss(), Constant(1.0))})
        super().__init__(losses, partial(optimizer, lr=0.1, **settings))
        self.network = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Conv2d(4, 1, 3))
        self.average(["network"], 0.9)

    def gradients(self):
        self.network(
            torch.rand(2, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        ).sum().backward()
        return [p.grad.clone() for p in self.network.parameters()]


def prepared(module, **settings):
    acceleration.prepare_module(module, BASE | settings)
    return module


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("bf16", "bf16-mixed"), ("bfloat16", "bf16-mixed"), ("fp16", "16-mixed"),
        ("float16", "16-mixed"), ("fp32", "32-true"), ("float32", "32-true"), ("none", "32-true"),
        ("32-true", "32-true"), (32, 32),
    ],
)  # fmt: skip
def test_names_of_autocast_are_mixed_precisions(name, meant):
    assert acceleration.precision(name) == meant


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ({"devices": 1}, "auto"),
        ({"devices": [0]}, "auto"),
        ({"devices": [1]}, "auto"),
        ({"devices": 2}, "ddp_find_unused_parameters_true"),
        ({"devices": 1, "num_nodes": 2}, "ddp_find_unused_parameters_true"),
        ({"devices": 2, "strategy": "ddp"}, "ddp"),
    ],
)
def test_on_several_devices_a_discriminator_may_rest(settings, found):
    assert acceleration.strategy({"strategy": "auto"} | settings) == found


def test_the_optimizer_is_fused_where_it_can_be_and_nothing_else_was_said():
    (optimizer,) = prepared(Net(), fused=True).configure_optimizers()
    assert optimizer.param_groups[0]["fused"] is True
    (optimizer,) = prepared(Net(fused=False), fused=True).configure_optimizers()
    assert optimizer.param_groups[0]["fused"] is False
    (optimizer,) = prepared(Net(torch.optim.RMSprop), fused=True).configure_optimizers()
    assert "fused" not in optimizer.param_groups[0]
    (optimizer,) = prepared(Net(), fused=True, precision="fp16").configure_optimizers()
    assert not optimizer.param_groups[0]["fused"]  # Lightning could not clip


class Clipped(Net):
    def training_step(self, batch, batch_idx):
        return 1e3 * self.network(batch).float().sum()

    def on_before_optimizer_step(self, optimizer):
        self.norm = torch.nn.utils.get_total_norm([p.grad for p in self.network.parameters()])


def test_a_fused_optimizer_and_clipped_gradients_go_together_in_bfloat16():
    module = prepared(Clipped(), fused=True, precision="bf16")
    trainer = pl.Trainer(
        accelerator="cpu", precision="bf16-mixed", gradient_clip_val=0.5, max_steps=1,
        logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False,
    )  # fmt: skip
    trainer.fit(module, DataLoader([torch.rand(1, 8, 8)] * 2, 2))
    assert trainer.optimizers[0].param_groups[0]["fused"]
    norm = torch.nn.utils.get_total_norm([p.grad for p in module.network.parameters()])
    assert module.norm > 1 and norm.item() == pytest.approx(0.5, rel=1e-3)


def test_activations_made_twice_give_the_same_gradients_and_names():
    plain, twice = Net(), prepared(Net(), activation_checkpointing=["network.*"])
    runs = []
    twice.network[0].register_forward_hook(lambda *_: runs.append(1))
    assert all(map(torch.equal, plain.gradients(), twice.gradients()))
    assert plain.state_dict().keys() == twice.state_dict().keys()
    assert "forward" in vars(twice.network[2]) and "forward" not in vars(twice.ema["network"][2])


def test_a_pattern_that_matches_nothing_names_the_nearest():
    with pytest.raises(
        ConfigError, match=r"no sub-module matches 'netwrk'. Did you mean 'network'"
    ):
        prepared(Net(), activation_checkpointing=["netwrk"])


def test_networks_are_compiled_and_laid_out_and_averages_are_not():
    module = prepared(Net(), compile=True, channels_last=True)
    assert module.network._compiled_call_impl is not None
    assert module.ema["network"]._compiled_call_impl is None
    assert module.network[0].weight.is_contiguous(memory_format=torch.channels_last)
    assert list(module.state_dict()) == list(Net().state_dict())


@pytest.mark.parametrize("pattern", ["network", "network.*"])
def test_what_is_made_twice_is_compiled_too(monkeypatch, pattern):
    compiled = []
    backend = lambda graph, _: compiled.append(graph) or graph.forward  # noqa: E731
    by_backend = partialmethod(nn.Module.compile, backend=backend)
    monkeypatch.setattr(nn.Module, "compile", by_backend)
    torch.compiler.reset()
    module = prepared(Net(), compile=True, activation_checkpointing=[pattern])
    assert all(map(torch.equal, Net().gradients(), module.gradients()))
    assert compiled


def test_what_holds_for_the_process_is_set_and_unset():
    acceleration.prepare_device(BASE | {"tf32": True, "cudnn_benchmark": True})
    assert torch.get_float32_matmul_precision() == "high"
    assert torch.backends.cudnn.allow_tf32 and torch.backends.cudnn.benchmark
    acceleration.prepare_device(BASE)
    assert torch.get_float32_matmul_precision() == "highest"
    assert not torch.backends.cudnn.allow_tf32 and not torch.backends.cudnn.benchmark


def test_tensor_cores_that_lie_idle_are_mentioned(monkeypatch):
    said = []
    monkeypatch.setattr(acceleration, "rank_zero_warn", said.append)
    monkeypatch.setattr(acceleration, "has_tensor_cores", lambda accelerator: True)
    for precision, tf32 in (("bf16-mixed", False), ("32-true", True), ("32-true", False)):
        acceleration.prepare_device(BASE | {"precision": precision, "tf32": tf32})
    assert len(said) == 1 and "trainer.tf32=true" in said[0]


@pytest.mark.parametrize("kind", ["simple", "advanced"])
def test_a_profiler_writes_into_the_run_folder(tmp_path, kind):
    found = acceleration.profiler({"profiler": kind}, tmp_path)
    found.setup("fit")
    with found.profile("step"):
        pass
    found.describe()
    assert "step" in next(tmp_path.glob("*profile*")).read_text()
    assert acceleration.profiler({"profiler": None}, tmp_path) is None
