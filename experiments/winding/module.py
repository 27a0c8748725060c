"""The fit of a mesh to the layers of a slice, in stages, under masks that follow the fit."""

import warnings
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
from pydantic import Field, PositiveFloat, PositiveInt
from torch import Tensor, nn

from launch.errors import ConfigError
from launch.experiments.winding import data, loss_maps, structure
from launch.experiments.winding.channels import Channels
from launch.experiments.winding.evaluation import Evaluation, background, evaluate, picture, write
from launch.experiments.winding.geometry import FitResult, Scales
from launch.experiments.winding.mesh import Links, Mesh
from launch.experiments.winding.optimizer import adam, restart
from launch.experiments.winding.stages import Stage
from launch.experiments.winding.strip import strip
from launch.train.module import OptimizerFactory, ScheduledModule
from launch.train.objective import ScheduledLosses


class WindingFit(ScheduledModule):
    """A mesh whose columns are windings, moved by Adam until column j follows layer j.

    The slice is that of the datamodule; the mesh gets its size when the run starts, or from a
    checkpoint. Weights of terms and the windows of masks follow from the stages, see
    `launch.experiments.winding.expansion`.

    Args:
        losses: terms that read a FitResult.
        stages: name, first, steps, lr, params and min_scaledown of each.
        windings: columns of the mesh; default: as many as the material holds across its layers.
        mesh_step: distance of two rows in model pixels.
        winding_step: distance of two columns at the start; default: the pitch of the slice.
        rows_fraction: length of the strip at the start, as a share of the material along the
            layers through its middle.
        samples: fine samples per mesh segment.
        aim: start along the layers at the middle of the material; false starts upright.
        links: `offset` trains the row offset of the neighbours, `ray` takes the column's normal.
        loss_maps: write where each term is high, into `result/loss_maps`.
    """

    maps: Tensor
    optimizer: OptimizerFactory

    def __init__(
        self,
        losses: ScheduledLosses,
        stages: list[dict[str, Any]],
        windings: Annotated[int, Field(ge=2)] | None = None,
        mesh_step: PositiveFloat = 10.0,
        winding_step: PositiveFloat | None = None,
        rows_fraction: PositiveFloat = 1.25,
        samples: PositiveInt = 4,
        aim: bool = True,
        links: Links = "offset",
        loss_maps: bool = False,
    ) -> None:
        super().__init__(losses, partial(torch.optim.Adam))
        self.automatic_optimization = False
        self.stages = [Stage(**settings) for settings in stages]
        self.windings, self.mesh_step, self.winding_step = windings, mesh_step, winding_step
        self.rows_fraction, self.samples, self.aim = rows_fraction, samples, aim
        self.loss_maps = loss_maps
        self.links: Links = links
        self.mesh: Mesh
        self.fit: FitResult
        self.found: Evaluation
        self.register_buffer("maps", torch.empty(0), persistent=False)

    # The start of a run

    def setup(self, stage: str) -> None:
        """Take the slice of the datamodule, and lay the mesh over it unless there is one."""
        source = self.trainer.datamodule  # type: ignore[attr-defined]
        self.channels: Channels = source.channels
        self.slice: Channels = source.source
        self.maps = torch.from_numpy(self.channels.stack())
        if not hasattr(self, "mesh"):
            self.mesh = self.lay(self.channels)
            self.mesh.start_ema(self.mesh(self.maps))
        self.check_size()
        self.check_spans()
        if self.accumulate != 1:
            raise ConfigError("trainer.accumulate must be 1: a fit has one sample, its slice")

    def lay(self, channels: Channels) -> Mesh:
        """A new mesh for a slice, along its layers."""
        found = strip(channels)
        step = self.winding_step or channels.pitch()
        mesh = Mesh(
            channels.size,
            len(channels.cosine),
            rows=round(self.rows_fraction * found.length / self.mesh_step) + 1,
            columns=self.windings or max(3, round(found.width / step)),
            scales=Scales(
                self.mesh_step, step, channels.downscale, self.samples, channels.slice_step
            ),
            centre=found.centre,
            origin=channels.origin,
            z=channels.z,
            links=self.links,
        )
        if self.aim:
            mesh.aim(found.angle)
        return mesh

    def check_size(self) -> None:
        found, wanted = [len(self.maps), *self.channels.size], self.mesh.made_with
        if found != [wanted["slices"], *wanted["image_size"]]:
            raise ConfigError(
                f"the mesh was fitted to {wanted['slices']} slices of {wanted['image_size']} "
                f"(height, width) and the data has {found[0]} of {found[1:]}; take the same data"
            )

    def check_spans(self) -> None:
        """Warn of a pie that spans the whole column before it grows."""
        segments = self.mesh.rows - 1
        for mask in self.scheduled_masks.masks:
            start = getattr(mask.generator, "start_size_segs", 0)
            if start >= segments:
                warnings.warn(
                    f"mask {mask.label!r} starts with {start:g} segments, and the central column "
                    f"has {segments}: it spans all of it from the beginning, so that it gates next "
                    "to nothing; lower start_size_segs or module.mesh_step",
                    stacklevel=2,
                )

    def adopt(self, state: Any) -> None:
        made_with = state.get("mesh._extra_state")
        if made_with and not (hasattr(self, "mesh") and self.mesh.made_with == made_with):
            self.mesh = Mesh.like(made_with)

    # Stages

    def stage_at(self, iteration: int) -> Stage:
        return next((s for s in self.stages if iteration < s.stop), self.stages[-1])

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam of the stage that made the latest update, whose state a checkpoint holds."""
        return adam(self.mesh, self.stage_at(max(0, self.iteration - 1)), self.optimizer)

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> None:
        super().on_train_batch_start(batch, batch_idx)
        stage = self.stage_at(self.iteration)
        if self.iteration == stage.first:
            self.mesh.start_stage(stage.params)
            restart(self.trainer.optimizers[0], self.mesh, stage, self.optimizer)

    def training_step(self, batch: Any, batch_idx: int) -> None:
        """One update by hand: Lightning's own costs a tenth of so short an iteration."""
        optimizer = self.trainer.optimizers[0]
        self.fit = self.mesh(self.maps, self.scheduled_masks)
        total, _ = self.losses(**{name: (self.fit, name) for name in self.losses})
        optimizer.zero_grad()
        total.backward()
        if self.gradient_clip:
            nn.utils.clip_grad_norm_(self.mesh.parameters(), self.gradient_clip)
        optimizer.step()

    def update_ema(self) -> None:
        """The averages that masks are drawn from, by the geometry of this update."""
        super().update_ema()
        self.mesh.update_ema(self.fit, residual=self.reads_residual)

    @property
    def reads_residual(self) -> bool:
        """Whether some mask of the run waits for a low residual."""
        generators = [mask.generator for mask in self.scheduled_masks.masks]
        return any(getattr(generator, "growth", "") == "adaptive" for generator in generators)

    def mask_state(self, batch: Any) -> dict[str, Any]:
        return {
            "xy_ema": self.mesh.xy_ema,
            "xy_conn_ema": self.mesh.xy_conn_ema,
            "residual": self.mesh.residual_ema,
            "valid": self.maps[:, 4:],
            "size": self.channels.size,
            "device": self.maps.device,
        }

    # Evaluation

    def validation_step(self, batch: Any, batch_idx: int) -> None:
        self.found = evaluate(self.mesh(self.maps), self.slice)
        self.log_metrics(self.found.metrics)

    def on_validation_end(self) -> None:
        """At the end of a run, write what it found into `result`."""
        if self.trainer.is_global_zero and self.iteration >= self.iterations:
            run = Path(self.trainer.default_root_dir)
            frames = sorted((run / "images").glob("iteration_*.png"))
            self.write(run / "result", frames)

    def write(self, folder: Path, frames: Sequence[Path] = ()) -> None:
        """The files of a fit, and on request where each of its terms is high."""
        write(folder, self.found, self.slice, self.mesh_step, frames)
        if self.loss_maps:
            fit = self.mesh(self.maps)
            grey = background(self.slice)
            loss_maps.write(folder / "loss_maps", loss_maps.loss_maps(self.losses, fit), fit, grey)

    def image_panel(self) -> list[np.ndarray]:
        """The windings over the slice, slips in red, with the mask that gates now."""
        masks = list(self.scheduled_masks.images().values())
        mask = masks[0][:, 0].cpu().numpy() if masks else None
        return [picture(self.found, self.slice, mask)]

    def health(self) -> list[str]:
        numbers, cells = self.found.metrics, self.found.xy[..., 0].size
        said = []
        if numbers["folded_cells"] > 0.02 * cells:
            said.append(
                f"{numbers['folded_cells']:.0f} of about {cells} cells of the mesh are folded; "
                "raise the weight of step or smooth_y, or lower lr"
            )
        if numbers["coverage"] < 0.5:
            said.append(
                f"only {numbers['coverage']:.0%} of the mesh lies on the slice; lower "
                "module.windings or module.rows_fraction"
            )
        for mask in self.scheduled_masks.masks:
            count = int(mask.memory.get("undirected", 0))
            if count:
                said.append(
                    f"mask {mask.label!r}: {count} times the mesh had neither links nor a tangent "
                    "at a boundary of the pie, which was then left out; the mesh has collapsed"
                )
        return said

    def weights(self) -> dict[str, Tensor]:
        """Vertices (N, R, C, 2) in model pixels, and the parameters they come from."""
        tensors = {name: p for name, p in self.mesh.named_parameters()}
        return tensors | {"xy": self.mesh.vertices().permute(0, 2, 3, 1)}

    def predict(self, source: Path, destination: Path) -> dict[str, float]:
        """Write the result of a finished fit over the slice that it was made on."""
        if data.is_maps(source):
            self.channels = self.slice = data.read_maps(source)
        else:
            self.channels = self.slice = data.read_scan(source, self.part(), structure.channels)
        self.maps = torch.from_numpy(self.channels.stack()).to(self.maps.device)
        self.check_size()
        self.found = evaluate(self.mesh(self.maps), self.slice)
        self.write(destination)
        return self.found.metrics

    def part(self) -> data.Part:
        """The part of a scan that the mesh was fitted to."""
        made_with, scale = self.mesh.made_with, self.mesh.scales.downscale
        x, y = (round(n - (scale - 1) / 2) for n in made_with["origin"])
        height, width = (round(n * scale) for n in made_with["image_size"])
        z = made_with["z"]
        step = round(z[1] - z[0]) if z and len(z) > 1 else 1
        slices = (round(z[0]), round(z[-1]) + 1, step) if z else None
        return data.Part(scale, (x, y, width, height), slices)
