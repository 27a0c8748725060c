"""What stages become: losses with step weights, masks with windows, and a length."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from launch.errors import ConfigError
from launch.experiments.winding.expansion import effects, expand, named
from launch.experiments.winding.masks import TYPES
from launch.experiments.winding.stages import parse
from launch.record.expand import expanded as follow

PIE = {
    "label": "cw_pie",
    "type": "central_winding_pie_ema",
    "ramp_start_it": 0,
    "start_size_segs": 32,
    "ramp_stop_it": 2000,
    "blur_sigma": 7.0,
    "losses": ["gradmag"],
}
SEED_STAGE = {"name": "stage0", "steps": 2000, "masks": [PIE]}
SEED_DOCUMENT = {"base": {"gradmag": 1.0}, "stages": [SEED_STAGE]}


def expanded(stages: Any, iterations: int | None = None, **config: Any) -> dict[str, Any]:
    trainer = {"max_iterations": iterations, "log_every": 1}
    return expand({"trainer": trainer, **config}, stages, None)


def test_weights_step_at_stage_boundaries() -> None:
    stages = [{"steps": 10, "w_fac": {"step": 0}}, {"steps": 5}, {"steps": 5, "default_mul": 2}]
    config = expanded(stages={"base": {"step": 3.0, "dir_v": 0.0}, "stages": stages})
    assert config["losses"]["step"] == {
        "_target_": "launch.experiments.winding.losses.Step",
        "loss_weight": [[0, 0.0], [10, 3.0], [15, 6.0]],
        "schedule_type": "step",
    }
    assert config["losses"]["dir_conn"]["loss_weight"] == [[0, 1.0], [15, 2.0]]
    assert "dir_v" not in config["losses"]
    assert config["trainer"] == {"max_iterations": 20, "log_every": 1}


def test_masks_work_within_their_stage() -> None:
    stages = {"first": {"steps": 10}, "snap": {"steps": 7, "masks": [PIE]}}
    config = expanded(stages={"base": {"gradmag": 1.0}, "stages": stages})
    (mask,) = config["masks"]
    assert mask.pop("_target_") == TYPES["central_winding_pie_ema"]
    assert mask == {k: v for k, v in PIE.items() if k != "type"} | {"start": 10, "stop": 17}
    assert named({"type": "disc"}) == {"type": "disc"}


def test_the_module_learns_of_its_stages() -> None:
    stages = {"aim": {"steps": 4, "params": ["theta"], "lr": 0.01}, "gone": None}
    config = expanded(stages={"stages": stages}, module={"_target_": "x"})
    (stage,) = config["module"]["stages"]
    assert stage == {
        "name": "aim",
        "first": 0,
        "steps": 4,
        "lr": [0.01],
        "params": ["theta"],
        "min_scaledown": 0,
    }
    assert config["module"]["_target_"] == "x"


def test_settings_of_a_term_stand_beside_its_weight() -> None:
    losses = {"gradmag": {"per_sample": True}}
    config = expanded(stages=SEED_DOCUMENT, losses=losses)
    assert config["losses"]["gradmag"]["per_sample"] is True
    with pytest.raises(ConfigError, match="no stage gives data a weight"):
        expanded(stages=SEED_DOCUMENT, losses={"data": {}})


def test_a_run_may_be_cut_short_but_not_outlast_its_stages() -> None:
    assert expanded(SEED_DOCUMENT, 30)["trainer"]["max_iterations"] == 30
    with pytest.raises(ConfigError, match="stages end after 2000"):
        expanded(SEED_DOCUMENT, 2001)


def test_stages_are_needed() -> None:
    with pytest.raises(ConfigError, match="needs stages"):
        expanded(None)


def test_the_requirement_documents_json_runs_unchanged(tmp_path: Path, configure) -> None:
    path = tmp_path / "stages.json"
    path.write_text(json.dumps(SEED_DOCUMENT))
    config = follow(configure(f"stages_file={path}"))
    assert config["trainer"]["max_iterations"] == 2000
    assert config["masks"] == [named(PIE) | {"start": 0, "stop": 2000}]
    assert {name: loss["loss_weight"] for name, loss in config["losses"].items()} == {
        "dir_v": [[0, 1.0]],
        "dir_conn": [[0, 1.0]],
        "gradmag": [[0, 1.0]],
    }


def staged(**mask: Any):
    """The stages of a document whose only mask is the pie with other settings."""
    stage = {"name": "snap", "steps": 10, "masks": [PIE | {"ramp_stop_it": 6} | mask]}
    return parse({"base": {"gradmag": 1.0}, "stages": [stage]})


def test_a_gated_term_without_weight_is_told() -> None:
    (sentence,) = effects(staged(losses=["gradmag", "data"]))
    assert "also gates data, which has weight 0" in sentence


def test_expansion_needs_no_torch() -> None:
    code = "import sys, launch.experiments.winding.expansion; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
