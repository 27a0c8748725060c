"""Where a value was written, on a small folder of configurations laid over the shipped ones."""

from pathlib import Path

import pytest

from launch.check.sources import Sources
from launch.composition.compose import compose, started

FILES = {
    "trainer/own.yaml": """\
        defaults: [auto, _self_]
        devices: -1
        """,
    "data/my/degraded.yaml": """\
        # Pictures of your own.
        defaults: [/data/sr/folder@_here_, _self_]
        root: photos
        """,
    "base/my.yaml": """\
        # @package _global_
        defaults: [{override /data: my/degraded}, {override /trainer: own}]
        seed: 1
        ema:
          modules: [network]
          decay: 0.999
        """,
    "experiment/my/list.yaml": """\
        # @package _global_
        defaults: [/base/my, _self_]
        losses:
          - type: l1loss
            loss_weight: 1
          - type: l1loss
        ema:
          decay: 0.99
        trainer: {max_iterations: 100}
        rungs:
          first:
            seed: 3
        demo:
          trainer: {max_iterations: 10}
        """,
}


@pytest.fixture
def read(tmp_path: Path):
    """read("seed=1", ...): the sources of `experiment=my/list seed=1 ...`."""
    for name, text in FILES.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix(" " * 8) for line in text.splitlines()))

    def sources(*typed: str, name: str = "my/list") -> Sources:
        with started(config_dir=str(tmp_path / "conf")):
            return Sources.read(compose([f"experiment={name}", *typed]))

    return sources


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("trainer.devices", "conf/trainer/own.yaml:2"),
        ("data.root", "conf/data/my/degraded.yaml:3"),
        ("seed", "conf/base/my.yaml:3"),  # the experiment starts from it
        ("ema.modules", "conf/base/my.yaml:5"),
        ("ema.decay", "conf/experiment/my/list.yaml:8"),
        ("losses.l1.loss_weight", "conf/experiment/my/list.yaml:5"),  # a list gets names
        ("losses.l1_2.type", "conf/experiment/my/list.yaml:6"),
        ("losses.l1.eps", "conf/experiment/my/list.yaml:4"),  # missing: where its entry starts
        ("hydra.job.chdir", None),
    ],
)
def test_the_last_file_that_wrote_a_key_is_its_source(read, key: str, place: str | None):
    assert read().of(key) == place


def test_a_shipped_file_is_a_source_as_well(read):
    found = read().of("trainer.log_every")
    assert found is not None and found.startswith("conf/trainer/auto.yaml:")


def test_the_block_of_a_scale_counts_at_that_scale_only(read):
    assert read().of("trainer.max_iterations") == "conf/experiment/my/list.yaml:14"
    assert read("scale=full").of("trainer.max_iterations") == "conf/experiment/my/list.yaml:9"


def test_a_rung_is_written_below_its_name(read):
    assert read(name="my/list/first").of("seed") == "conf/experiment/my/list.yaml:12"


def test_what_is_typed_wins_and_replaces_what_is_inside(read):
    sources = read("+foo.bar=1", "ema={decay: 0.5}", "~masks", "++trainer.max_iterations=5")
    for key in ("foo.bar", "ema.decay", "masks", "trainer.max_iterations"):
        assert sources.of(key) == "command line"
