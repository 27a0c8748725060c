"""The mesh: columns are windings, rows are positions along a layer, vertices are free in the image.

Symbols: N slices, R rows, C columns. Positions are (x, y) in model pixels.
"""

import math
from dataclasses import asdict
from typing import Any, Literal

import torch
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.experiments.winding import pyramid
from launch.experiments.winding.geometry import FitResult, Scales
from launch.masks.scheduled import ScheduledMasks

EMA_DECAY = 0.99  # of the old value
Links = Literal["offset", "ray"]


class Mesh(nn.Module):
    """Vertices, neighbour links and target modulation of a winding fit.

    | parameter         | shape             | meaning                                           |
    |-------------------|-------------------|---------------------------------------------------|
    | mesh_ms           | levels (N, 2, r, c) | residual pyramid of the vertices, finest first  |
    | conn_offset_ms    | levels (N, 2, r, c) | row offset of the left and right neighbour      |
    | theta             | scalar            | rotation about the mesh centre, radians           |
    | winding_scale     | scalar            | horizontal stretch about the mesh centre          |
    | amp, bias         | (N, 1, R, C)      | modulation of the cosine target                   |

    Starts as a straight, upright strip of `rows` times `columns` vertices, a mesh step and a
    winding step apart, around `centre` (x, y; default: that of the image). With `links="ray"` the
    neighbours are where the normal of a column meets the next one, and conn_offset_ms is not
    trained but follows them.

    Raises:
        ConfigError: when the image is smaller than the mesh step, or holds fewer than three rows,
            which is where a bend begins, or two columns.
    """

    transformed: Tensor
    anchor: Tensor
    xy_ema: Tensor
    xy_conn_ema: Tensor
    residual_ema: Tensor

    def __init__(
        self,
        image_size: tuple[int, int],
        slices: int = 1,
        rows: int = 33,
        columns: int = 7,
        scales: Scales | None = None,
        centre: tuple[float, float] | None = None,
        origin: tuple[float, float] = (0.0, 0.0),
        z: tuple[float, ...] | None = None,
        links: Links = "offset",
    ) -> None:
        super().__init__()
        self.image_size, self.scales = image_size, scales or Scales()
        self.links: Links = links
        self.made_with: dict[str, Any] = {
            "image_size": list(image_size),
            "slices": slices,
            "rows": rows,
            "columns": columns,
            "scales": asdict(self.scales),
            "centre": list(centre or middle_of(image_size)),
            "origin": list(origin),
            "z": z and list(z),
            "links": links,
        }
        check_image(image_size, self.scales)
        if rows < 3 or columns < 2:
            raise ConfigError(
                f"a mesh of {rows} rows and {columns} columns has no shape, it takes 3 and 2; "
                "raise module.rows_fraction or module.windings, or lower module.mesh_step"
            )
        grid = base_grid(rows, columns, centre or middle_of(image_size), self.scales)
        grid = grid.expand(slices, -1, -1, -1).clone()
        vertices = pyramid.zeros(slices, 2, rows, columns)
        vertices[0].copy_(grid)
        self.mesh_ms = nn.ParameterList(vertices)
        self.conn_offset_ms = nn.ParameterList(pyramid.zeros(slices, 2, rows, columns))
        self.theta = nn.Parameter(torch.zeros(()))
        self.winding_scale = nn.Parameter(torch.ones(()))
        self.amp = nn.Parameter(torch.full((slices, 1, rows, columns), 1.0))
        self.bias = nn.Parameter(torch.full((slices, 1, rows, columns), 0.5))
        self.register_buffer("transformed", torch.tensor(True))
        self.uses_transform = True  # the same, known without asking the device
        self.register_load_state_dict_post_hook(know_transform)
        self.register_buffer("anchor", grid.mean((2, 3)))
        self.register_buffer("xy_ema", torch.full((slices, rows, columns, 2), math.nan))
        self.register_buffer("xy_conn_ema", torch.full((slices, rows, columns, 3, 2), math.nan))
        self.register_buffer("residual_ema", torch.full((slices, rows, columns), math.nan))

    @classmethod
    def like(cls, made_with: dict[str, Any]) -> "Mesh":
        """A new mesh of the shape that a checkpoint describes, see `get_extra_state`."""
        pairs = {key: tuple(made_with[key]) for key in ("image_size", "centre", "origin")}
        return cls(**{**made_with, **pairs, "scales": Scales(**made_with["scales"])})

    def get_extra_state(self) -> dict[str, Any]:
        """The arguments of the constructor, so that a checkpoint can be read without the data."""
        return self.made_with

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """The shapes of the parameters say as much."""

    @property
    def rows(self) -> int:
        return self.amp.shape[2]

    @property
    def columns(self) -> int:
        return self.amp.shape[3]

    def forward(self, maps: Tensor, masks: ScheduledMasks | None = None) -> FitResult:
        """The geometry of this iteration on `maps` (N, 5, H, W)."""
        levels = zip(self.mesh_ms, self.conn_offset_ms, strict=True)
        both = pyramid.rebuild([torch.cat(pair, 1) for pair in levels])  # one pass for two grids
        grid = self.transform(both[:, :2]) if self.uses_transform else both[:, :2]
        return FitResult(
            xy=grid.permute(0, 2, 3, 1),
            links=neighbours(grid, both[:, 2:], self.links),
            amp=self.amp.clamp(0.1, 1.0),
            bias=self.bias.clamp(0.0, 0.45),
            maps=maps,
            anchor=self.anchor,
            scales=self.scales,
            masks=masks,
        )

    def vertices(self) -> Tensor:
        """Positions after the global transform, (N, 2, R, C)."""
        grid = pyramid.rebuild(list(self.mesh_ms))
        return self.transform(grid) if self.uses_transform else grid

    def transform(self, grid: Tensor) -> Tensor:
        """Stretch by winding_scale, rotate by theta, both about the centre of the bounding box."""
        flat = grid.flatten(2)
        centre = (0.5 * (flat.amin(2) + flat.amax(2)))[..., None, None]
        x, y = (grid - centre).unbind(1)
        x = x * self.winding_scale
        cos, sin = torch.cos(self.theta), torch.sin(self.theta)
        return centre + torch.stack([cos * x - sin * y, sin * x + cos * y], 1)

    @torch.no_grad()
    def bake(self) -> None:
        """Move the global transform into the vertices, for good. Positions do not change."""
        if not self.uses_transform:
            return
        for level, value in zip(self.mesh_ms, pyramid.split(self.vertices()), strict=True):
            level.copy_(value)
        self.theta.zero_()
        self.winding_scale.fill_(1)
        self.transformed.fill_(False)
        self.uses_transform = False

    @torch.no_grad()
    def start_stage(self, params: tuple[str, ...]) -> None:
        """Bake the transform if the stage does not train it; take the mean position as anchor.

        Raises:
            ConfigError: when the stage trains a transform that an earlier stage baked.
        """
        wanted = [name for name in ("theta", "winding_scale") if name in params]
        if not wanted:
            self.bake()
        elif not self.uses_transform:
            raise ConfigError(
                f"a stage trains {' and '.join(wanted)}, but an earlier stage, of this fit or of "
                "the one it starts from, trained neither and so fixed the transform; put "
                "stages with theta or winding_scale first"
            )
        self.anchor.copy_(self.vertices().mean((2, 3)))

    @torch.no_grad()
    def start_ema(self, fit: FitResult) -> None:
        """The averages begin with the values of the first geometry."""
        self.xy_ema.copy_(fit.xy)
        self.xy_conn_ema.copy_(fit.xy_conn)

    @torch.no_grad()
    def update_ema(self, fit: FitResult, residual: bool = False) -> None:
        """`ema = .99 ema + .01 new` of vertices and links, and of the residual where it is wanted.

        The residual is only known while a data term is active; a first one is copied. Offsets that
        follow rays do so here.
        """
        if self.links == "ray":
            offsets = pyramid.rebuild(list(self.conn_offset_ms))
            self.conn_offset_ms[0].add_(ray_offsets(self.vertices(), offsets) - offsets)
        self.xy_ema.lerp_(fit.xy, 1 - EMA_DECAY)
        self.xy_conn_ema.lerp_(fit.xy_conn, 1 - EMA_DECAY)
        if residual and "fine" in vars(fit):
            ema, value = self.residual_ema, fit.residual()
            known = torch.lerp(ema, value, 1 - EMA_DECAY)
            ema.copy_(torch.where(known.isnan(), torch.where(value.isnan(), ema, value), known))

    @torch.no_grad()
    def aim(self, angle: float) -> None:
        """Turn the strip so that the normal of its columns has this angle, in radians."""
        self.theta.fill_(angle)


def know_transform(mesh: Mesh, _: Any) -> None:
    """After any loading, also of a file's tensors alone, which leaves out the extra state."""
    mesh.uses_transform = bool(mesh.transformed)


def check_image(size: tuple[int, int], scales: Scales) -> None:
    """Raises ConfigError for an image (height, width) that cannot hold a mesh."""
    height, width = size
    if min(height, width) < max(scales.mesh_step, scales.winding_step):
        raise ConfigError(
            f"the image is {width}x{height} model pixels, smaller than one mesh step "
            f"({scales.mesh_step:g} along the layer, {scales.winding_step:g} across); "
            "lower data.downscale, mesh_step or winding_step, or take a larger crop"
        )


def base_grid(rows: int, columns: int, centre: tuple[float, float], scales: Scales) -> Tensor:
    """A straight, upright strip, (1, 2, R, C)."""
    x = centre[0] + scales.winding_step * (torch.arange(columns) - (columns - 1) / 2)
    y = centre[1] + scales.mesh_step * (torch.arange(rows) - (rows - 1) / 2)
    grid_y, grid_x = torch.meshgrid(y, x, indexing="ij")
    return torch.stack([grid_x, grid_y])[None]


def middle_of(size: tuple[int, int]) -> tuple[float, float]:
    """The centre (x, y) of an image of (height, width)."""
    return (size[1] - 1) / 2, (size[0] - 1) / 2


def neighbours(grid: Tensor, offsets: Tensor, links: Links = "offset") -> Tensor:
    """Left neighbour, self and right neighbour of every vertex, (N, 3, R, C, 2).

    The neighbour is the point of the next column's polyline at the fractional row `i + offset`
    (extrapolated past its ends). With rays it is where the normal of this column meets the segment
    of that row, or its extension. Columns beyond the edge are mirrored and carry no gradient.
    """
    start, segment, share = segments(grid, offsets)
    if links == "ray":
        share = crossing(grid, start, segment)
    left, right = (start + segment * share).unbind(2)
    self_x2 = 2 * grid.detach()
    left = torch.cat([self_x2[..., :1] - right[..., :1].detach(), left[..., 1:]], 3)
    right = torch.cat([right[..., :-1], self_x2[..., -1:] - left[..., -1:].detach()], 3)
    return torch.stack([left, grid, right], 1).permute(0, 1, 3, 4, 2).contiguous()


def segments(grid: Tensor, offsets: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Segments of both neighbouring columns at the offset rows: start, extent and the share on it.

    (N, 2, 2, R, C) of x and y, left and right; the share is (N, 1, 2, R, C), in [0, 1) but for rows
    past the ends.
    """
    slices, _, rows, columns = grid.shape
    place = torch.arange(rows, device=grid.device, dtype=grid.dtype).view(1, 1, rows, 1) + offsets
    first = place.detach().floor().clamp(0, rows - 2)
    share = (place - first).unsqueeze(1)
    column = torch.arange(columns, device=grid.device)
    side = torch.stack([(column - 1).clamp_min(0), (column + 1).clamp_max(columns - 1)])
    index = (first.long() * columns + side[:, None]).view(slices, 1, -1)
    index = torch.cat([index, index + columns], 2).expand(-1, 2, -1)
    ends = grid.flatten(2).gather(2, index).view(slices, 2, 2, 2, rows, columns)
    return ends[:, :, 0], ends[:, :, 1] - ends[:, :, 0], share


def ray_offsets(grid: Tensor, offsets: Tensor) -> Tensor:
    """The row offsets (N, 2, R, C) at which the normals meet the segments that `offsets` chose."""
    start, segment, share = segments(grid, offsets)
    return offsets + (crossing(grid, start, segment) - share)[:, 0]


def crossing(grid: Tensor, start: Tensor, segment: Tensor) -> Tensor:
    """Share t at which `start + t segment` (N, 2, 2, R, C) lies on the normal of a column.

    The normal is what is perpendicular to the central difference along the rows; (N, 1, 2, R, C).
    """
    along = torch.gradient(grid, dim=2)[0].unsqueeze(2)
    ahead = (segment * along).sum(1, keepdim=True)
    ahead = torch.where(ahead.abs() < 1e-8, 1e-8, ahead)
    return ((grid.unsqueeze(2) - start) * along).sum(1, keepdim=True) / ahead
