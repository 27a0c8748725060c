"""A preview reads the data of a run: how long an epoch is, and how its masks look."""

from typing import Any

import pytest

from launch.errors import ConfigError
from launch.losses import files
from launch.show.preview import missing, preview, previews, without_weights
from tests.show.configs import SPANS, config, grown


def toy(**data: Any) -> dict[str, Any]:
    whole = config(
        100,
        seed=0,
        module={"_target_": "tests.show.toy.Square"},
        data={"_target_": "tests.show.toy.Twelve"} | data,
        losses={"a": {"type": "l1"}},
        masks=[],
        trainable=None,
        ema=None,
    )
    whole["trainer"]["gradient_clip"] = None
    return whole


def test_the_data_knows_the_length_of_an_epoch() -> None:
    assert preview(toy()).facts.updates_per_epoch == 3
    twice = toy()
    twice["trainer"]["accumulate"] = 2
    assert preview(twice).facts.updates_per_epoch == 1.5


def test_masks_are_drawn_at_shares_of_their_growth() -> None:
    seen = preview(toy() | {"masks": [grown()]})
    assert seen.facts.spans == SPANS
    (mask,) = seen.masks
    assert (mask.label, mask.iterations) == ("m", [10, 28, 45, 62, 80])
    rows = [float(image[:, 32].sum()) for image in mask.images]
    assert rows == pytest.approx([4, 19, 34, 49, 64], abs=1.5)  # drawn at whole iterations


def test_a_standing_mask_is_drawn_once_where_it_stands() -> None:
    standing = grown(start=20, stop=60, ramp_start_it=40, ramp_stop_it=40)
    (mask,) = preview(toy() | {"masks": [standing]}).masks
    assert mask.iterations == [59], "the last of its window"


def test_a_mask_that_grows_without_end_is_drawn_over_its_window() -> None:
    growing = {"label": "front", "_target_": "tests.show.toy.Front", "losses": ["a"]}
    (mask,) = preview(toy() | {"masks": [growing | {"velocity": 0.5, "start": 19}]}).masks
    assert mask.iterations == [19, 39, 59, 79, 99]
    areas = [float(image.mean()) for image in mask.images]
    assert areas == sorted(areas) and areas[0] < 0.1 < areas[-1]


def test_absent_data_is_a_problem_that_is_told() -> None:
    seen = preview(toy(there=False))
    assert seen.facts.updates_per_epoch is None
    assert seen.facts.problems == ["epochs have no length here: there are no numbers"]


def test_a_mask_that_cannot_be_drawn_leaves_the_epochs() -> None:
    seen = preview(toy() | {"masks": [{"label": "x", "type": "disk", "losses": ["a"]}]})
    assert seen.facts.updates_per_epoch == 3
    assert "masks are not drawn" in seen.facts.problems[0]


def test_rungs_on_the_same_data_are_read_once() -> None:
    seen = previews({"A": toy(), "B": toy(), "C": toy(batch_size=6)})
    assert seen["A"] is seen["B"]
    assert seen["C"].facts.updates_per_epoch == 2


def test_weights_that_are_not_there_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files.Checkpoint, "_in_hugging_face_cache", lambda self: None)
    lossy = toy() | {"losses": {"a": {"type": "lpips", "weights": "not/there"}}}
    (told,) = missing([lossy, lossy])
    assert told.startswith("a training would stop: losses.a: weights=not/there is not a file")
    assert missing([toy()]) == []
    assert missing([toy(there=False)]) == [], "which only reading tells"


def test_what_a_training_refuses_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"no sub-module 'netwrk'"):
        missing([toy() | {"ema": {"modules": ["netwrk"], "decay": 0.9}}])


def test_what_needs_weights_is_left_out() -> None:
    loss = {"_target_": "launch.losses.lpips.LPIPS"}
    given = {"metric": loss, "parts": ["rung:a", {"path": "experiment:b"}], "size": 3}
    assert without_weights(given) == {"metric": None, "parts": [None, {"path": None}], "size": 3}
