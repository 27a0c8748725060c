"""Small experiments and ladders of them, for a worker that trains nothing."""

from pathlib import Path

import pytest

PLAIN = """\
# @package _global_
# Toy.
defaults: [/experiment/sr/static, _self_]
main_metric: {{name: val_loss, mode: min}}
{0}
"""
RUNGS = PLAIN.format("""\
rungs:
  first: {trainer: {max_iterations: 4}}
  second: {from: "rung:first", trainer: {max_iterations: 8}}
""")
FILES = {
    "experiment/toy/a": PLAIN.format(""),
    "experiment/toy/b": PLAIN.format("from: experiment:toy/a"),
    "experiment/toy/c": PLAIN.format("from: experiment:toy/b"),
    "experiment/toy/d": PLAIN.format("from: experiment:toy/two/second"),
    "experiment/toy/two": RUNGS,
}


@pytest.fixture
def climb(here, tmp_path):
    """climb("ladder text", "seed=1", ...): the same as `+ladder=toy seed=1`."""
    (tmp_path / "conf/ladder").mkdir(parents=True)
    for name, text in FILES.items():
        path = tmp_path / "conf" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def climbed(described: str, *typed: str):
        text = f"# Toy ladder.\nname: toy\n{described}\n"
        (tmp_path / "conf/ladder/toy.yaml").write_text(text)
        return here("+ladder=toy", *typed)

    climbed.folder = Path("runs/ladder/toy")
    return climbed
