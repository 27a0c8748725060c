"""What generated frames are judged by, on decoded pixels.

Sums over clips are kept apart from the counts they are divided by, so that a clip without smoke
neither spoils a mean nor counts as perfect.
"""

import math

import torch
import torch.nn.functional as F
from launch.experiments.smoke.simulate import advect
from torch import Tensor

# B clips, N samples, T frames, H W pixels; grey frames in [0, 1]

SMOKE = 0.05
VISIBLE = 0.1
BLACK = 0.02
MARGIN = 3
AHEAD = 2


def grey(frames: Tensor) -> Tensor:
    """(..., 3, H, W) to (..., H, W)."""
    return frames.mean(-3)


def psnr(squared_error: float) -> float:
    """10 log10(1 / mean squared error), in dB."""
    return -10 * math.log10(max(squared_error, 1e-12))


class RolloutMetrics:
    """Collects metrics of sampled futures over batches of clips.

    | metric              | meaning                                                               |
    |---------------------|-----------------------------------------------------------------------|
    | rmse_smoke          | root mean square error over pixels of true smoke (> 0.05); also of    |
    |                     | `_persistence` (the last given frame), `_advected` (the true velocity |
    |                     | of the last given frame goes on), `_floor` (the autoencoder alone),   |
    |                     | `_mean` (of the samples) and `_best` (of the best sample of a clip)   |
    | background_energy   | mean x^2 where no true frame nearby in time and space has smoke, less |
    |                     | that of the autoencoder alone: invented smoke                         |
    | false_smoke_rate    | share of these pixels above 0.1                                       |
    | mass_ratio          | generated over true sum of brightness; 1 when futures are drawn       |
    |                     | with their frequencies                                                |
    | coverage_ratio      | the same of pixels above 0.1                                          |
    | soft_iou            | overlap of generated and true smoke, sum min / sum max                |
    | temporal_ratio      | generated over true mean |x_t+1 - x_t|; < 1 is sluggish               |
    | flicker_ratio       | the same of second differences; > 1 flickers                          |
    | warp_residual       | mean |x_t+1 - (x_t moved by the true velocity)|, over that of truth   |
    | spectrum_distance   | mean |log10 power| difference over radial frequencies: detail         |
    | crps                | continuous ranked probability score per pixel                         |
    | probability_bias    | mean forecast minus observed probability of smoke > 0.1, where a      |
    |                     | forecast is not 0 or 1 or is wrong; > 0 forecasts too much smoke      |
    """

    def __init__(self) -> None:
        self.sums: dict[str, float] = {}

    def add(self, **values: Tensor | float) -> None:
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)

    def update(
        self,
        generated: Tensor,
        truth: Tensor,
        last: Tensor,
        reconstructed: Tensor,
        velocity: Tensor | None = None,
    ) -> None:
        """Add a batch.

        Args:
            generated: (B, N, T, H, W).
            truth, reconstructed: (B, T, H, W), true frames, and what the autoencoder makes of them.
            last: (B, H, W), the last given frame.
            velocity: (B, T + 1, 2, H, W) in pixels per frame from the last given frame on.
        """
        truth_of_samples = truth[:, None].expand_as(generated)
        smoke = truth > SMOKE
        self._errors(generated, truth, last, reconstructed, smoke)
        self._background(generated, truth, last, reconstructed)
        self.add(
            mass=generated.mean(1).sum(),
            true_mass=truth.sum(),
            coverage=(generated > VISIBLE).float().mean(1).sum(),
            true_coverage=(truth > VISIBLE).sum(),
            overlap=torch.minimum(generated, truth_of_samples).sum(),
            union=torch.maximum(generated, truth_of_samples).sum(),
            pixels=truth.numel(),
            clips=len(truth),
        )
        self._motion(generated, truth, last)
        self._probability(generated, truth)
        log_power = radial_spectrum(generated.flatten(0, 2)).log10()
        log_true = radial_spectrum(truth.flatten(0, 1)).log10()
        self.add(spectrum=(log_power - log_true).abs().mean() * len(truth))
        if velocity is not None:
            self._warp(generated, truth, last, velocity)

    def results(self) -> dict[str, float]:
        """The metrics; one whose pixels or frames there were none of is left out."""
        s = self.sums
        fractions = {
            "mass_ratio": ("mass", "true_mass"),
            "coverage_ratio": ("coverage", "true_coverage"),
            "soft_iou": ("overlap", "union"),
            "false_smoke_rate": ("false", "background"),
            "temporal_ratio": ("change", "true_change"),
            "flicker_ratio": ("flicker", "true_flicker"),
            "warp_residual": ("warp", "true_warp"),
            "crps": ("crps", "pixels"),
            "spectrum_distance": ("spectrum", "clips"),
            "probability_bias": ("bias", "uncertain"),
        }
        found = {name: s[a] / s[b] for name, (a, b) in fractions.items() if s.get(b)}
        for name in ("", "_persistence", "_advected", "_floor", "_mean", "_best"):
            if s.get("smoke") and f"error{name}" in s:
                found[f"rmse_smoke{name}"] = math.sqrt(s[f"error{name}"] / s["smoke"])
        if s.get("background"):
            found["background_energy"] = (s["energy"] - s["floor_energy"]) / s["background"]
        return found

    def _errors(
        self, generated: Tensor, truth: Tensor, last: Tensor, floor: Tensor, smoke: Tensor
    ) -> None:
        def error(frames: Tensor) -> Tensor:
            return ((frames - truth).square() * smoke).sum((-3, -2, -1))

        each = torch.stack([error(sample) for sample in generated.unbind(1)], 1)
        self.add(
            error=each.mean(1).sum(),
            error_best=each.amin(1).sum(),
            error_mean=error(generated.mean(1)).sum(),
            error_persistence=error(last[:, None].expand_as(truth)).sum(),
            error_floor=error(floor).sum(),
            smoke=smoke.sum(),
        )

    def _background(self, generated: Tensor, truth: Tensor, last: Tensor, floor: Tensor) -> None:
        far = background(truth, last)
        every = far[:, None].expand_as(generated)
        self.add(
            energy=(generated.square() * every).sum() / generated.shape[1],
            false=((generated > VISIBLE) & every).sum() / generated.shape[1],
            floor_energy=(floor.square() * far).sum(),
            background=far.sum(),
        )

    def _motion(self, generated: Tensor, truth: Tensor, last: Tensor) -> None:
        made = torch.cat([last[:, None, None].expand_as(generated[:, :, :1]), generated], 2)
        true = torch.cat([last[:, None], truth], 1)
        for name, count in (("change", 1), ("flicker", 2)):
            if true.shape[1] > count:
                self.add(
                    **{
                        name: made.diff(n=count, dim=2).abs().mean(1).sum(),
                        f"true_{name}": true.diff(n=count, dim=1).abs().sum(),
                    }
                )

    def _probability(self, generated: Tensor, truth: Tensor) -> None:
        samples = generated.shape[1]
        spread = torch.stack([(generated - s[:, None]).abs().mean(1) for s in generated.unbind(1)])
        # the fair estimate: a sample is not compared with itself
        half = spread.sum(0) / (2 * max(samples - 1, 1))
        error = (generated - truth[:, None]).abs().mean(1)
        forecast = (generated > VISIBLE).float().mean(1)
        observed = (truth > VISIBLE).float()
        open_question = (forecast != observed) | ((forecast > 0) & (forecast < 1))
        self.add(
            crps=(error - half).sum(),
            bias=((forecast - observed) * open_question).sum(),
            uncertain=open_question.sum(),
        )

    def _warp(self, generated: Tensor, truth: Tensor, last: Tensor, velocity: Tensor) -> None:
        """Motion against the simulator's, and the forecast that goes on with its last velocity."""
        pushed, going_on = last[:, None], []
        for _ in range(truth.shape[1]):
            pushed = advect(pushed, velocity[:, 0])
            going_on.append(pushed[:, 0])
        smoke = truth > SMOKE
        advected = (torch.stack(going_on, 1) - truth).square()
        self.add(error_advected=(advected * smoke).sum())
        for name, futures in (("warp", generated.unbind(1)), ("true_warp", [truth])):
            residual = sum(
                (f[:, t + 1] - advect(f[:, t : t + 1], velocity[:, t + 2])[:, 0]).abs().sum()
                for f in futures
                for t in range(truth.shape[1] - 1)
            )
            self.add(**{name: residual / len(futures)})


def background(truth: Tensor, last: Tensor) -> Tensor:
    """Pixels (B, T, H, W) that are black in all true frames until `AHEAD` later, with a margin.

    Smoke that comes a little early or a little off is no hallucination.
    """
    known = torch.cat([last[:, None], truth], 1)
    near = [known[:, : t + 2 + AHEAD].amax(1) for t in range(truth.shape[1])]
    grown = F.max_pool2d(torch.stack(near, 1), 2 * MARGIN + 1, stride=1, padding=MARGIN)
    return grown < BLACK


def radial_spectrum(images: Tensor) -> Tensor:
    """Mean power of (N, H, W) images by whole radial frequency, from 1 to H / 2 - 1."""
    size = images.shape[-1]
    power = torch.fft.rfft2(images - images.mean((-2, -1), keepdim=True), norm="ortho")
    power = power.abs().square().mean(0)
    ky = torch.fft.fftfreq(images.shape[-2]).to(images.device)[:, None] * size
    kx = torch.fft.rfftfreq(size).to(images.device)[None] * size
    radius = torch.sqrt(kx**2 + ky**2).round().long().clamp_max(size // 2).flatten()
    sums = torch.zeros(size // 2 + 1, device=images.device).index_add_(0, radius, power.flatten())
    counts = torch.bincount(radius, minlength=size // 2 + 1)
    return (sums / counts.clamp_min(1))[1 : size // 2] + 1e-8
