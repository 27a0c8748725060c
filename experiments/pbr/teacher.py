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
def guess(teacher: nn.Module, materials: Sequence[Material]) -> None:
    """Let a frozen network say class and confidence of every pixel, once, un-augmented."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    teacher = teacher.to(device).eval()
    for material in materials:
        height, width = material.size
        maps = unpack(material.packed)
        scale = min(1.0, TEACHER_SIDE / max(height, width))
        sides = [round_to(side * scale, FEED_MULTIPLE) for side in (height, width)]
        maps = resize({n: maps[n] for n in ("diffuse", "normal")}, *sides)
        image = np.concatenate([maps["diffuse"], maps["normal"]], axis=-1).transpose(2, 0, 1)
        logits = teacher(torch.from_numpy(np.ascontiguousarray(image))[None].to(device))
        sized = nn.functional.interpolate(logits, (height, width), mode="bilinear")
        confidence, classes = sized[0].softmax(dim=0).max(dim=0)
        planes = torch.stack([classes, (confidence * 255).floor()])
        material.guess = planes.byte().cpu().numpy()


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
