"""The three jobs of a phase: rates by epoch, what trains, what is missing, what is remembered."""

from functools import partial
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts, OneCycleLR, StepLR

from launch.errors import ConfigError
from launch.experiments.pbr.albedo import Albedo
from launch.experiments.pbr.layers import SCALARS, UNKNOWN
from launch.experiments.pbr.maps import MapsFromAlbedo
from launch.experiments.pbr.models import MapsUNet
from launch.experiments.pbr.segmentation import Segmentation
from launch.train.acceleration import prepare_module
from launch.train.build import build_module
from launch.train.objective import build
from tests.compositions import configuration

SIDE = 64
ADAM = partial(torch.optim.Adam, lr=1.0)


def batch(samples: int = 2, side: int = SIDE) -> dict[str, torch.Tensor]:
    """A clean and a game sample, all maps known."""
    generator = torch.Generator().manual_seed(0)

    def random(channels: int) -> torch.Tensor:
        return torch.rand(samples, channels, side, side, generator=generator)

    classes = torch.randint(0, 7, (samples, side, side), generator=generator)
    game = torch.arange(samples) % 2
    maps = {name: random(1) for name in (*SCALARS, "confidence")}
    return maps | {
        "diffuse": random(3),
        "albedo": random(3),
        "normal": nn.functional.normalize(random(3) + torch.tensor([0, 0, 1.0])[:, None, None]),
        "truth": torch.ones(samples, 5, side, side),
        "classes": classes.masked_fill(game[:, None, None] == 1, UNKNOWN),
        "pseudo": classes,
        "game": game.float(),
    }


def rates(scheduler, epochs: int, batches: int, accumulate: int = 1) -> list[float]:
    """Learning rate of every update."""
    losses = build({"ce": {"_target_": "launch.experiments.pbr.losses.CrossEntropy"}})
    job = Segmentation(losses, "A", nn.Conv2d(6, 7, 1), ADAM, scheduler)
    job.batches_per_epoch, job.accumulate = batches, accumulate
    (optimizer,), (entry,) = job.configure_optimizers()
    found = []
    for completed in range(epochs * batches):
        if (completed + 1) % accumulate == 0:
            found.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            job.batches = completed
            job.lr_scheduler_step(entry["scheduler"], None)
    return found


def test_a_step_scheduler_counts_epochs():
    assert (
        rates(partial(StepLR, step_size=2, gamma=0.5), 5, 3) == [1.0] * 6 + [0.5] * 6 + [0.25] * 3
    )
    assert rates(partial(StepLR, step_size=1, gamma=0.5), 3, 4, accumulate=2) == [
        *[1.0] * 2,
        *[0.5] * 2,
        *[0.25] * 2,
    ]


def test_one_cycle_moves_with_every_update():
    """From a fifth of the rate up and back, over the whole run."""
    cycle = partial(
        OneCycleLR, max_lr=1.0, pct_start=0.15, div_factor=5, final_div_factor=1, epochs=10,
        steps_per_epoch=1,
    )  # fmt: skip
    found = rates(cycle, 10, 4)
    assert found[0] == pytest.approx(0.2)
    assert found[-1] == pytest.approx(0.2)
    assert max(found) == pytest.approx(1.0, abs=0.01)
    assert found.index(max(found)) == 5  # 15 % of 40


def test_warm_restarts_fall_within_an_epoch_and_begin_again():
    found = rates(partial(CosineAnnealingWarmRestarts, T_0=1), 2, 4)
    assert found == pytest.approx([1.0, 0.854, 0.5, 0.146] * 2, abs=1e-3)


def composed(phase: str, rung: str = "") -> dict:
    """A phase at demo scale without start weights."""
    return without_references(configuration(f"+experiment=pbr/{phase}", rung=rung))


def without_references(value):
    if isinstance(value, dict):
        return {key: without_references(inner) for key, inner in value.items()}
    referring = isinstance(value, str) and value.startswith(("rung:", "experiment:"))
    return None if referring else value


def tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    return dict(module.named_parameters()) | dict(module.named_buffers())


def changed_by_an_update(config: dict, epochs: int = 1) -> tuple[nn.Module, set[str]]:
    """Names of the tensors that one training step and one update change, in the first epoch.

    Heads are those of a training: below heads of zero nothing changes in the first update.
    """
    job = build_module(config)
    for head in getattr(job.network, "heads", nn.ModuleDict()).values():
        nn.init.normal_(head.weight, std=0.1)
    job.batches_per_epoch, job.iterations = 1, epochs
    optimizer = job.optimizer(job.parameter_groups())
    job.train()
    before = {name: value.clone() for name, value in tensors(job).items()}
    job.training_step(batch(), 0).backward()
    optimizer.step()
    changed = {n for n, v in tensors(job).items() if not torch.equal(v, before[n])}
    return job, changed


@pytest.mark.parametrize(
    ("phase", "head"),
    [
        ("phase_d_alb", "albedo"),
        ("phase_d_rough", "roughness"),
        ("phase_d_metal", "metallic"),
        ("phase_d_ao", "ao"),
        ("phase_d_height", "height"),
    ],
)
def test_phase_d_changes_the_named_head_only(phase, head):
    _, changed = changed_by_an_update(composed(phase))
    assert changed == {f"network.heads.{head}.weight", f"network.heads.{head}.bias"}


def test_phase_d_changes_the_head_of_the_segmentation_only():
    _, changed = changed_by_an_update(composed("phase_d_seg"))
    assert changed
    assert all(n.startswith(("network.model.decoder", "network.model.segm")) for n in changed)


def test_phase_b_changes_adapters_film_and_heads_only():
    _, changed = changed_by_an_update(composed("phase_b", "segformer"))
    outside = {n for n in changed if ".lora_" not in n}
    assert any(".lora_" in n for n in changed)
    assert all(n.startswith(("network.model.decoder", "network.model.segm")) for n in outside)
    _, changed = changed_by_an_update(composed("phase_b", "maps"))
    assert all(n.startswith(("network.decoder", "network.heads", "network.film")) for n in changed)
    assert any("film" in n for n in changed)


def test_phase_cprime_changes_norms_and_their_statistics_only():
    job, changed = changed_by_an_update(composed("phase_cprime", "maps"))
    norms = {n for n, m in job.network.named_modules() if isinstance(m, nn.BatchNorm2d)}
    assert changed
    assert {n.removeprefix("network.").rpartition(".")[0] for n in changed} <= norms
    assert any(n.endswith("running_mean") for n in changed)


def test_the_joint_pass_trains_the_albedo_at_a_quarter_of_the_rate():
    config = composed("phase_c", "maps")
    _, changed = changed_by_an_update(config)
    assert any(n.startswith("albedo.") for n in changed)
    job = build_module(config)
    own, joint = job.parameter_groups()
    assert joint["lr"] == 0.25 * config["module"]["optimizer"]["lr"]
    assert own["params"]
    job.batches_per_epoch, job.iterations = 10, 40
    assert not job.is_joint()
    job.batches = 30
    assert job.is_joint()


def test_before_the_joint_pass_the_albedo_keeps_even_the_statistics_of_its_norms():
    _, changed = changed_by_an_update(composed("phase_c", "maps"), epochs=4)
    assert changed
    assert not {n for n in changed if n.startswith("albedo.")}


def maps_job(*terms: str) -> MapsFromAlbedo:
    losses = build({name: {"type": "l1"} for name in terms})
    return MapsFromAlbedo(
        losses=losses, phase="A", network=MapsUNet("tu-test_resnet"), optimizer=ADAM,
        true_albedo_epochs=1,
    )  # fmt: skip


def test_unknown_maps_cost_nothing():
    job, sample = maps_job("roughness_l1", "ao_l1"), batch(side=32)
    sample["truth"][:, 1] = 0
    _ = job.training_step(sample, 0)
    assert job.losses.values["roughness_l1"] == 0
    assert job.losses.values["ao_l1"] > 0


def test_all_pixels_unknown_is_a_loss_of_zero_with_a_graph():
    job, sample = maps_job("roughness_l1", "ao_l1"), batch(side=32)
    sample["truth"][:] = 0
    total = job.training_step(sample, 0)
    total.backward()
    assert total == 0


def test_a_term_that_the_job_does_not_know_is_named():
    job = maps_job("rougness_l1")
    with pytest.raises(ConfigError, match=r"Did you mean 'roughness_l1'"):
        job.training_step(batch(side=32), 0)


class Says(nn.Module):
    """A segmentation that is sure of one class."""

    def __init__(self, cls: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(8 * nn.functional.one_hot(torch.tensor(cls), 7).float())

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.bias[:, None, None].expand(len(image), -1, *image.shape[-2:])


def seen(teacher: int, truth: int | None) -> dict[str, float]:
    """What a validation on game textures reports of a network that says 3 everywhere."""
    losses = build(
        {name: {"_target_": f"launch.experiments.pbr.losses.{kind}"} for name, kind in TERMS}
    )
    job = Segmentation(losses, "D", Says(3), ADAM)
    job._trainer = SimpleNamespace(
        num_val_batches=[1], state=SimpleNamespace(fn="validate"), callback_metrics={}
    )
    sample = batch(side=32) | {"game": torch.ones(2), "confidence": torch.ones(2, 1, 32, 32)}
    sample["pseudo"] = torch.full((2, 32, 32), teacher)
    sample["classes"] = torch.full((2, 32, 32), UNKNOWN if truth is None else truth)
    with torch.no_grad():
        job.on_validation_epoch_start()
        job.validation_step(sample, 0)
        job.on_validation_epoch_end()
    return job.metrics


TERMS = (("ce", "CrossEntropy"), ("pseudo", "PseudoCrossEntropy"))


def test_agreement_with_a_teacher_is_no_loss_on_game_textures():
    metrics = seen(teacher=3, truth=None)
    assert not {"sky_val_loss", "val_loss", "seg_acc_sky"} & metrics.keys()
    assert metrics["teacher_agreement_sky"] == 1


def test_a_wrong_teacher_is_seen():
    """Without truth the network that it teaches disagrees; with truth it is wrong."""
    assert seen(teacher=5, truth=None)["teacher_agreement_sky"] == 0
    right, wrong = seen(teacher=3, truth=3), seen(teacher=5, truth=3)
    assert (right["teacher_accuracy_sky"], wrong["teacher_accuracy_sky"]) == (1, 0)
    assert right["sky_val_loss"] == wrong["sky_val_loss"]  # the truth does not ask the teacher


def test_a_network_in_another_memory_format_is_the_same():
    network = MapsUNet("tu-test_resnet").eval()
    plain = {name: value.clone() for name, value in network.state_dict().items()}
    image = torch.rand(1, 6, 32, 32)
    with torch.no_grad():
        before = network(image)
        job = MapsFromAlbedo(
            losses=build({"ao_l1": {"type": "l1"}}), phase="D", network=network, optimizer=ADAM
        )
        prepare_module(job, {"channels_last": True})
        after = job.network(image)
    assert job.network.state_dict().keys() == plain.keys()
    assert network.heads["ao"].weight.is_contiguous(memory_format=torch.channels_last)
    for name, values in before.items():
        torch.testing.assert_close(after[name], values)


@pytest.mark.parametrize(
    ("lpips", "l1", "ends"),
    [
        ([0.2, 0.3, 0.4, 0.5], [0.9, 0.8, 0.7, 0.6], True),
        ([0.2, 0.3, 0.25, 0.5], [0.9, 0.8, 0.7, 0.6], False),  # one step down
        ([0.2, 0.3, 0.4], [0.9, 0.8, 0.7], False),  # twice only
    ],
)
def test_an_albedo_that_looks_worse_while_its_l1_falls_ends_its_training(lpips, l1, ends):
    job = Albedo(
        losses=build({"l1": {"type": "l1"}}), phase="A", network=nn.Conv2d(6, 3, 1),
        optimizer=ADAM, overfit=3,
    )  # fmt: skip
    job._trainer = SimpleNamespace(state=SimpleNamespace(fn="fit"), should_stop=False)
    for perceived, error in zip(lpips, l1, strict=True):
        job.watch_overfit({"lpips_val_random": perceived, "u_alb_L1": error})
    assert job.trainer.should_stop is ends
