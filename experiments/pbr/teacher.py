"""What a segmentation network says of textures of which nobody knows the classes."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from launch.experiments.pbr.augment import CONFIDENT
from launch.experiments.pbr.layers import PLACES, UNKNOWN, Material, resize, unpack
from launch.experiments.pbr.samples import FEED_MULTIPLE, round_to

TEACHER_SIDE = 1024


@torch.inference_mode()
def guess(teacher: nn.Module, materials: Sequence[Material], at_once: int) -> None:
    """Let a frozen network say class and confidence of every pixel, once, un-augmented.

    Args:
        at_once: textures of one size that it sees together.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    teacher = teacher.to(device).eval()
    for size in dict.fromkeys(material.size for material in materials):
        alike = [material for material in materials if material.size == size]
        scale = min(1.0, TEACHER_SIDE / max(size))
        sides = [round_to(side * scale, FEED_MULTIPLE) for side in size]
        for start in range(0, len(alike), at_once):
            few = alike[start : start + at_once]
            images = torch.from_numpy(np.stack([seen(m, *sides) for m in few])).to(device)
            logits = nn.functional.interpolate(teacher(images), size, mode="bilinear")
            confidence, classes = logits.softmax(dim=1).max(dim=1)
            planes = torch.stack([classes, (confidence * 255).floor()], dim=1)
            for material, own in zip(few, planes.byte().cpu().numpy(), strict=True):
                material.guess = own


def seen(material: Material, height: int, width: int) -> np.ndarray:
    """Colour and normal at a size, (6, H, W)."""
    maps = resize(unpack(material.packed, ("diffuse", "normal")), height, width)
    return np.concatenate([maps["diffuse"], maps["normal"]], axis=-1).transpose(2, 0, 1)


def class_shares(guessed: np.ndarray, length: int) -> Tensor:
    """Share of each class among the pixels of which a teacher is sure; (2, H, W) -> (length,)."""
    classes, confidence = guessed[:, ::4, ::4]
    sure = classes[confidence > CONFIDENT * 255]
    counts = np.bincount(sure, minlength=length)[:length]
    return torch.from_numpy(counts / max(1, counts.sum())).float()


def pseudo_report(materials: Sequence[Material]) -> dict[str, float]:
    """Share of game pixels whose pseudo-label counts and, where known, how many are right."""
    guessed = [m for m in materials if m.guess is not None]
    if not guessed:
        return {}
    sure, right, known = [], 0, 0
    for material in guessed:
        classes, pseudo, confidence = material.window(0, 0, *material.size)[
            PLACES["classes"].start :
        ]
        counts = confidence > CONFIDENT * 255
        sure.append(float(counts.mean()))
        labelled = counts & (classes != UNKNOWN)
        known += int(labelled.sum())
        right += int((classes == pseudo)[labelled].sum())
    report = {"pseudo_share": float(np.mean(sure))}
    return report | ({"pseudo_precision": right / known} if known else {})
