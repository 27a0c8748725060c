"""The mesh, its neighbours and its averages."""

import math

import pytest
import torch
from torch import Tensor

from launch.errors import ConfigError
from launch.experiments.winding.channels import encode_gradient
from launch.experiments.winding.geometry import Scales
from launch.experiments.winding.mesh import Mesh, neighbours, ray_offsets

SIZE = (100, 120)


def maps(angle: float = 0.0, pitch: float = 10.0, slices: int = 1) -> Tensor:
    """Straight layers whose normal has `angle`, one of them through the image centre."""
    y, x = torch.meshgrid(torch.arange(100.0) - 49.5, torch.arange(120.0) - 59.5, indexing="ij")
    winding = (x * math.cos(angle) + y * math.sin(angle)) / pitch
    normal_x, normal_y = (torch.full(SIZE, f(angle)).numpy() for f in (math.cos, math.sin))
    dir0, dir1 = (torch.from_numpy(code) for code in encode_gradient(normal_x, normal_y))
    cosine = 0.5 + 0.5 * torch.cos(2 * math.pi * winding)
    ones = torch.ones(SIZE)
    return torch.stack([cosine, ones / pitch, dir0, dir1, ones]).float().expand(slices, -1, -1, -1)


def mesh(**changed: object) -> Mesh:
    settings: dict = {"image_size": SIZE, "rows": 7, "columns": 7}
    return Mesh(**{**settings, **changed})


def test_it_starts_as_an_upright_strip_around_the_centre() -> None:
    fit = mesh()(maps())
    assert fit.xy.shape == (1, 7, 7, 2)
    assert torch.allclose(fit.xy.mean((0, 1, 2)), torch.tensor([59.5, 49.5]))
    assert torch.allclose(fit.edges, torch.tensor([0.0, 10.0]).expand_as(fit.edges), atol=1e-4)


def test_an_image_smaller_than_a_mesh_step_is_an_error() -> None:
    with pytest.raises(ConfigError, match="smaller than one mesh step"):
        Mesh((8, 100))


@pytest.mark.parametrize(("rows", "columns"), [(2, 3), (1, 3), (3, 1)])
def test_a_mesh_without_a_shape_is_an_error(rows, columns) -> None:
    with pytest.raises(ConfigError, match=f"{rows} rows and {columns} columns.*rows_fraction"):
        Mesh((100, 100), rows=rows, columns=columns)


def test_winding_scale_and_theta_act_about_the_mesh_centre() -> None:
    model = mesh()
    with torch.no_grad():
        model.winding_scale.fill_(1.5)
        model.theta.fill_(0.4)
    xy = model(maps()).xy.detach()
    assert torch.allclose(xy.mean((0, 1, 2)), torch.tensor([59.5, 49.5]), atol=1e-3)
    across = xy[0, 0, 1] - xy[0, 0, 0]
    assert across.norm() == pytest.approx(15, abs=1e-3)
    assert math.atan2(across[1], across[0]) == pytest.approx(0.4, abs=1e-4)


def test_baking_the_transform_moves_no_vertex() -> None:
    model = mesh()
    with torch.no_grad():
        model.theta.fill_(0.3)
        model.winding_scale.fill_(0.8)
    before = model(maps()).xy
    model.bake()
    assert torch.allclose(model(maps()).xy, before, atol=1e-4)
    assert model.theta.item() == 0 and not model.uses_transform


@pytest.mark.parametrize("tensors_alone", [False, True])
def test_a_loaded_mesh_whose_transform_was_baked_has_the_same_vertices_bit_for_bit(
    tensors_alone: bool,
) -> None:
    """Turning by 0 about a far centre rounds what is near 0, so it must be left out."""
    model, loaded = mesh(centre=(30.0, 25.0)), mesh(centre=(30.0, 25.0))
    model.bake()
    with torch.no_grad():
        model.mesh_ms[0].add_(torch.rand(model.mesh_ms[0].shape))
    state = model.state_dict()
    if tensors_alone:
        del state["_extra_state"]
    loaded.load_state_dict(state, strict=False)
    assert torch.equal(loaded(maps()).xy, model(maps()).xy)
    assert not torch.equal(model.transform(model.vertices()), model.vertices())


def test_a_stage_may_not_train_a_transform_that_was_baked() -> None:
    model = mesh()
    model.start_stage(("mesh_ms",))
    with pytest.raises(ConfigError, match="trains theta, but an earlier stage"):
        model.start_stage(("theta", "mesh_ms"))


@pytest.mark.parametrize("angle", [0.0, 0.5, -1.2, 1.5])
def test_aim_turns_the_strip(angle: float) -> None:
    model = mesh()
    model.aim(angle)
    x, y = model(maps()).edges.mean((0, 1, 2)).tolist()
    assert (x, y) == pytest.approx((-10 * math.sin(angle), 10 * math.cos(angle)), abs=1e-4)


def test_it_may_start_elsewhere_and_a_checkpoint_knows_where() -> None:
    model = mesh(centre=(20.0, 30.0))
    assert model(maps()).xy.mean((0, 1, 2)).tolist() == pytest.approx([20, 30])
    assert torch.equal(Mesh.like(model.made_with).vertices(), model.vertices())


def test_neighbours_lie_on_the_next_columns_at_the_offset_rows() -> None:
    grid = mesh().vertices().detach()
    offsets = torch.zeros(1, 2, 7, 7)
    offsets[:, 1] = 0.5
    links = neighbours(grid, offsets)
    left, own, right = links[0, :, 3, 3]
    assert (own - left).tolist() == pytest.approx([10, 0], abs=1e-4)
    assert (right - own).tolist() == pytest.approx([10, 5], abs=1e-4)


def test_rays_meet_the_next_column_at_a_right_angle_and_offsets_follow() -> None:
    """On concentric arcs the normal leads to the same row, wherever the offsets started."""
    radius, angle = torch.arange(100.0, 170.0, 10.0), torch.linspace(-0.3, 0.3, 7)
    grid = torch.stack([torch.outer(f(angle), radius) for f in (torch.cos, torch.sin)])[None]
    offsets = torch.full((1, 2, 7, 7), 0.7)
    for _ in range(3):
        offsets = ray_offsets(grid, offsets)
    assert offsets[:, :, 1:-1, 1:-1].abs().max() < 0.02
    links = neighbours(grid, offsets, "ray")[0, :, 1:-1, 1:-1]
    along = (grid[0, :, 2:] - grid[0, :, :-2])[:, :, 1:-1].permute(1, 2, 0)
    for other in (0, 2):
        assert ((links[other] - links[1]) * along).sum(-1).abs().max() < 1e-2


def test_a_mesh_with_rays_keeps_its_offsets_up_to_date() -> None:
    model = mesh(links="ray")
    with torch.no_grad():
        model.conn_offset_ms[0].fill_(0.3)
    model.update_ema(model(maps()))
    assert model.conn_offset_ms[0][:, :, 1:-1, 1:-1].abs().max() < 1e-5
    assert Mesh.like(model.made_with).links == "ray"


def test_rows_past_the_end_are_extrapolated() -> None:
    grid = mesh().vertices().detach()
    links = neighbours(grid, torch.full((1, 2, 7, 7), 2.0))
    assert (links[0, 2, 6, 3] - links[0, 1, 6, 3]).tolist() == pytest.approx([10, 20], abs=1e-4)


def test_edge_columns_are_mirrored_without_gradient() -> None:
    grid = mesh().vertices().detach().requires_grad_(True)
    links = neighbours(grid, torch.zeros(1, 2, 7, 7))
    assert (links[0, 1, 3, 0] - links[0, 0, 3, 0]).tolist() == pytest.approx([10, 0], abs=1e-4)
    links[:, 0, :, 0].sum().backward()
    assert grid.grad is None or not grid.grad.any()


def test_every_fourth_fine_sample_is_a_vertex() -> None:
    fit = mesh()(maps())
    assert fit.xy_hr.shape == (1, 25, 25, 2)
    assert torch.allclose(fit.xy_hr[:, ::4, ::4], fit.xy, atol=1e-4)


def test_the_target_is_1_on_columns_and_0_half_way() -> None:
    target = mesh()(maps()).target_plain.flatten()
    assert torch.allclose(target[::4], torch.ones(7))
    assert torch.allclose(target[2::4], torch.zeros(6), atol=1e-6)


def test_the_modulated_target_starts_at_most_at_95_percent() -> None:
    fit = mesh()(maps())
    assert fit.target_mod.max().item() == pytest.approx(0.95, abs=1e-5)


def test_ema_starts_as_a_copy_and_then_follows_the_closed_form() -> None:
    model = mesh()
    first = model(maps())
    model.start_ema(first)
    assert torch.equal(model.xy_ema, first.xy)
    with torch.no_grad():
        model.mesh_ms[0].add_(8.0)
    for _ in range(5):
        model.update_ema(model(maps()))
    moved = (model.xy_ema - first.xy).mean().item()
    assert moved == pytest.approx(8 * (1 - 0.99**5), rel=1e-4)
    assert model.xy_conn_ema.shape == (1, 7, 7, 3, 2)


def test_the_residual_is_averaged_where_the_cosine_was_read() -> None:
    model = mesh()
    model.update_ema(model(maps()), residual=True)
    assert model.residual_ema.isnan().all()
    shifted = model(maps().roll(5, 3))
    shifted.target_plain, shifted.fine  # noqa: B018
    model.update_ema(shifted, residual=True)
    assert model.residual_ema[0, 3, 3].item() == pytest.approx(0.5, abs=0.1)


def test_slices_have_their_own_vertices() -> None:
    model = mesh(slices=3, scales=Scales())
    with torch.no_grad():
        model.mesh_ms[0][1] += 5
    xy = model(maps(slices=3)).xy
    assert torch.allclose(xy[1] - xy[0], torch.full_like(xy[0], 5))
    assert torch.equal(xy[0], xy[2])


def test_ema_is_part_of_the_state() -> None:
    model = mesh()
    model.start_ema(model(maps()))
    other = mesh()
    other.load_state_dict(model.state_dict())
    assert torch.equal(other.xy_ema, model.xy_ema)
