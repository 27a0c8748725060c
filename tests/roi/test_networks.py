"""Networks: shapes, strides, and weights from local files."""

import pytest
import torch
from torch import nn

from launch.errors import ConfigError
from launch.experiments.roi.networks import MaskNetwork, MaskUNet, TimmClassifier, TinyClassifier

IMAGE = torch.randn(2, 1, 32, 32)
SMALL = {"depths": (1, 1, 1, 1), "dims": (8, 16, 24, 32)}


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_mask_networks_give_logits_at_their_stride(stride):
    for network in (MaskNetwork(stride), MaskUNet(stride, depth=2, width=8)):
        assert network(IMAGE).shape == (2, 1, 32 // stride, 32 // stride)


def test_the_small_mask_network_is_three_convolutions_and_a_head():
    kernels = [m.kernel_size[0] for m in MaskNetwork().modules() if isinstance(m, nn.Conv2d)]
    assert kernels == [3, 3, 3, 1]


@pytest.mark.parametrize("stride", [3, 8])
def test_a_stride_that_the_network_does_not_have_is_an_error(stride):
    with pytest.raises(ConfigError, match=rf"up to 2\^depth = 4, got {stride}"):
        MaskUNet(stride, depth=2)


def test_the_u_net_takes_sides_that_do_not_divide():
    assert MaskUNet(2, depth=3, width=8)(torch.randn(1, 1, 36, 36)).shape == (1, 1, 18, 18)


@pytest.mark.parametrize(
    "network", [TinyClassifier(3), TimmClassifier(3, "convnext_atto", options=SMALL)]
)
def test_classifiers_have_features_a_head_and_a_last_layer(network):
    features = network.features(IMAGE)
    assert features.ndim == 4
    torch.testing.assert_close(network.head(features), network(IMAGE))
    assert network(IMAGE).shape == (2, 3)
    assert network.last.weight.shape[0] == 3


def test_an_unknown_backbone_names_the_nearest():
    with pytest.raises(ConfigError, match=r"no 'convnext_bas'.*'convnext_base'"):
        TimmClassifier(3, "convnext_bas")
