"""The pictures of a validation: sizes, captions, which textures are shown."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from launch.experiments.pbr import pictures
from launch.experiments.pbr.layers import TARGETS, UNKNOWN
from launch.experiments.pbr.maps import MapsFromAlbedo
from launch.experiments.pbr.models import MapsUNet
from launch.train.callbacks.image_panels import stack
from launch.train.objective import build


@pytest.mark.parametrize("side", [48, 64, 300])
def test_maps_of_any_size_have_one_width(side: int):
    assert pictures.tile(torch.rand(1, side, side)).shape == (128, 128, 3)
    assert pictures.tile(torch.rand(3, side // 2, side)).shape == (64, 128, 3)


def test_small_maps_keep_their_pixels():
    tile = pictures.tile(torch.eye(2)[None])
    assert tile[:64, :64].min() == 255
    assert tile[:64, 64:].max() == 0


def test_classes_have_their_colours_and_unknown_is_black():
    tile = pictures.class_tile(torch.tensor([[2, UNKNOWN]]))
    assert (tile[0, 0] == pictures.PALETTE[2]).all()
    assert not tile[0, -1].any()


def test_captions_are_as_wide_as_the_rows():
    tiles = [np.zeros((128, 128, 3), np.uint8)] * 3
    rows = pictures.row("clean\npredicted", tiles)
    captions = pictures.captions(["a", "b", "c"])
    assert captions.shape[1] == rows.shape[1]
    assert captions.min() == 0, "nothing is written"
    assert (pictures.legend(["ceramic", "metal"])[8, 8] == pictures.PALETTE[0]).all()


def sample(game: list[int], known: bool = True) -> dict[str, torch.Tensor]:
    count = len(game)
    maps = {name: torch.rand(count, 1, 64, 64) for name in ("roughness", "metallic", "ao")}
    colours = {name: torch.rand(count, 3, 64, 64) for name in ("diffuse", "albedo", "normal")}
    return {
        **maps,
        **colours,
        "height": torch.rand(count, 1, 64, 64),
        "truth": torch.full((count, 5, 64, 64), float(known)),
        "classes": torch.zeros(count, 64, 64, dtype=torch.long),
        "game": torch.tensor(game, dtype=torch.float),
    }


def job(batches: int = 5) -> MapsFromAlbedo:
    losses = build({"ao_l1": {"type": "l1"}})
    made = MapsFromAlbedo(
        losses=losses,
        phase="A",
        network=MapsUNet("tu-test_resnet"),
        optimizer=None,
    ).eval()
    made.class_names = ("ceramic", "fabric")
    made.trainer = SimpleNamespace(num_val_batches=[batches])  # type: ignore[assignment]
    made.on_validation_epoch_start()
    return made


@torch.no_grad()
def test_both_domains_are_shown_predicted_above_true():
    drawn = job()
    for game in ([0, 0], [0, 1], [0], [0], [1, 1]):
        drawn.validation_step(sample(game), 0)
    rows = drawn.image_panel()
    pairs = 3 + 2  # three clean textures at most, two of the game
    assert len(rows) == 1 + 2 * pairs + 1
    assert stack(rows).shape[1] == rows[0].shape[1]


@torch.no_grad()
def test_one_batch_gives_all_textures_of_the_picture():
    drawn = job(batches=1)
    drawn.validation_step(sample([0] * 6 + [1] * 2), 0)
    assert len(drawn.image_panel()) == 1 + 2 * (3 + 2) + 1


@torch.no_grad()
def test_a_map_without_truth_is_drawn_as_unknown():
    drawn, given = job(), sample([0])
    given["truth"][:, TARGETS.index("height")] = 0
    drawn.validation_step(given, 0)
    found = places(drawn.image_panel()[2], pictures.unknown())
    assert found == [5, 7, 8, 9, 10], "height and its light"


@torch.no_grad()
def test_nothing_true_is_shown_as_predicted():
    """Without networks for albedo and classes the true ones are given."""
    drawn = job()
    drawn.validation_step(sample([0]), 0)
    found = places(drawn.image_panel()[1], pictures.unknown("not predicted"))
    assert found == [1, 6, 7, 8, 9, 10], "albedo, class, and the light on that albedo"


def places(row: np.ndarray, tile: np.ndarray) -> list[int]:
    """Columns of a row in which that tile stands."""
    start = [pictures.MARGIN + i * (pictures.SIDE + pictures.GAP) for i in range(11)]
    same = [(row[:, x : x + pictures.SIDE] == tile).all() for x in start]
    return [i for i, is_same in enumerate(same) if is_same]


@torch.no_grad()
def test_a_texture_without_truth_has_one_row():
    drawn = job()
    drawn.validation_step(sample([1], known=False), 0)
    assert len(drawn.image_panel()) == 1 + 1 + 1


def test_there_is_no_picture_without_textures():
    assert job().image_panel() == []
