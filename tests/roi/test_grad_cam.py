"""Grad-CAM points at what a classifier reads."""

import pytest
import torch
from launch.experiments.roi.grad_cam import grad_cam, smoothed_gradient
from torch import nn

from launch.errors import ConfigError


class Brightest(nn.Module):
    """One finding: the mean of the positive part of the image."""

    def features(self, image):
        return torch.relu(image)

    def head(self, features):
        return features.mean((2, 3))


class Tokens(Brightest):
    def features(self, image):
        return image.flatten(2)


def test_evidence_is_where_the_features_are_even_in_inference_mode():
    image = torch.zeros(1, 1, 8, 8)
    image[..., 2, 5] = 1
    with torch.inference_mode():
        evidence = grad_cam(Brightest(), image)
    assert evidence.shape == image.shape
    assert evidence.flatten().argmax() == 2 * 8 + 5 and (evidence >= 0).all()


def test_a_classifier_without_feature_map_is_an_error():
    with pytest.raises(ConfigError, match="feature map"):
        grad_cam(Tokens(), torch.zeros(1, 1, 8, 8))


def test_the_smoothed_gradient_is_largest_where_most_pixels_matter():
    image = torch.full((1, 1, 32, 32), -1.0)
    image[..., 8:13, 20:25] = 1
    with torch.inference_mode():
        evidence = smoothed_gradient(Reader(), image)
    assert evidence.shape == image.shape
    assert evidence.flatten().argmax() == 10 * 32 + 22
    assert evidence[..., 20:, :10].max() == 0


class Reader(nn.Module):
    """One finding: the sum of the positive pixels."""

    def forward(self, image):
        return torch.relu(image).sum((2, 3))
