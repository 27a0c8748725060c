"""How well scores rank positives above negatives."""

import numpy as np
import torch
from torchmetrics.functional.classification import multilabel_auroc


def aurocs(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each column of (N, C); ties count half.

    The chance that a positive scores above a negative. NaN for a label without both values.
    """
    found = np.full(labels.shape[1], np.nan)
    both = labels.any(0) & ~labels.all(0)
    if both.any():
        low, high = scores.min(), scores.max()
        shares = (scores.astype(float) - low) / max(high - low, 1e-12)  # torchmetrics wants [0, 1]
        chosen, truth = torch.from_numpy(shares[:, both]), torch.from_numpy(labels[:, both]).long()
        count = int(both.sum())
        found[both] = multilabel_auroc(chosen, truth, count, average="none", validate_args=False)
    return found
