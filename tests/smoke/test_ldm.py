"""Parts of the VQ model; whole checkpoints are in test_adapters.py."""

import pytest
import torch
from launch.experiments.smoke.ldm import Attention, Block, Codes, Level, _Builder


def state(**shapes: tuple[int, ...]) -> dict[str, torch.Tensor]:
    return {f"{name.replace('__', '.')}.weight": torch.zeros(s) for name, s in shapes.items()}


def test_layers_take_the_shapes_of_the_tensors():
    build = _Builder(state(a=(6, 2, 3, 3), x__downsample__conv=(4, 4, 3, 3)), groups=2)
    assert build.conv("a")(torch.zeros(1, 2, 8, 8)).shape == (1, 6, 8, 8)
    assert build.conv("x.downsample.conv").stride == (2, 2)
    assert build.has("a") and not build.has("b")


def test_numbered_parts_are_counted_by_number_not_by_tensor():
    names = ["e.down.0.block.0.conv1", "e.down.0.block.0.conv2", "e.down.1.block.0.conv1"]
    build = _Builder({f"{name}.weight": torch.zeros(1) for name in names}, groups=1)
    assert build.count("e.down") == 2 and build.count("e.down.0.block") == 1
    assert build.count("e.up") == 0


def test_a_block_changes_the_channels_by_its_shortcut():
    shapes = {"b__norm1": (2,), "b__conv1": (4, 2, 3, 3), "b__norm2": (4,)}
    shapes |= {"b__conv2": (4, 4, 3, 3), "b__nin_shortcut": (4, 2, 1, 1)}
    block = Block(_Builder(state(**shapes), groups=2), "b")
    assert block(torch.rand(1, 2, 5, 5)).shape == (1, 4, 5, 5)


def test_attention_keeps_the_shape():
    shapes = {f"a__{part}": (4, 4, 1, 1) for part in ("q", "k", "v", "proj_out")}
    attention = Attention(_Builder(state(a__norm=(4,), **shapes), groups=2), "a")
    assert attention(torch.rand(2, 4, 3, 5)).shape == (2, 4, 3, 5)


@pytest.mark.parametrize(("resampling", "side"), [("downsample", 4), ("upsample", 16)])
def test_a_level_ends_with_its_resampling(resampling, side):
    build = _Builder(state(**{f"l__{resampling}__conv": (3, 3, 3, 3)}), groups=1)
    assert Level(build, "l", resampling)(torch.rand(1, 3, 8, 8)).shape == (1, 3, side, side)


def test_codes_are_the_nearest():
    codes = Codes(3, 2)
    codes.embedding.weight.data = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    latent = torch.tensor([0.9, 0.2]).view(1, 2, 1, 1)
    assert codes(latent).flatten().tolist() == [1, 0]
