"""The ladder of the phases, climbed with a few samples: what trains in each, kills, and its gates.

The undisturbed climb does all its work in this process; kills are of processes of their own.
"""

import os
import re
import signal
from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate
from torch import nn

from launch.record.run import Run
from tests.command_line import launch, stopped

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

TINY = [
    *("trainer.max_epochs=1", "trainer.checkpoint_every=1", "trainer.threads=1"),
    *("data.samples_per_epoch=12", "data.batch_size=4", "data.feed=64", "data.validation_crop=64"),
    *("data.clean.count=14", "data.clean.size=64", "data.game.count=14", "data.game.size=64"),
]
JOBS = ("segformer", "albedo", "maps")
HEADS = {  # job: where it starts, and the tensors that it may change
    "phase_d_seg": ("phase_cprime/segformer", r"model\.(decoder|segmentation_head)\."),
    "phase_d_alb": ("phase_cprime/albedo", r"heads\.albedo\."),
    "phase_d_rough": ("phase_cprime/maps", r"heads\.roughness\."),
    "phase_d_metal": ("phase_d_rough", r"heads\.metallic\."),
    "phase_d_ao": ("phase_d_metal", r"heads\.ao\."),
    "phase_d_height": ("phase_d_ao", r"heads\.height\."),
}


def command(folder):
    return ["+ladder=pbr", f"run_dir={folder / 'climb'}", f"runs={folder}", *TINY]


@pytest.fixture(scope="module")
def climbed(tmp_path_factory, launch_here):
    """The folder of a whole climb."""
    folder = tmp_path_factory.mktemp("undisturbed")
    assert launch_here(command(folder)) == 0
    return folder / "climb" / "pbr"


def tensors(run: Path, part="network", kind="best"):
    """Of one network in a checkpoint, by name; the last lies there if it is not the best."""
    last = run / "checkpoints" / "last.ckpt"
    path = last if kind == "last" and last.is_file() else run / "checkpoints" / "best.ckpt"
    content = torch.load(path, weights_only=True)["state_dict"]
    return {n.removeprefix(f"{part}."): v for n, v in content.items() if n.startswith(f"{part}.")}


def plain(state):
    """The names that the tensors have without adapters."""
    return {n.replace(".base_layer.", "."): v for n, v in state.items() if ".lora_" not in n}


def changed(after, before):
    """Names of the tensors that differ."""
    assert after.keys() == before.keys()
    return {name for name in after if not torch.equal(after[name], before[name])}


def outside(names, pattern):
    """Those of the names that do not begin as the pattern says."""
    return [name for name in sorted(names) if not re.match(pattern, name)]


@pytest.mark.parametrize("job", HEADS)
def test_a_job_of_phase_d_changes_its_head_only(climbed, job):
    parent, head = HEADS[job]
    differ = changed(tensors(climbed / job, kind="last"), tensors(climbed / parent))
    assert differ
    assert not outside(differ, head)


@pytest.mark.parametrize("job", ["phase_d_alb", "phase_d_rough", "phase_d_metal", "phase_d_height"])
def test_the_networks_that_a_job_of_phase_d_looks_at_are_those_of_the_jobs_before(climbed, job):
    assert not changed(tensors(climbed / job, "segformer"), tensors(climbed / "phase_d_seg"))
    if job != "phase_d_alb":
        assert not changed(tensors(climbed / job, "albedo"), tensors(climbed / "phase_d_alb"))


def test_phase_b_changes_adapters_and_heads_of_the_segmentation(climbed):
    after = tensors(climbed / "phase_b/segformer")
    assert {n for n in after if ".lora_B" in n and after[n].any()}  # they start as zeros
    differ = changed(plain(after), tensors(climbed / "phase_a/segformer"))
    assert differ
    assert not outside(differ, r"model\.(decoder|segmentation_head)\.")


@pytest.mark.parametrize("job", ["albedo", "maps"])
def test_phase_b_changes_decoder_heads_and_film_of_the_unets(climbed, job):
    """The encoders keep even the statistics of their norms."""
    after = tensors(climbed / "phase_b" / job, kind="last")
    differ = changed(after, tensors(climbed / "phase_a" / job))
    assert {name.split(".")[0] for name in differ} == {"decoder", "heads", "film"}


@pytest.mark.parametrize("job", JOBS)
def test_phase_cprime_changes_norms_only(climbed, job):
    after = tensors(climbed / "phase_cprime" / job, kind="last")
    parent = ("maps", "albedo") if job == "albedo" else (job, "network")
    differ = changed(after, tensors(climbed / "phase_c" / parent[0], parent[1]))
    norms = names_of_norms(climbed / "phase_cprime" / job)
    assert differ
    assert {name.rpartition(".")[0] for name in differ} <= norms
    endings = {name.rpartition(".")[2] for name in differ}
    statistics = {"running_mean", "running_var", "num_batches_tracked"}
    assert endings <= {"weight", "bias"} | statistics
    assert job == "segformer" or endings >= statistics - {"num_batches_tracked"}


def names_of_norms(run):
    kinds = nn.BatchNorm2d | nn.LayerNorm | nn.GroupNorm
    network = yaml.safe_load((run / "config.yaml").read_text())["module"]["network"]
    network = instantiate(network | {"weights": None})
    return {name for name, module in network.named_modules() if isinstance(module, kinds)}


def test_the_joint_pass_of_phase_c_trains_the_albedo_network_too(climbed):
    joint = tensors(climbed / "phase_c/maps", "albedo", "last")
    assert changed(joint, tensors(climbed / "phase_c/albedo"))


@pytest.mark.parametrize(
    ("phase", "ending"),
    [
        ("phase_a0", "A0_best"),
        ("phase_a", "A_bal_best"),
        ("phase_b", "B_bal_best"),
        ("phase_c", "C_bal_best"),
        ("phase_cprime", "Cprime_bal_best"),
    ],
)
def test_a_phase_ends_with_merged_weights_of_each_network(climbed, phase, ending):
    """Their names say whether the classes were balanced."""
    for job, kind in zip(JOBS, ("seg", "u_alb", "u_maps"), strict=True):
        exported = load(climbed / phase / job / f"{kind}_{ending}.safetensors")
        assert exported.keys() == plain(tensors(climbed / phase / job)).keys()


def test_the_last_job_leaves_all_maps_under_its_name(climbed):
    exported = load(climbed / "phase_d_height" / "u_maps_D_height_best.safetensors")
    assert {n.split(".")[1] for n in exported if n.startswith("heads.")} >= {"metallic", "height"}


def load(path):
    from safetensors.torch import load_file  # noqa: PLC0415 - here only

    return load_file(path)


def test_a_job_ends_itself_when_its_patience_is_over(launch_here, tmp_path):
    """Without a learning rate the first epoch is no better than what was validated before it."""
    patient = ["trainer.max_epochs=5", "module.patience=1", "module.optimizer.lr=0"]
    typed = ["+experiment=pbr/phase_d_rough", "needs=none", f"run_dir={tmp_path / 'run'}"]
    assert launch_here([*typed, f"runs={tmp_path}", *TINY[1:], *patient]) == 0
    record = Run(tmp_path / "run").record
    assert (record["status"], record["iteration"]) == ("completed", 3)


def test_every_phase_takes_a_step_at_full_scale(launch_here, tmp_path):
    """With the networks of the requirement document, on small pictures."""
    step = ["scale=full", "data.samples_per_epoch=4", "recipe.lpips.weights=random"]
    step += ["trainer.compile=false"]  # minutes for each job
    assert launch_here([*command(tmp_path), *step]) == 0
    runs = [Run(path.parent) for path in (tmp_path / "climb").rglob("metrics.csv")]
    assert len(runs) == 5 * len(JOBS) + len(HEADS)
    for run in runs:
        config = yaml.safe_load((run.folder / "config.yaml").read_text())
        assert (run.record["status"], run.record["iteration"]) == ("completed", 1)
        encoder = "mit_b1" if "seg" in run.folder.name else "resnet34"
        assert config["module"]["network"]["encoder"] == encoder


# Kills


MOMENTS = ("phase_a0/albedo", "phase_b/segformer")
THREE = ["rungs=[phase_a0,phase_a,phase_b]"]


def test_a_climb_that_was_killed_twice_ends_with_the_same_checkpoints(climbed, tmp_path):
    arguments = [*command(tmp_path), *THREE]
    folder = tmp_path / "climb" / "pbr"
    for moment, number in zip(MOMENTS, (signal.SIGKILL, signal.SIGTERM), strict=True):
        saved = (folder / moment / "checkpoints" / "last.ckpt").is_file
        code = stopped(*arguments, when=saved, number=number, send=os.kill)
        assert code in (-number, 143)
        assert Run(folder / moment).record["status"] in ("running", "interrupted")
        assert not (folder / "phase_b" / "maps").exists()
    code, printed = launch(*arguments)
    assert code == 0, printed
    for phase in ("phase_a0", "phase_a", "phase_b"):
        for job in JOBS:
            for kind in ("best", "last"):
                theirs = tensors(climbed / phase / job, kind=kind)
                assert not changed(tensors(folder / phase / job, kind=kind), theirs), (phase, job)
