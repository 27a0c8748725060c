"""Where a value was written, on a small configuration folder."""

from pathlib import Path

import pytest

from launch.check.sources import Sources

FILES = {
    "launch.yaml": """\
        defaults: [_self_, {trainer: auto}]
        seed: 0
        ema: null
        hydra: {job: {chdir: false}}
        """,
    "trainer/auto.yaml": """\
        max_iterations: null
        devices: 1
        """,
    "trainer/gpu.yaml": """\
        defaults: [auto, _self_]
        devices: -1
        """,
    "data/sr/folder.yaml": """\
        # Pictures of your own.
        root: ???
        """,
    "data/sr/degraded.yaml": """\
        defaults: [sr/folder@_here_, _self_]
        blur: 2
        """,
    "base/sr.yaml": """\
        # @package _global_
        seed: 1
        ema:
          modules: [network]
          decay: 0.999
        """,
    "experiment/sr/list.yaml": """\
        # @package _global_
        defaults: [/base/sr, {override /data: sr/degraded}, _self_]
        losses:
          - type: l1loss
            loss_weight: 1
          - type: l1loss
        ema:
          decay: 0.99
        demo:
          trainer: {max_iterations: 10}
        """,
}
CHOICES = {"experiment": "sr/list", "data": "sr/degraded", "trainer": "gpu", "hydra/launcher": "b"}


@pytest.fixture
def conf(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix(" " * 8) for line in text.splitlines()))
    return tmp_path / "conf"


@pytest.mark.parametrize(
    ("key", "place"),
    [
        ("trainer.devices", "conf/trainer/gpu.yaml:2"),
        ("data.blur", "conf/data/sr/degraded.yaml:2"),
        ("data.root", "conf/data/sr/folder.yaml:2"),  # names in a defaults list are the group's
        ("data.patch", None),  # not written anywhere
        ("seed", "conf/base/sr.yaml:2"),  # the experiment starts from it
        ("ema.modules", "conf/base/sr.yaml:4"),
        ("ema.decay", "conf/experiment/sr/list.yaml:8"),
        ("losses.l1.loss_weight", "conf/experiment/sr/list.yaml:5"),  # a list gets names
        ("losses.l1_2.type", "conf/experiment/sr/list.yaml:6"),
        ("losses.l1.eps", "conf/experiment/sr/list.yaml:4"),  # missing: where its entry starts
        ("hydra.job.chdir", None),
    ],
)
def test_the_last_file_that_wrote_a_key_is_its_source(conf: Path, key: str, place: str | None):
    sources = Sources.read(CHOICES, ["+experiment=sr/list", "data=sr/degraded"], conf)
    assert sources.of(key) == place


def test_the_demo_block_counts_at_demo_scale_only(conf: Path):
    demo = Sources.read(CHOICES, [], conf)
    assert demo.of("trainer.max_iterations") == "conf/experiment/sr/list.yaml:10"
    full = Sources.read(CHOICES, ["scale=full"], conf)
    assert full.of("trainer.max_iterations") == "conf/trainer/auto.yaml:1"
    assert full.of("demo.trainer.max_iterations") == "conf/experiment/sr/list.yaml:10"


def test_what_is_typed_wins_and_replaces_what_is_inside(conf: Path):
    typed = ["+foo.bar=1", "ema={decay: 0.5}", "~seed", "++trainer.max_iterations=5"]
    sources = Sources.read(CHOICES, typed, conf)
    for key in ("foo.bar", "ema.decay", "seed", "trainer.max_iterations"):
        assert sources.of(key) == "command line"


def test_the_shipped_configuration_is_read_by_default():
    place = Sources.read({"trainer": "cpu"}, []).of("trainer.accelerator")
    assert place is not None
    assert place.startswith("conf/trainer/cpu.yaml:")
