"""Simulated smoke: a plume that rises, drifts and curls in two dimensions, on exact black.

A stable-fluids solver (Stam, SIGGRAPH 1999): semi-Lagrangian advection, forces, and a projection
onto velocities without divergence by FFT. Buoyancy and vorticity confinement as in Fedkiw, Stam
and Jensen, "Visual Simulation of Smoke", SIGGRAPH 2001, sections 2 and 3.
"""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from launch.train.data import rng

Regime = Literal["determined", "uncertain"]

VERSION = 1
SUBSTEPS = 2
WARM_UP = 6
INFLOW = 0.35
COOLING = 0.985
DRAG = 0.995
CALM = 0.6
WIND_ON_SMOKE = 0.25
CONFINEMENT = 0.3
DENSEST = 1.5
ABSORPTION = 1.6
FAINTEST = 0.02
BATCH = 64
# of the uncertain regime
GUST = 0.9
GUST_MEMORY = 0.8
PUFF = 1.8
CHANCE_OF_A_SWITCH = 0.12


@dataclass(frozen=True)
class Smoke:
    """Simulated clips of N clips, T frames, H = W pixels.

    Attributes:
        opacity: (N, T, H, W) uint8; 0 is no smoke, exactly.
        velocity: (N, T, 2, H, W) float16, (x right, y down) in pixels per frame.
    """

    opacity: np.ndarray
    velocity: np.ndarray

    def __len__(self) -> int:
        return len(self.opacity)


@dataclass(frozen=True)
class Causes:
    """What drives N plumes in S steps; each is drawn from (seed, clip) alone.

    Attributes:
        shape: density that the first source adds (N, H, W), and the second one.
        strength: of the two sources over time (N, S, 2).
        wind, buoyancy: (N, S) and (N,).
    """

    shape: Tensor
    second: Tensor
    strength: Tensor
    wind: Tensor
    buoyancy: Tensor


def simulate(
    clips: int, frames: int, size: int, seed: int, regime: Regime, first: int = 0, storm: float = 0
) -> Smoke:
    """Clips `first` to `first + clips` of a seed; a clip does not depend on the others drawn.

    With `determined`, wind and source hardly change, so that two frames foretell the next. With
    `uncertain`, gusts, puffs and a second source come and go at moments that no frame shows. Winds
    are at most CALM strong, and stronger by `storm`.
    """
    numbers = range(first, first + clips)
    batches = [numbers[start : start + BATCH] for start in range(0, clips, BATCH)]
    generators = [[rng(seed, 0, number) for number in batch] for batch in batches]
    parts = [_run(batch, frames, size, regime, storm) for batch in generators]
    return Smoke(*(np.concatenate(arrays) for arrays in zip(*parts, strict=True)))


def arrays(*settings: Any) -> dict[str, np.ndarray]:
    """As `simulate`, as arrays by name."""
    return vars(simulate(*settings))


# Causes


def _causes(
    generators: list[np.random.Generator], steps: int, size: int, regime: Regime, storm: float
) -> Causes:
    drawn = [_draw(generator, steps, size, regime, storm) for generator in generators]
    return Causes(*(torch.from_numpy(np.stack(v)).float() for v in zip(*drawn, strict=True)))


def _draw(
    random: np.random.Generator, steps: int, size: int, regime: Regime, storm: float
) -> tuple[np.ndarray, ...]:
    """The five fields of `Causes` for one clip."""
    scale = size / 48
    shapes = [
        _source(random.uniform(0.25, 0.75) * size, random.uniform(2, 4) * scale, size)
        for _ in range(2)
    ]
    breeze = random.uniform(-CALM, CALM)
    wind = np.full(steps, (breeze + math.copysign(storm, breeze)) * scale)
    strength = np.stack([random.uniform(0.7, 1.3, steps), np.zeros(steps)], 1)
    if regime == "uncertain":
        wind += GUST * scale * _gusts(random, steps)
        strength = PUFF * _switches(random, steps) * strength[:, :1]
    return (*shapes, strength, wind, np.array(random.uniform(0.25, 0.45) * scale))


def _source(x: float, radius: float, size: int) -> np.ndarray:
    """A round source near the bottom, 1 in its middle."""
    rows, columns = np.mgrid[:size, :size]
    return np.exp(-((columns - x) ** 2 + (rows - 0.82 * size) ** 2) / radius**2)


def _gusts(random: np.random.Generator, steps: int) -> np.ndarray:
    """An autoregressive process of unit variance, in steps of a frame."""
    value, values = random.standard_normal(), []
    for _ in range(-(-steps // SUBSTEPS)):
        fresh = math.sqrt(1 - GUST_MEMORY**2) * random.standard_normal()
        value = GUST_MEMORY * value + fresh
        values += [value] * SUBSTEPS
    return np.array(values[:steps])


def _switches(random: np.random.Generator, steps: int) -> np.ndarray:
    """(steps, 2): two sources that are switched on and off at random; the first begins on."""
    flips = random.random((-(-steps // SUBSTEPS), 2)) < CHANCE_OF_A_SWITCH
    on = (np.cumsum(flips, 0) + np.array([1, 0])) % 2
    return np.repeat(on, SUBSTEPS, 0)[:steps].astype(float)


# The solver


@torch.no_grad()
def _run(
    generators: list[np.random.Generator], frames: int, size: int, regime: Regime, storm: float
) -> tuple[np.ndarray, np.ndarray]:
    """Opacity and velocity of one batch of clips."""
    steps = (frames + WARM_UP) * SUBSTEPS
    causes = _causes(generators, steps, size, regime, storm)
    density = torch.zeros(len(generators), 1, size, size)
    velocity = torch.zeros(len(generators), 2, size, size)
    kept = []
    for step in range(steps):
        inflow = causes.strength[:, step, 0, None, None] * causes.shape
        inflow = inflow + causes.strength[:, step, 1, None, None] * causes.second
        density = (advect(density, velocity) + INFLOW * inflow[:, None]) * COOLING
        velocity = advect(velocity, velocity)
        velocity = velocity + _forces(density, velocity, causes, step) + _confinement(velocity)
        velocity = project(velocity) * DRAG
        if step >= WARM_UP * SUBSTEPS and step % SUBSTEPS == SUBSTEPS - 1:
            kept.append((_opacity(density[:, 0]), (velocity * SUBSTEPS).half()))
    opacity, velocities = (torch.stack(part, 1).numpy() for part in zip(*kept, strict=True))
    return opacity, velocities


def advect(field: Tensor, velocity: Tensor) -> Tensor:
    """The field (N, C, H, W) one step later: each pixel takes what flows to it; 0 flows in.

    Args:
        velocity: (N, 2, H, W) in pixels per step.
    """
    height, width = field.shape[-2:]
    ranges = (torch.arange(n, device=field.device) for n in (height, width))
    rows, columns = torch.meshgrid(*ranges, indexing="ij")
    x = (columns - velocity[:, 0]) / (width - 1) * 2 - 1
    y = (rows - velocity[:, 1]) / (height - 1) * 2 - 1
    return F.grid_sample(field, torch.stack([x, y], -1), padding_mode="zeros", align_corners=True)


def project(velocity: Tensor) -> Tensor:
    """The part of a periodic velocity (N, 2, H, W) that has no divergence."""
    height, width = velocity.shape[-2:]
    kx = _wave_numbers(torch.fft.rfftfreq(width))[None]
    ky = _wave_numbers(torch.fft.fftfreq(height))[:, None]
    square = (kx**2 + ky**2).clamp_min(1e-12)
    u, v = torch.fft.rfft2(velocity).unbind(1)
    along = (kx * u + ky * v) / square
    solenoidal = torch.stack([u - kx * along, v - ky * along], 1)
    return torch.fft.irfft2(solenoidal, s=(height, width))


def _wave_numbers(frequencies: Tensor) -> Tensor:
    """Without the highest, whose sign is lost by sampling and which so has no derivative."""
    return torch.where(frequencies.abs() == 0.5, 0.0, frequencies)


def _forces(density: Tensor, velocity: Tensor, causes: Causes, step: int) -> Tensor:
    """Wind pushes smoke sideways, its warmth lifts it."""
    push = WIND_ON_SMOKE * causes.wind[:, step, None, None] * density[:, 0]
    lift = -causes.buoyancy[:, None, None] * density[:, 0]
    return torch.stack([push, lift], 1)


def _confinement(velocity: Tensor) -> Tensor:
    """Gives back to eddies what advection blurs: CONFINEMENT * (n x vorticity), n towards them."""
    vorticity = torch.gradient(velocity[:, 1], dim=2)[0] - torch.gradient(velocity[:, 0], dim=1)[0]
    down, right = torch.gradient(vorticity.abs(), dim=(1, 2))
    norm = torch.sqrt(down**2 + right**2) + 1e-5
    return CONFINEMENT * torch.stack([down / norm * vorticity, -right / norm * vorticity], 1)


def _opacity(density: Tensor) -> Tensor:
    """1 - exp(-ABSORPTION * density), black where fainter than FAINTEST, as uint8."""
    opacity = 1 - torch.exp(-ABSORPTION * density.clamp(0, DENSEST))
    return torch.where(opacity < FAINTEST, 0, opacity * 255).round().byte()
