"""What a stage document means, and what it may not say."""

import json
from pathlib import Path
from typing import Any

import pytest
from launch.experiments.winding.stages import parse, read

from launch.errors import ConfigError, MissingError

PIE = {"label": "pie", "type": "central_winding_pie_ema", "losses": ["gradmag"]}


def document(**stage: Any) -> dict[str, Any]:
    return {"base": {"gradmag": 2.0, "step": 1.0}, "stages": [{"steps": 10, **stage}]}


def test_the_requirement_documents_own_file_is_a_fit(tmp_path: Path) -> None:
    pie = PIE | {"ramp_start_it": 0, "start_size_segs": 32, "ramp_stop_it": 2000, "blur_sigma": 7.0}
    stage = {"name": "stage0", "steps": 2000, "masks": [pie]}
    path = tmp_path / "stages.json"
    path.write_text(json.dumps({"base": {"gradmag": 1.0}, "stages": [stage]}))
    (found,) = read(path)
    assert (found.name, found.first, found.stop) == ("stage0", 0, 2000)
    assert found.weights == {"dir_v": 1.0, "dir_conn": 1.0, "gradmag": 1.0}
    assert found.params == ("mesh_ms", "conn_offset_ms")
    assert found.masks[0]["start_size_segs"] == 32


def test_stages_follow_one_another() -> None:
    first, second = parse({"stages": [{"steps": 10}, {"steps": 5, "name": "snap"}]})
    assert (first.name, first.first, first.stop) == ("stage0", 0, 10)
    assert (second.name, second.first, second.stop) == ("snap", 10, 15)


def test_factors_change_named_terms_and_default_mul_the_rest() -> None:
    (stage,) = parse(document(default_mul=0.5, w_fac={"gradmag": 3.0, "dir_v": 0.0}))
    assert stage.weights == {"dir_conn": 0.5, "gradmag": 6.0, "step": 0.5}


def test_every_stage_starts_from_the_base_weights() -> None:
    stages = [{"steps": 1, "w_fac": {"gradmag": 0.0}}, {"steps": 1}]
    _, second = parse({"base": {"gradmag": 2.0}, "stages": stages})
    assert second.weights["gradmag"] == 2.0


def test_rates_are_given_from_coarse_to_fine() -> None:
    (stage,) = parse(document(lr=[0.1, 0.01, 0.001]))
    assert [stage.rate(level) for level in range(5)] == [0.001, 0.01, 0.1, 0.1, 0.1]
    (single,) = parse(document(lr=0.5))
    assert {single.rate(level) for level in range(5)} == {0.5}


def test_keys_may_stand_in_global_opt() -> None:
    entry = {"name": "a", "global_opt": {"steps": 7, "params": ["theta", "amp_ms"]}}
    (stage,) = parse({"stages": [entry]})
    assert stage.steps == 7 and stage.params == ("theta", "amp")


@pytest.mark.parametrize(
    ("stage", "message"),
    [
        ({"params": ["mesh"]}, "no parameter 'mesh' to train.*Did you mean 'mesh_ms'"),
        ({"params": []}, "trains nothing is a mistake"),
        ({"lr": 0}, "lr is 0"),
        ({"lr": [1, 1, 1, 1, 1, 1]}, "1 to 5 entries"),
        ({"min_scaledown": 5}, "leaves no level to train"),
        ({"steps": 0}, "steps must be a whole number of at least 1, got 0"),
        ({"step": 3}, "no key 'step'.*Did you mean 'steps'"),
        ({"w_fac": {"datta": 1}}, "no loss term 'datta'.*Did you mean 'data'"),
        ({"w_fac": {"data": 2}}, "w_fac.data = 2 has no effect"),
        ({"default_mul": 0}, "every loss weight is 0"),
        ({"grow": {"directions": ["up"]}}, "grow is not supported"),
        ({"termination": "mask"}, "termination must be 'steps'"),
        ({"masks": [PIE, PIE]}, "two masks have the label 'pie'"),
        ({"masks": [PIE | {"losses": ["step"]}]}, "step ignores masks"),
        ({"masks": [PIE | {"losses": ["gradmg"]}]}, "Did you mean 'gradmag'"),
        ({"masks": [PIE | {"losses": ["data"]}]}, "all of which have weight 0"),
        ({"masks": [PIE | {"losses": "gradmag"}]}, "must list terms"),
        ({"masks": [{"label": "x", "losses": ["gradmag"]}]}, "needs label, type and losses"),
    ],
)
def test_mistakes_are_one_readable_line(stage: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        parse(document(**stage))
    assert "\n" not in str(caught.value)


def test_unknown_base_terms_and_empty_documents_are_errors() -> None:
    with pytest.raises(ConfigError, match="Did you mean 'gradmag'"):
        parse({"base": {"grad_mag": 1}, "stages": [{"steps": 1}]})
    with pytest.raises(ConfigError, match="at least one stage"):
        parse({"stages": []})


def test_files_that_are_missing_or_no_json_are_named(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="does not exist"):
        read(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        read(tmp_path / "bad.json")
