"""Everything the loss terms of one iteration read, computed at most once and only when asked for.

Symbols: N slices, R rows (positions along a layer), C columns (one per winding), S samples per
segment. Positions are (x, y) in model pixels, always in the last dimension.
"""

from dataclasses import dataclass
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

from launch.masks.scheduled import ScheduledMasks, sample

INSIDE = 0.999  # every pixel that a sample reads is valid


@dataclass(frozen=True)
class Scales:
    """Sizes that turn mesh units into pixels.

    `mesh_step` and `winding_step` are model pixels, `downscale` full-resolution pixels per model
    pixel, `samples` fine samples per mesh segment along rows and columns.
    """

    mesh_step: float = 10.0
    winding_step: float = 10.0
    downscale: float = 1.0
    samples: int = 4
    slice_step: float = 1.0


@dataclass(frozen=True)
class FitResult:
    """The mesh of one iteration on its maps.

    | field   | shape           | meaning                                                     |
    |---------|-----------------|-------------------------------------------------------------|
    | xy      | (N, R, C, 2)    | vertices                                                    |
    | links   | (N, 3, R, C, 2) | left neighbour, self, right neighbour of each vertex        |
    | amp     | (N, 1, R, C)    | amplitude of the modulated target, in [.1, 1]               |
    | bias    | (N, 1, R, C)    | its offset, in [0, .45]                                     |
    | maps    | (N, 5, H, W)    | cosine, density, direction 0, direction 1, validity         |
    | anchor  | (N, 2)          | mean position at the start of the stage                     |
    """

    xy: Tensor
    links: Tensor
    amp: Tensor
    bias: Tensor
    maps: Tensor
    anchor: Tensor
    scales: Scales
    masks: ScheduledMasks | None = None

    @property
    def image_size(self) -> tuple[int, int]:
        return self.maps.shape[-2], self.maps.shape[-1]

    @property
    def xy_conn(self) -> Tensor:
        """Left, self, right of each vertex, (N, R, C, 3, 2)."""
        return self.links.movedim(1, 3)

    def gate(self, term: str, valid: Tensor, at: Tensor) -> Tensor:
        """Validity (N, 1, ...) at points (N, ..., 2), times the scheduled masks of the term."""
        if self.masks is None:
            return valid
        gated = self.masks.effective(term, valid, at)
        return valid if gated is None else gated

    @cached_property
    def edges(self) -> Tensor:
        """Steps along the rows, (N, R-1, C, 2)."""
        return self.xy[:, 1:] - self.xy[:, :-1]

    @cached_property
    def halves(self) -> Tensor:
        """self - left and right - self, (N, 2, R, C, 2)."""
        return self.links[:, 1:] - self.links[:, :-1]

    @cached_property
    def xy_hr(self) -> Tensor:
        """The mesh with `samples` points per segment, (N, (R-1)S+1, (C-1)S+1, 2)."""
        return refine(self.xy.permute(0, 3, 1, 2), self.scales.samples).permute(0, 2, 3, 1)

    @cached_property
    def fine(self) -> tuple[Tensor, Tensor]:
        """Cosine and validity on the fine mesh, each (N, 1, rows, columns)."""
        values = sample(self.maps[:, ::4], self.xy_hr)
        return values[:, :1], (values[:, 1:] > INSIDE).float()

    def residual(self) -> Tensor:
        """Squared difference of cosine and plain target around each vertex, (N, R, C).

        NaN where nothing around the vertex is valid.
        """
        (cosine, valid), samples = self.fine, self.scales.samples
        squared = (cosine - self.target_plain).square() * valid
        total, count = (
            F.avg_pool2d(values, samples + 1, stride=samples, padding=samples // 2)
            for values in (squared, valid)
        )
        return (total / torch.where(count > 0, count, torch.nan))[:, 0]

    @cached_property
    def target_plain(self) -> Tensor:
        """One period per column, 1 on each column, (1, 1, 1, (C-1)S+1)."""
        columns = self.xy.shape[2]
        phase = torch.linspace(0, columns - 1, self.xy_hr.shape[2], device=self.xy.device)
        return (0.5 + 0.5 * torch.cos(2 * torch.pi * phase)).view(1, 1, 1, -1)

    @cached_property
    def target_mod(self) -> Tensor:
        """The target with the fitted amplitude and bias, (N, 1, rows, columns)."""
        both = refine(torch.cat([self.amp, self.bias], 1), self.scales.samples)
        return (both[:, 1:] + both[:, :1] * (self.target_plain - 0.5)).clamp(0, 1)

    @cached_property
    def strip(self) -> Tensor:
        """Points from left over self to right, (N, 2S+1, R, C, 2)."""
        slices, _, rows, columns, _ = self.links.shape
        weights = strip_weights(self.scales.samples, self.xy.device)
        points = weights @ self.links.reshape(slices, 3, -1)
        return points.view(slices, -1, rows, columns, 2)

    @cached_property
    def along(self) -> Tensor:
        """Density, directions and validity at the strip, (N, 4, 2S+1, R, C)."""
        return sample(self.maps[:, 1:], self.strip)

    @cached_property
    def directions(self) -> Tensor:
        """The encoded layer normal at the vertices, (N, 2, R, C)."""
        return self.along[:, 1:3, self.scales.samples]

    @cached_property
    def valid_strip(self) -> Tensor:
        """Validity at the strip, (N, 1, 2S+1, R, C)."""
        return (self.along[:, 3:].detach() > INSIDE).float()

    @property
    def valid(self) -> Tensor:
        """Validity at the vertices, (N, 1, R, C)."""
        return self.valid_strip[:, :, self.scales.samples]

    @cached_property
    def inner(self) -> Tensor:
        """0 where a half leads to a column that does not exist, else 1; (2, 1, C)."""
        columns = self.xy.shape[2]
        real = torch.ones(2, 1, columns, device=self.xy.device)
        real[0, 0, 0] = real[1, 0, -1] = 0
        return real


def refine(grid: Tensor, samples: int) -> Tensor:
    """Bilinear enlargement of (N, K, R, C); every `samples`-th value is one of `grid`."""
    size = [(n - 1) * samples + 1 for n in grid.shape[-2:]]
    return F.interpolate(grid, size=size, mode="bilinear", align_corners=True)


def strip_weights(samples: int, device: torch.device) -> Tensor:
    """Weights of left, self and right at 2S+1 even points of the strip, (2S+1, 3)."""
    place = torch.linspace(-1, 1, 2 * samples + 1, device=device)
    return torch.stack([(-place).clamp_min(0), 1 - place.abs(), place.clamp_min(0)], 1)
