"""An iteration of a winding fit against a plain loop of the same computation, and its mask's cost.

    make bench-winding

A slice of 400x400, a mesh of 81x7 and the terms of the shipped recipe. The plain loop is written
the direct way, term by term, with the same Adam (fused), and draws its mask with OpenCV as often.
The last line switches the mask of one fit on and off: what it costs alone.
"""

import argparse
import math
import time
from collections.abc import Iterator
from typing import Any

import cv2
import lightning.pytorch as pl
import numpy as np
import torch
import torch.nn.functional as F
from side_by_side import TURN, Records, Turns, fit
from torch import Tensor

from launch.experiments.winding.channels import Channels
from launch.experiments.winding.mesh import Mesh, neighbours
from launch.experiments.winding.module import WindingFit
from launch.experiments.winding.pyramid import rebuild
from launch.experiments.winding.slices import SyntheticSpiral
from launch.experiments.winding.strip import strip
from launch.experiments.winding.synthetic import Spiral, spiral
from launch.masks.build import build as build_masks
from launch.train import objective

SPIRAL = Spiral(size=400, radius=260.0, warp=6.0, noise=0.15)
WEIGHTS = {"data_plain": 1, "dir_v": 10, "dir_conn": 1, "gradmag": 3, "step": 100, "smooth_y": 0.2}
LOSSES = {
    "data_plain": "DataPlain",
    "dir_v": "DirectionAlong",
    "dir_conn": "DirectionAcross",
    "gradmag": "GradMag",
    "step": "Step",
    "smooth_y": "SmoothAlong",
}
RAMP, BLUR = 4000, 3.0
PIE = {
    "label": "pie",
    "_target_": "launch.experiments.winding.masks.central_winding_pie.CentralWindingPie",
    "ramp_start_it": 0,
    "ramp_stop_it": RAMP,
    "start_size_segs": 4,
    "blur_sigma": BLUR,
    "losses": ["data_plain"],
}
SHAPE = {"windings": 7, "winding_step": 10.0, "rows_fraction": 2.0}


def stage(iterations: int) -> dict[str, Any]:
    params = ["mesh_ms", "conn_offset_ms"]
    return {"name": "all", "first": 0, "steps": iterations, "lr": [0.01], "params": params}


def recipe(iterations: int, masked: bool) -> WindingFit:
    losses = {
        name: {
            "_target_": f"launch.experiments.winding.losses.{loss}",
            "loss_weight": WEIGHTS[name],
        }
        for name, loss in LOSSES.items()
    }
    module = WindingFit(objective.build(losses), stages=[stage(iterations)], **SHAPE)
    if masked:
        module.scheduled_masks = build_masks([PIE])
    return module


def launched(iterations: int, mask_every: int | None) -> Turns:
    """Seconds under `launch` with everything on, in turns with the plain loop."""
    turns = Turns(plain(mask_every))
    module = recipe(iterations, mask_every is not None)
    fit(module, SyntheticSpiral(SPIRAL), turns, iterations, mask_every=mask_every or 1)
    return turns


class Switched(Turns):
    """A mask drawn in every iteration on and off, 15 iterations each; off is the bare side.

    Neither rows of the log nor checkpoints fall on one side only.
    """

    def __init__(self) -> None:
        super().__init__(iter(()))
        self.side, self.masks = "", ()

    def on_train_batch_start(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx % 15:
            return
        if self.side:
            self.seconds[self.side].append((time.process_time() - self.begun) * TURN / 15)
        masks = pl_module.scheduled_masks
        self.masks = self.masks or masks.masks
        self.side = "bare" if self.side == "launch" else "launch"
        masks.masks = self.masks if self.side == "launch" else ()
        masks.build(batch_idx, pl_module.mask_state(batch))
        self.begun = time.process_time()


# The plain loop


def read(image: Tensor, xy: Tensor) -> Tensor:
    """Bilinear samples of (1, 1, H, W) at (1, ..., 2), as (...)."""
    size = torch.tensor([image.shape[-1] - 1, image.shape[-2] - 1])
    grid = (xy / size * 2 - 1).reshape(1, 1, -1, 2)
    return F.grid_sample(image, grid, align_corners=True).reshape(xy.shape[1:-1])


def average(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp_min(1e-12)


def code(vector: Tensor) -> tuple[Tensor, Tensor]:
    x, y = vector.unbind(-1)
    norm = x * x + y * y + 1e-8
    cos, sin = (x * x - y * y) / norm, 2 * x * y / norm
    return 0.5 + 0.5 * cos, 0.5 + 0.5 * (cos - sin) / math.sqrt(2)


class Plain:
    """The same terms, written one after the other."""

    def __init__(self, channels: Channels, mask_every: int | None) -> None:
        self.mask_every, self.mask, self.iteration = mask_every, torch.ones(1, 1, 1, 1), 0
        maps = torch.from_numpy(channels.stack())
        self.maps = [maps[:, i : i + 1] for i in range(5)]
        mesh = Mesh(channels.size, rows=81, columns=7)
        mesh.aim(strip(channels).angle)
        mesh.bake()
        self.vertices = [p.detach().clone().requires_grad_() for p in mesh.mesh_ms]
        self.offsets = [p.detach().clone().requires_grad_() for p in mesh.conn_offset_ms]
        self.optimizer = torch.optim.Adam(self.vertices + self.offsets, lr=0.01, fused=True)
        self.averages: list[Tensor] = []

    def valid(self, xy: Tensor) -> Tensor:
        return (read(self.maps[4], xy.detach()) > 0.999).float()

    def step(self) -> Tensor:
        if self.mask_every and self.averages and self.iteration % self.mask_every == 0:
            self.mask = self.pie(*self.averages)
        self.iteration += 1
        grid = rebuild(self.vertices)
        links = neighbours(grid, rebuild(self.offsets))
        xy = grid.permute(0, 2, 3, 1)
        total = self.data(grid) + 10 * self.along(xy) + self.across(xy, links)
        total = total + 3 * self.spacing(links)
        edges = xy[:, 1:] - xy[:, :-1]
        total = total + 100 * (((edges**2).sum(-1) + 1e-8).sqrt() / 10 - 1).pow(2).mean()
        total = total + 0.2 * ((edges[:, 1:] - edges[:, :-1]) ** 2).sum(-1).mean()
        self.optimizer.zero_grad()
        total.backward()
        self.optimizer.step()
        self.follow(xy.detach(), links.detach())
        return total.detach()

    def data(self, grid: Tensor) -> Tensor:
        rows, columns = ((n - 1) * 4 + 1 for n in grid.shape[-2:])
        fine = F.interpolate(grid, (rows, columns), mode="bilinear", align_corners=True)
        fine = fine.permute(0, 2, 3, 1)
        place = torch.linspace(0, grid.shape[-1] - 1, columns)
        target = 0.5 + 0.5 * torch.cos(2 * math.pi * place)
        mask = self.valid(fine)
        if self.mask_every:
            mask = mask * read(self.mask.expand(self.maps[0].shape), fine.detach())
        return average((read(self.maps[0], fine) - target) ** 2, mask)

    def pie(self, xy: Tensor, links: Tensor) -> Tensor:
        """Between the links of two rows of the central column, drawn on the whole picture."""
        column = xy[0, :, xy.shape[2] // 2].numpy()
        across = (links[0, 2] - links[0, 0])[:, xy.shape[2] // 2].numpy()
        last = len(column) - 1
        span = 4 + (last - 4) * min(1.0, self.iteration / RAMP)
        corners = []
        for row, reach in (((last - span) / 2, 1e3), ((last + span) / 2, -1e3)):
            first = min(int(row), last - 1)
            share = row - first
            place = column[first] + share * (column[first + 1] - column[first])
            along = across[first] + share * (across[first + 1] - across[first])
            along = reach * along / np.hypot(*along)
            corners += [place - along, place + along]
        image = np.zeros(self.maps[0].shape[-2:], np.uint8)
        cv2.fillPoly(image, [np.rint(corners).astype(np.int32)], (255,))
        image = cv2.GaussianBlur(image, (19, 19), BLUR)
        return torch.from_numpy(image.astype(np.float32) / 255)[None, None]

    def along(self, xy: Tensor) -> Tensor:
        edges = xy[:, 1:] - xy[:, :-1]
        first, second = code(torch.stack([edges[..., 1], -edges[..., 0]], -1)[0])
        maps = [read(self.maps[i], xy) for i in (2, 3)]
        dir0, dir1 = (0.5 * (d[1:] + d[:-1]) for d in maps)
        valid = self.valid(xy)
        error = 0.5 * ((first - dir0) ** 2 + (second - dir1) ** 2)
        return average(error, torch.minimum(valid[1:], valid[:-1]))

    def across(self, xy: Tensor, links: Tensor) -> Tensor:
        dir0, dir1 = read(self.maps[2], xy), read(self.maps[3], xy)
        total, count = 0.0, 0.0
        for half in range(2):
            first, second = code((links[:, half + 1] - links[:, half])[0])
            error = 0.5 * ((first - dir0) ** 2 + (second - dir1) ** 2)
            ends = [self.valid(links[:, half + k]) for k in range(2)]
            mask = torch.minimum(*ends)
            mask[:, -half] = 0
            total, count = total + (error * mask).sum(), count + mask.sum()
        return total / count

    def spacing(self, links: Tensor) -> Tensor:
        total, count = 0.0, 0.0
        for half in range(2):
            start, stop = links[:, half], links[:, half + 1]
            share = torch.linspace(0, 1, 5).view(-1, 1, 1, 1, 1)
            points = start + share * (stop - start)
            points = points.permute(1, 0, 2, 3, 4)
            density, valid = read(self.maps[1], points), self.valid(points)
            length = (((stop - start) ** 2).sum(-1) + 1e-12).sqrt()[0]
            mean = (density[1:-1].sum(0) + 0.5 * (density[0] + density[-1])) / 4
            mask = valid.amin(0)
            mask[:, -half] = 0
            total = total + ((mean * length - 1) ** 2 * mask).sum()
            count = count + mask.sum()
        return total / count

    @torch.no_grad()
    def follow(self, xy: Tensor, links: Tensor) -> None:
        """The two moving averages."""
        if not self.averages:
            self.averages = [xy.clone(), links.clone()]
        for kept, new in zip(self.averages, (xy, links), strict=True):
            kept.mul_(0.99).add_(new, alpha=0.01)


def plain(mask_every: int | None) -> Iterator[None]:
    """An iteration of the plain loop for each `next`."""
    loop = Plain(spiral(SPIRAL, 0), mask_every)
    records = Records(optimizer=loop.optimizer)
    while True:
        records.keep(total=loop.step())
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=17)
    iterations = parser.parse_args().turns * TURN + 1
    torch.set_num_threads(1)
    print("400x400 slice, 81x7 mesh; CPU time of one thread")
    for name, every in (("no mask", None), ("mask every 10", 10), ("mask every 1", 1)):
        launched(iterations, every).report(name)
    switched = Switched()
    fit(recipe(iterations, True), SyntheticSpiral(SPIRAL), switched, iterations)
    switched.report("mask every 1, against itself off")


if __name__ == "__main__":
    main()
