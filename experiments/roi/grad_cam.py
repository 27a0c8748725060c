"""Where a classifier looks, without training anything: Grad-CAM, and its gradient."""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from launch.errors import ConfigError

WINDOW = 5 / 32  # of the image's side, over which gradients are averaged


def grad_cam(classifier: Any, image: Tensor) -> Tensor:
    """Evidence for the findings, (N, 1, S, S), at least 0.

    For each label the channels of the last feature map are weighted by the mean gradient of the
    logit and what is negative is dropped (Selvaraju et al., ICCV 2017); labels count by their
    probability.

    Raises:
        ConfigError: if the classifier has no feature map, such as a vision transformer.
    """
    with torch.inference_mode(False), torch.enable_grad():
        features = classifier.features(image.clone()).detach().clone().requires_grad_()
        if features.ndim != 4:
            raise ConfigError(f"Grad-CAM needs a feature map, got shape {tuple(features.shape)}")
        logits = classifier.head(features)
        evidence = torch.zeros_like(features[:, :1])
        for label in range(logits.shape[1]):
            (slope,) = torch.autograd.grad(logits[:, label].sum(), features, retain_graph=True)
            activation = (slope.mean((2, 3), keepdim=True) * features).sum(1, keepdim=True)
            evidence += F.relu(activation) * logits[:, label].sigmoid().view(-1, 1, 1, 1)
    size = image.shape[-2:]
    return F.interpolate(evidence.detach(), size, mode="bilinear", align_corners=False)


def smoothed_gradient(classifier: nn.Module, image: Tensor) -> Tensor:
    """How much each surrounding matters to the findings, (N, 1, S, S), at least 0.

    |d logit / d pixel| (Simonyan, Vedaldi and Zisserman, ICLR 2014), labels counted by their
    probability, averaged over squares of about a sixth of the side.
    """
    with torch.inference_mode(False), torch.enable_grad():
        pixels = image.clone().requires_grad_()
        logits = classifier(pixels)
        evidence = torch.zeros_like(pixels)
        for label in range(logits.shape[1]):
            (slope,) = torch.autograd.grad(logits[:, label].sum(), pixels, retain_graph=True)
            evidence += slope.abs() * logits[:, label].detach().sigmoid().view(-1, 1, 1, 1)
    radius = max(1, round(WINDOW * image.shape[-1] / 2))
    return F.avg_pool2d(evidence.detach(), 2 * radius + 1, 1, radius)
