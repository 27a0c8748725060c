"""Where a fit pays."""

from pathlib import Path

import numpy as np
import tifffile
import torch
from launch.experiments.winding.loss_maps import heat, loss_maps, write
from launch.experiments.winding.mesh import Mesh
from launch.experiments.winding.terms import TERMS

from launch.train import objective


def fit(valid_from: int = 0):
    torch.manual_seed(0)
    maps = torch.rand(1, 5, 60, 60)
    maps[:, 4] = 1
    maps[:, 4, :valid_from] = 0
    return Mesh((60, 60), frac_rows=0.6, frac_columns=0.5)(maps)


def every_term():
    return objective.build(
        {
            name: {"_target_": f"launch.experiments.winding.losses.{term.loss}", "loss_weight": 1.0}
            for name, term in TERMS.items()
        }
    )


def test_the_mean_of_a_map_is_the_loss() -> None:
    """Where all is valid and a term has no halves that do not exist."""
    losses, result = every_term(), fit()
    maps = loss_maps(losses, result)
    assert set(TERMS) - set(maps) == {"mean_pos"}
    for name in ("data", "data_plain", "data_grad", "dir_v", "step", "smooth_y", "meshoff_sy"):
        assert torch.isclose(maps[name].mean(), losses[name](result, name)), name


def test_what_a_mask_silences_is_not_a_number() -> None:
    found = loss_maps(every_term(), fit(valid_from=30))["data_plain"]
    assert found[:, 0].isnan().all() and not found[:, -1].isnan().any()


def test_every_map_is_a_file_and_a_picture(tmp_path: Path) -> None:
    result = fit()
    maps = loss_maps(every_term(), result)
    write(tmp_path, maps, result, np.zeros((60, 60)))
    assert {p.stem for p in tmp_path.glob("*.png")} == set(maps)
    assert tifffile.imread(tmp_path / "step.tif").shape == maps["step"].shape


def test_high_errors_are_bright() -> None:
    places = np.array([[[10.0, 10.0], [30.0, 30.0]]])
    drawn = heat(np.zeros((40, 40)), places, np.array([[0.0, 1.0]]))
    zoom = drawn.shape[0] // 40
    low, high = (drawn[int((n + 0.5) * zoom), int((n + 0.5) * zoom)].sum() for n in (10, 30))
    assert high > 400 > low
