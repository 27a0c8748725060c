"""Folders with everything that can be wrong with them, through the command line.

What cannot be used is named in run.json, with the reason; everything else trains.
"""

import csv
import math

import cv2
import numpy as np
import pytest

from launch.experiments.pbr.categories import KEPT
from launch.experiments.pbr.layers import CLEAN, GAME
from launch.experiments.pbr.synthetic import material
from launch.record.run import Run

pytestmark = pytest.mark.slow

SIDE = 64
MAPS = ("albedo", "diffuse", "normal", "roughness", "metallic", "ao", "height")
TYPED = [
    *("+experiment=pbr/phase_d_seg", "needs=none", "data=pbr/folder", "data.teacher=null"),
    *("trainer.max_epochs=1", "trainer.threads=1", "data.feed=32", "data.validation_crop=32"),
    *("data.samples_per_epoch=8", "data.batch_size=4", "module.validate_first=false"),
]


def write(folder, category, seed, maps=MAPS):
    """Pictures of a procedural material, with the height in 16 bits."""
    folder.mkdir(parents=True, exist_ok=True)
    made = material(seed, category, CLEAN, SIDE)
    made["normal"] = (made["normal"] + 1) / 2
    for name in maps:
        depth = np.uint16 if name == "height" else np.uint8
        values = np.rint(np.clip(made[name], 0, 1) * np.iinfo(depth).max).astype(depth)
        picture = values[..., ::-1] if values.ndim == 3 else values
        cv2.imwrite(str(folder / f"{name}.png"), picture)


def size(path, width, height):
    cv2.imwrite(str(path), cv2.resize(cv2.imread(str(path)), (width, height)))


@pytest.fixture(scope="module")
def materials(tmp_path_factory):
    """Two good materials of every class but leather, and the bad ones."""
    root = tmp_path_factory.mktemp("materials")
    for seed, category in enumerate(c for c in KEPT if c != "leather"):
        for place in range(2):
            write(root / category / f"good{place}", category, 10 * seed + place)
    write(root / "wood" / "half", "wood", 90)
    size(root / "wood" / "half" / "roughness.png", SIDE // 2, SIDE // 2)
    write(root / "wood" / "oblong", "wood", 91)
    size(root / "wood" / "oblong" / "roughness.png", SIDE, SIDE // 2)
    write(root / "stone" / "mapless", "stone", 92, ("albedo", "normal"))
    write(root / "metal" / "torn", "metal", 93)
    (root / "metal" / "torn" / "normal.png").write_bytes(b"no picture")
    write(root / "lava" / "hot", "stone", 94)
    write(root / "fabric", "fabric", 95, ("albedo",))
    (root / "fabric" / "albedo.png").rename(root / "fabric" / "good0_albedo.png")
    return root


@pytest.fixture(scope="module")
def game(tmp_path_factory):
    root = tmp_path_factory.mktemp("game")
    for seed in range(6):
        diffuse = material(seed, "wood", GAME, SIDE)["diffuse"]
        cv2.imwrite(str(root / f"wall{seed}.png"), np.rint(255 * diffuse[..., ::-1]))
    (root / "torn.dds").write_bytes(b"DDS but no more")
    return root


@pytest.fixture(scope="module")
def trained(launch_here, materials, game, tmp_path_factory):
    """Exit code and run.json of a training on half of each."""
    folder = tmp_path_factory.mktemp("runs")
    roots = [f"data.clean.root={materials}", f"data.game.root={game}", "data.game_share=0.5"]
    code = launch_here([*TYPED, *roots, f"run_dir={folder / 'run'}", f"runs={folder}"])
    return code, Run(folder / "run").record


def test_the_others_train(trained):
    code, record = trained
    assert (code, record["status"], record["iteration"]) == (0, "completed", 2)
    assert math.isfinite(record["metrics"]["mat_val_loss"])


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("wood/oblong", "roughness.png: 64x32 does not fit maps of 64x64"),
        ("metal/torn", "normal.png: no known image format, or cut off"),
        ("torn", "torn.dds"),
    ],
)
def test_what_cannot_be_used_is_named_with_the_reason(trained, name, reason):
    bad = trained[1]["data"]["bad"]
    assert [why for why in bad if why.startswith(f"{name}: ") and reason in why]
    assert trained[1]["data"]["bad_count"] == 3


@pytest.mark.parametrize(
    "sentence",
    [
        "category 'lava' is unknown: 1 materials left out",
        "class 'leather' has no sample",
        "fabric/good0_albedo.png: the files of fabric/good0 are those in fabric/good0/",
    ],
)
def test_what_is_left_out_is_named(trained, sentence):
    assert [note for note in trained[1]["data"]["notes"] if sentence in note]


def test_nothing_else_is_lost(trained):
    """Maps of half the size are enlarged; missing ones cost nothing but themselves."""
    data = trained[1]["data"]
    used = 2 * (len(KEPT) - 1) + 2
    assert sum(data["classes"].values()) == used + 3  # the oblong, the torn and the unknown one
    held_out = len(KEPT) - 1
    assert data["materials"] == {"clean": used - held_out, "game": 5}
    assert data["missing"]["game albedo"] == 5


def test_a_run_whose_pixels_are_all_ignored_ends_well(launch_here, materials, game, tmp_path):
    """Game textures without teacher have no class to learn; the loss is 0, not NaN."""
    roots = [f"data.clean.root={materials}", f"data.game.root={game}"]
    assert launch_here([*TYPED, *roots, f"run_dir={tmp_path / 'run'}", f"runs={tmp_path}"]) == 0
    rows = (tmp_path / "run" / "metrics.csv").read_text().splitlines()
    names = rows[0].split(",")
    losses = [dict(zip(names, row.split(","), strict=True)).get("loss/ce") for row in rows[1:]]
    assert {float(loss) for loss in losses if loss} == {0.0}


def test_a_job_without_any_truth_says_so_and_learns_nothing(launch_here, materials, game, tmp_path):
    """In phase D all textures are of the game, and this one came without a mod."""
    roots = [f"data.clean.root={materials}", f"data.game.root={game}"]
    typed = ["+experiment=pbr/phase_d_rough", *TYPED[1:], *roots, f"runs={tmp_path}"]
    with pytest.warns(UserWarning, match="no training texture has a true roughness"):
        assert launch_here([*typed, f"run_dir={tmp_path / 'run'}"]) == 0
    rows = list(csv.DictReader((tmp_path / "run" / "metrics.csv").open()))
    assert {float(row["loss/total"]) for row in rows if row["loss/total"]} == {0.0}


def test_classes_that_the_networks_do_not_have_are_refused(launch_here, materials, game, tmp_path):
    roots = [f"data.clean.root={materials}", f"data.game.root={game}"]
    typed = [*TYPED, *roots, "+data.categories.marble=true", f"run_dir={tmp_path / 'run'}"]
    assert launch_here([*typed, f"runs={tmp_path}"]) == 2
    assert "the data has 8 classes" in Run(tmp_path / "run").record["error"]
