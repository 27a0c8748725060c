"""The command line, through the command line."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from launch.record.run import REPOSITORY
from tests.command_line import launch, stopped

TINY = [
    "trainer.threads=1",
    "module.network.num_feat=8",
    "module.network.num_conv=1",
    "module.discriminator.channels=4",
    "data.scenes=4",
    "data.size=96",
    "data.crop=16",
    "data.batch_size=2",
    "data.validation_images=1",
    "trainer.validate_every=10",
    "trainer.checkpoint_every=4",
    "trainer.log_every=5",
]
RAMP = [
    "+experiment=sr/gan_ramp",
    *TINY,
    "losses.gan.start_iter=5",
    "losses.gan.target_iter=20",
    "module.warmup_iters=2",
    "trainer.max_iterations=24",
]


def record(folder):
    return json.loads((Path(folder) / "run.json").read_text())


def rows(folder):
    with (Path(folder) / "metrics.csv").open() as file:
        return {int(row["iteration"]): row for row in csv.DictReader(file)}


def test_without_arguments_it_lists_what_can_be_run(here):
    code, printed = here()
    assert code == 0
    for path in (REPOSITORY / "conf" / "experiment").rglob("*.yaml"):
        assert str(path.relative_to(REPOSITORY / "conf" / "experiment").with_suffix("")) in printed


def test_all_mistakes_are_told_at_once(here):
    code, printed = here(
        "+experiment=sr/static", "losses.pixel.loss_weight=-1", "trainer.log_every=0", "+foo=1"
    )
    assert code == 2
    assert all(key in printed for key in ("losses.pixel.loss_weight", "trainer.log_every", "foo"))


BLOCKER = """
import sys
class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "lightning"):
            raise ImportError(f"{name} is imported")
sys.meta_path.insert(0, Blocker())
sys.argv = ["launch", *sys.argv[1:]]
from launch.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], 0),
        (["--cfg", "job", "+experiment=sr/loss_ramps"], 0),
        (["+experiment=sr/loss_ramps", "losses.gan.target_weight=-1"], 2),
        (["+experiment=sr/loss_ramps", "task=plan", "losses.gan.target_weight=-1"], 2),
        (["task=runs"], 0),
    ],
)
def test_the_front_end_imports_no_torch(tmp_path, arguments, code):
    where = [f"run_dir={tmp_path}"] if "task=plan" in arguments else []
    command = [sys.executable, "-c", BLOCKER, *arguments, *where]
    result = subprocess.run(command, capture_output=True, text=True, cwd=REPOSITORY, check=False)
    assert result.returncode == code, result.stderr


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """A finished run through a GAN ramp."""
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    code, printed = launch(*RAMP, f"run_dir={folder}")
    assert code == 0, printed
    return folder


def test_a_run_leaves_its_record_and_its_pictures(undisturbed):
    written = record(undisturbed)
    assert written["status"] == "completed"
    assert written["iteration"] == 24
    assert {"psnr_y", "psnr_y_bicubic", "ssim_y", "nlpd"} <= written["metrics"].keys()
    assert written["data"]["fingerprint"]
    names = {path.name for path in undisturbed.iterdir()}
    assert {".hydra", "config.yaml", "metrics.csv", "weights.safetensors", "plan.png"} <= names
    assert (undisturbed / "images" / "iteration_00000024.png").is_file()


def test_metrics_csv_shows_the_ramp_and_the_discriminator_only_while_it_trains(undisturbed):
    logged = rows(undisturbed)
    assert float(logged[4]["weight/gan"]) == float(logged[5]["weight/gan"]) == 0
    assert logged[5]["loss/gan"] == ""
    assert float(logged[20]["weight/gan"]) == 0.001
    assert logged[0]["training/discriminator"] == ""
    assert float(logged[5]["training/discriminator"]) > 0  # two iterations of warm-up


def test_a_folder_belongs_to_one_command(undisturbed):
    code, printed = launch(*RAMP, f"run_dir={undisturbed}")
    assert code == 0
    assert "completed already" in printed
    code, printed = launch(*RAMP, "seed=7", f"run_dir={undisturbed}")
    assert code == 2
    assert f"resume={undisturbed}" in printed


def test_kill_9_and_resume_gives_the_same_run_bit_for_bit(tmp_path, undisturbed):
    folder = tmp_path / "killed"
    saved = (folder / "checkpoints" / "last.ckpt").exists
    stopped(*RAMP, f"run_dir={folder}", when=lambda: saved() and max(rows(folder), default=0) >= 9)
    assert record(folder)["status"] == "running"
    code, printed = launch(f"resume={folder}")
    assert code == 0, printed
    for name in ("weights.safetensors", "checkpoints/last.ckpt"):
        killed, whole = (f / name for f in (folder, undisturbed))
        if name.endswith("safetensors"):
            assert killed.read_bytes() == whole.read_bytes()
    assert record(folder)["metrics"] == record(undisturbed)["metrics"]
    timing = ("health/seconds_per_iteration", "health/data_wait_share")
    for iteration, row in rows(undisturbed).items():
        other = rows(folder)[iteration]
        assert {k: v for k, v in row.items() if k not in timing} == {
            k: v for k, v in other.items() if k not in timing
        }


def test_sigterm_saves_and_ends_with_143(tmp_path):
    folder = tmp_path / "stopped"
    typed = [*RAMP, "trainer.max_iterations=5000", f"run_dir={folder}"]
    saved = (folder / "checkpoints" / "last.ckpt").exists
    assert stopped(*typed, when=saved, number=signal.SIGTERM, send=os.kill) == 143
    assert record(folder)["status"] == "interrupted"


def test_a_finished_run_validates_and_predicts(tmp_path, undisturbed):
    from PIL import Image  # noqa: PLC0415

    code, printed = launch(f"from={undisturbed}", "task=validate", f"run_dir={tmp_path / 'v'}")
    assert code == 0, printed
    assert record(tmp_path / "v")["metrics"] == record(undisturbed)["metrics"]
    (tmp_path / "in").mkdir()
    Image.new("RGB", (40, 24), (200, 30, 60)).save(tmp_path / "in" / "small.png")
    (tmp_path / "in" / "broken.png").write_bytes(b"no picture")
    code, printed = launch(
        f"from={undisturbed}",
        "task=predict",
        f"input={tmp_path / 'in'}",
        f"output={tmp_path / 'out'}",
        f"run_dir={tmp_path / 'p'}",
    )
    assert code == 0, printed
    assert "broken.png" in printed
    assert Image.open(tmp_path / "out" / "small.png").size == (160, 96)


def test_a_checkpoint_of_another_architecture_is_named(tmp_path, undisturbed):
    code, printed = launch(
        *RAMP, "module.network.num_feat=12", f"from={undisturbed}", f"run_dir={tmp_path / 'x'}"
    )
    assert code == 2
    assert "another architecture" in printed
    assert "network.body.0.weight" in printed
    assert "Traceback" not in printed


@pytest.mark.slow
def test_one_failed_job_of_a_sweep_leaves_the_others_alone(tmp_path):
    code, printed = launch(
        "-m", *RAMP, "losses.gan.target_weight=0.001,-0.2,0.003", f"run_dir={tmp_path}"
    )
    assert code != 0
    status = [record(tmp_path / str(job))["status"] for job in range(3)]
    assert status == ["completed", "failed", "completed"]
    assert "target_weight must not be negative, got -0.2" in printed
    assert "Traceback" not in printed


@pytest.mark.slow
def test_a_nan_stops_the_run_naming_the_term_and_keeps_the_checkpoint(tmp_path):
    folder = tmp_path / "nan"
    code, printed = launch(*RAMP, "module.optimizer.lr=1e30", f"run_dir={folder}")
    assert code == 1
    assert "loss term" in printed
    assert "iteration" in printed
    assert "Traceback" not in printed
    assert record(folder)["status"] == "failed"
