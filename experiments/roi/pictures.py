"""Pictures of masks: what a person looks at to believe them. RGB uint8 (H, W, 3)."""

import numpy as np
import torch
import torch.nn.functional as F
from launch.experiments.roi.loading import brightness
from torch import Tensor

ENLARGED = 160  # smallest side of a picture in a panel
MASK = np.array([255, 96, 32])
REGION = np.array([64, 220, 96])


def panel(
    batch: dict[str, Tensor], saliency: Tensor, mask: Tensor, probabilities: Tensor
) -> list[np.ndarray]:
    """Image | marked regions | saliency | mask over the image, a row per image."""
    rows = []
    for n, image in enumerate(batch["image"]):
        grey = to_grey(image[0])
        cells = [grey, grey, heat(saliency[n, 0], grey.shape[0]), overlay(grey, mask[n, 0])]
        if "regions" in batch:
            cells[1] = overlay(grey, batch["regions"][n, 0], REGION)
        rows.append(np.concatenate([enlarge(cell) for cell in cells], axis=1))
    return rows


def to_grey(image: Tensor) -> np.ndarray:
    """A normalised image (S, S) as RGB."""
    values = brightness(image).cpu().numpy()
    return np.repeat(np.rint(values * 255).astype(np.uint8)[..., None], 3, axis=-1)


def overlay(
    picture: np.ndarray, mask: Tensor | np.ndarray, colour: np.ndarray = MASK
) -> np.ndarray:
    """The picture with the mask's pixels tinted."""
    shown = np.asarray(mask.cpu() if isinstance(mask, Tensor) else mask, dtype=float)[..., None]
    return np.rint(picture * (1 - 0.45 * shown) + colour * 0.45 * shown).astype(np.uint8)


def heat(saliency: Tensor, size: int) -> np.ndarray:
    """Saliency from its smallest to its largest value, black to white."""
    values = saliency.float().cpu()
    values = (values - values.min()) / (values.max() - values.min()).clamp_min(1e-8)
    grown = F.interpolate(values[None, None], (size, size))[0, 0]
    return np.repeat(grown.mul(255).round().to(torch.uint8).numpy()[..., None], 3, axis=-1)


def enlarge(picture: np.ndarray) -> np.ndarray:
    """Whole-number enlargement of small pictures."""
    factor = max(1, ENLARGED // picture.shape[0])
    return picture.repeat(factor, axis=0).repeat(factor, axis=1)
