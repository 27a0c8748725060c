"""Typical mistakes of a first hour: each is answered in a few lines that say what to type.

In a folder with `photos` (three pictures), `empty`, `notes` (no picture) and one stopped run.
"""

import json
import shlex

import pytest
from PIL import Image

from launch.check import nodes
from launch.start import devices

STATIC = "+experiment=sr/static"

MISTAKES = [
    # what is typed, exit code, what the answer says
    # A command that is none
    ("help", 2, "python -m launch, which lists"),
    ("list", 2, "python -m launch, which lists"),
    ("--list", 2, "no flag --list"),
    ("sr/static", 2, "+experiment=sr/static"),
    ("experiment sr/static", 2, "+experiment=sr/static"),
    ("train sr/static", 2, "+experiment=sr/static"),
    ("+experiment", 2, "+experiment=NAME"),
    ("validate", 2, "task=validate"),
    ("reprot", 2, "task=report"),
    ("resume", 2, "resume=RUN_DIR"),
    ("--experiment=sr/static", 2, "type experiment=sr/static"),
    ("--resume runs/x", 2, "resume=runs/x"),
    (f"{STATIC} data.crop = 32", 2, "no spaces around ="),
    (f"--cfg jobb {STATIC}", 2, "choose from 'job'"),
    ("new", 2, "new DIR"),
    ("new photos", 2, "has files already"),
    # A name that is none
    ("+experimnt=sr/static", 2, "Did you mean 'experiment'"),
    ("experimnt=sr/static", 2, "Did you mean 'experiment'"),
    ("+experiment=sr/loss_rampss", 2, "Did you mean 'sr/loss_ramps'"),
    ("experiment=sr/loss_rampss", 2, "Did you mean 'sr/loss_ramps'"),
    ("+experiment=sr", 2, "sr/disc_mask, sr/gan_ramp, sr/gan_step, sr/loss_ramps, sr/static"),
    ("+experiment=static", 2, "'sr/static'"),
    ("+experiment=pbr", 2, "'+ladder=pbr'"),
    ("+ladder=pbr/phase_a", 2, "'+experiment=pbr/phase_a'"),
    ("+ladder=pbrr", 2, "Did you mean 'pbr'"),
    ("+ladder=pbr rungs=[phase_x]", 2, "Did you mean 'phase_c'"),
    ("+ladder=pbr trainer.max_epoch=3", 2, "Did you mean 'trainer.max_epochs'"),
    ("+study=sr_ramps", 2, "add -m"),
    ("+study=sr_ramp -m", 2, "Did you mean 'sr_ramps'"),
    ("+study=sr_ramps task=plan -m", 2, "plan one of its jobs, without -m"),
    ("-m task=report", 2, "leave -m out"),
    (f"-m {STATIC} resume=runs/stopped", 2, "continues a run; leave -m out"),
    (f"-m {STATIC} seed=1,2 hydra.sweeper.max_batch=3", 2, "'hydra.sweeper.max_batch_size'"),
    (f"-m {STATIC} seed=1,2 hydra/launcher=slurm hydra.launcher.partitoin=x", 2,
     "'hydra.launcher.resources.slurm_partition'"),
    ("+study=x", 2, "sr_ramps"),
    ("task=train", 2, "+experiment=NAME"),
    ("task=validat", 2, "Did you mean 'validate'"),
    (f"{STATIC} task=trian", 2, "Did you mean 'train'"),
    ("tsk=runs", 2, "Did you mean 'task'"),
    (f"{STATIC} trainr=cpu", 2, "Did you mean 'trainer'"),
    (f"{STATIC} trainer=cpuu", 2, "Did you mean 'cpu'"),
    (f"{STATIC} scale=Full", 2, "Did you mean 'full'"),
    (f"{STATIC} network=esrgann", 2, "Did you mean 'esrgan'"),
    (f"{STATIC} module.network=esrgan", 2, "network=esrgan chooses"),
    (f"{STATIC} module.network={{width:3}}", 2, "type ~module.network +module.network=VALUE"),
    # A key that is none
    (f"{STATIC} sed=3", 2, "Did you mean 'seed'"),
    (f"{STATIC} lr=1e-4", 2, "Did you mean 'module.optimizer.lr'"),
    (f"{STATIC} module.learning_rate=1e-4", 2, "Did you mean 'module.optimizer.lr'"),
    (f"{STATIC} batch_size=4", 2, "Did you mean 'data.batch_size'"),
    (f"{STATIC} epochs=3", 2, "Did you mean 'trainer.max_epochs'"),
    (f"{STATIC} trainer.max_steps=100", 2, "Did you mean 'trainer.max_iterations'"),
    (f"{STATIC} trainer.max_iteration=3", 2, "'trainer.max_iterations'"),
    (f"{STATIC} gpus=1", 2, "Did you mean 'trainer.devices'"),
    (f"{STATIC} losses.pixel.weight=0.5", 2, "Did you mean 'losses.pixel.loss_weight'"),
    (f"{STATIC} losses.lpips.loss_weight=1", 2, "+losses.lpips='{type: lpips"),
    (f"{STATIC} losses.pixel.start_iter=3", 2, "+losses.pixel.start_iter=VALUE"),
    (f"{STATIC} module.network.num_out_ch=3", 2, "+module.network.num_out_ch=VALUE"),
    (f"{STATIC} +module.network.num_featt=3", 2, "Did you mean 'num_feat'"),
    (f"{STATIC} +foo=1", 2, "foo = 1: there is no such key"),
    (f"{STATIC} +seed=1", 2, "without the +"),
    (f"{STATIC} ~losses.pixl", 2, "'losses.pixel'"),
    # A value that is none
    (f"{STATIC} seed=abc", 2, "must be a whole number"),
    (f"{STATIC} seed=-1", 2, "at least 0"),
    (f"{STATIC} seed=99999999999", 2, "less than 4294967296"),
    (f"{STATIC} seed=1,2", 2, "add -m"),
    (f"{STATIC} seed=range(3)", 2, "add -m"),
    (f"{STATIC} trainer.max_iterations=0", 2, "greater than 0"),
    (f"{STATIC} trainer.max_iterations=1e5", 2, "write 100000"),
    (f"{STATIC} trainer.max_iterations=20k", 2, "write 20000"),
    (f"{STATIC} trainer.max_epochs=3", 2, "trainer.max_iterations=null"),
    (f"{STATIC} trainer.threads=100000", 2, "at most 1024"),
    (f"{STATIC} trainer.fused=yes", 2, "true or false"),
    (f"{STATIC} ema=yes", 2, "ema.KEY=VALUE"),
    (f"{STATIC} ema.decay=2", 2, "less than 1"),
    (f"{STATIC} module.optimizer.lr=-1e-4", 2, "must not be negative"),
    (f"{STATIC} losses.pixel.loss_weight=-1", 2, "must not be negative"),
    (f"{STATIC} losses.pixel.type=l11", 2, "Did you mean 'l1'"),
    (f"{STATIC} losses=l1", 2, "losses.KEY=VALUE"),
    ("-m +experiment=sr/static trainer=cpu,gpuu", 2, "Did you mean 'gpu'"),
    # Files and runs
    (f"{STATIC} data=photos", 2, "data=sr/folder data.root=photos"),
    (f"{STATIC} data.root=photos", 2, "type data=sr/folder data.root=VALUE"),
    (f"{STATIC} data=sr/folder", 2, "data.root"),
    (f"{STATIC} data=pbr/folder", 2, "does not fit sr/static"),
    (f"{STATIC} data=sr/folder data.root=nowhere", 3, "data=sr/synthetic"),
    (f"{STATIC} data=sr/folder data.root=empty", 3, "this folder is empty"),
    (f"{STATIC} data=sr/folder data.root=my photos", 2, '"data.root=my photos"'),
    (f"{STATIC} data=sr/folder 'data.root=it (1)'", 2, "\"data.root='it (1)'\""),
    ("resume=runs/nowhere", 2, "resume=runs/stopped"),
    (f"{STATIC} from=nowhere", 3, "task=runs lists the runs"),
    (f"{STATIC} from=photos/0.png", 3, "this is no checkpoint"),
    ("task=validate", 2, "needs from=latest"),
    ("task=validate from=latest", 3, "no finished run"),
    ("task=predict from=runs/stopped input=nowhere output=out", 3, "no such file or folder"),
    ("task=predict from=runs/stopped input=photos", 2, "output=PATH"),
    (f"{STATIC} task=predict input=photos output=out", 2, "needs from=latest"),
    ("task=report runs=nowhere", 3, "no run is there"),
    (f"{STATIC} run_dir=photos/0.png", 3, "cannot be made"),
    ("+experiment=pbr/phase_a needs=require", 3, "experiment=pbr/phase_a0"),
    # What names nothing, or too much
    (f"{STATIC} @package=3", 2, "'@package=3' names no key"),
    (f"{STATIC} '~' sed=1", 2, "'~' names no key"),
    (f"{STATIC} a@b@c=1", 2, "Overrides are KEY=VALUE"),
    (f"{STATIC} data@x=sr/folder", 2, "type +data@x=NAME to add it"),
    (f"{STATIC} '~seed'", 2, "it cannot be taken away; type seed=VALUE"),
    (f"{STATIC} scale=[demo]", 2, "the name of one of its options"),
    (f"{STATIC} sed=3 seed=1,2", 2, "Did you mean 'seed'"),
    (f"{STATIC} rungs.a.seed=1", 2, "has no rungs"),
    ("+experiment=pbr/phase_b rungs.albdo.seed=1", 2, "Did you mean 'albedo'"),
    ("+experiment=winding/mask_stages module.windings=1", 2, "at least 2"),
    ("+experiment=pbr/phase_b/albedo recipe.relief=false", 2, "nothing reads it at scale=demo"),
    ("+experiment=pbr/phase_b/albedo recipe.size=64", 2, "nothing reads it at scale=demo"),
    ("+experiment=pbr/phase_b/albedo recipe.unfreeze=2", 2, "nothing reads it at scale=demo"),
    ("+experiment=pbr/phase_b/albedo recipe.size=64 task=plan", 2, "nothing reads it at scale=d"),
    ("+experiment=pbr/phase_b ~losses.l1", 2, "Did you mean 'rungs.albedo.losses.l1'"),
    ("+experiment=pbr/phase_b losses.ce.loss_weight=2", 2, "'rungs.segformer.losses.ce.loss_w"),
    (f"{STATIC} +ladder=pbr", 2, "leave one of them out"),
    # What only building tells, which a plan tells as well
    (f"{STATIC} task=plan ema.modules=[netwrk]", 2, "Did you mean 'network'"),
    ("+experiment=pbr/phase_a0/albedo task=plan recipe.unet=resnet43", 2, "mean 'resnet34'"),
    (f"{STATIC} task=plan data.crop=4096", 2, "must be at least 16384"),
    (f"{STATIC} task=plan trainer.activation_checkpointing=[x.*]", 2, "no sub-module matches"),
    ("+experiment=sr/gan_ramp task=plan module.discriminator=null", 2, "losses.gan is a GAN"),
    ("+experiment=sr/gan_ramp task=plan trainer.strategy=fsdp2", 2, "type trainer.strategy=ddp"),
    ("+experiment=roi/standard task=plan trainer.strategy=fsdp2", 2, "looks inside of one"),
    # What is not there
    (f"{STATIC} trainer=gpu", 3, "type trainer=cpu"),
    (f"{STATIC} logger=wandb", 3, "pip install wandb"),
    (f"{STATIC} hydra/launcher=submitit_slurm -m seed=1,2", 2, "hydra-submitit-launcher"),
]  # fmt: skip


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("newcomer")
    for name in ("photos", "empty", "notes", "runs/stopped"):
        (folder / name).mkdir(parents=True)
    for place in range(3):
        Image.new("RGB", (64, 64)).save(folder / "photos" / f"{place}.png")
    (folder / "notes" / "todo.txt").write_text("")
    record = {"status": "interrupted", "task": "train", "experiment": "sr/static"}
    (folder / "runs" / "stopped" / "run.json").write_text(json.dumps(record))
    return folder


@pytest.fixture
def beginner(here, files, monkeypatch):
    """The command line in that folder, on a machine without a GPU and without wandb."""
    load = nodes.load
    monkeypatch.chdir(files)
    monkeypatch.setattr(devices, "graphics_cards", lambda: 0)
    monkeypatch.setattr(nodes, "load", lambda name: None if name == "wandb" else load(name))
    return here


@pytest.mark.parametrize(("typed", "code", "told"), MISTAKES, ids=[row[0] for row in MISTAKES])
def test_a_mistake_is_answered_in_a_few_lines(beginner, files, typed, code, told):
    before = sorted(files.rglob("*"))
    exit_code, printed = beginner(*shlex.split(typed))
    assert exit_code == code, printed
    assert told in printed
    assert "Traceback" not in printed
    assert len(printed.splitlines()) <= 15
    assert max(map(len, printed.splitlines())) < 400
    assert sorted(files.rglob("*")) == before, "no folder is left"


def test_there_are_at_least_sixty():
    assert len({typed for typed, *_ in MISTAKES}) >= 60


def test_the_version_is_the_projects(here):
    assert here("--version")[1].startswith("launch-recipes ")
    assert here("--version", STATIC) == here("--version")


def test_the_devices_that_are_there_are_counted(here, monkeypatch):
    monkeypatch.setattr(devices, "graphics_cards", lambda: 1)
    code, printed = here(STATIC, "trainer=gpu", "trainer.devices=4")
    assert code == 3
    assert "trainer.devices=1" in printed
    assert here(STATIC, "trainer=gpu", "run_dir=run")[0] == 0


def test_a_list_of_no_runs_says_so(here):
    assert here("task=runs") == (0, "no run is below runs\n")
