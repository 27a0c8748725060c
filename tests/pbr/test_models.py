"""Networks: shapes, FiLM and LoRA as the identity at first, chaining of checkpoints."""

import copy

import pytest
import torch

from launch.errors import ConfigError, MissingError
from launch.experiments.pbr.adapters import merged
from launch.experiments.pbr.models import AlbedoUNet, FiLM, MapsUNet, SegFormer, condition_of

TINY = "tu-test_resnet"


def image(side: int = 32) -> torch.Tensor:
    return torch.rand(2, 6, side, side, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def segformer() -> SegFormer:
    torch.manual_seed(0)
    return SegFormer("mit_b0").eval()


def save(network: torch.nn.Module, path, part: str = "network") -> str:
    state = {f"{part}.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": state}, path)
    return str(path)


def test_film_is_the_identity_at_first():
    x = torch.rand(2, 8, 4, 4)
    torch.testing.assert_close(FiLM(8, 9)(x, torch.rand(2, 9, 16, 16)), x)


@pytest.mark.parametrize("encoder", [TINY, "mit_b0"])
def test_condition_changes_nothing_until_film_is_trained(encoder):
    network = AlbedoUNet(encoder).eval()
    condition = condition_of(torch.rand(2, 7, 8, 8), torch.tensor([0.0, 1.0]))
    assert condition.shape == (2, 9, 8, 8)
    with torch.no_grad():
        plain = network(image())
        torch.testing.assert_close(network(image(), condition), plain)
        network.film[-1].affine.bias += 1
        assert not torch.equal(copy.deepcopy(network)(image(), condition), plain)


def test_maps_have_a_convolution_each():
    maps = MapsUNet(TINY)(image())
    assert {name: tuple(m.shape) for name, m in maps.items()} == dict.fromkeys(
        ("roughness", "metallic", "ao", "height"), (2, 1, 32, 32)
    )
    assert 0 <= maps["roughness"].min() <= maps["roughness"].max() <= 1


def test_segformer_returns_logits_at_the_size_of_its_input(segformer):
    assert segformer(image(64)).shape == (2, 7, 64, 64)


def test_segformer_decodes_as_the_library_does(segformer):
    for encoder in (segformer, SegFormer("resnet18").eval()):
        found, expected = encoder(image(64)), encoder.model(image(64))
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_adapters_start_from_weights_without_them(segformer, tmp_path):
    """Phase A has no adapters, phase B has: the chain stays strict."""
    path = save(segformer, tmp_path / "a.ckpt")
    adapted = SegFormer("mit_b0", lora_rank=4, weights=path).eval()
    names = [name for name, _ in adapted.named_parameters() if ".lora_" in name]
    assert len(names) == 2 * 16  # A and B of q and kv in 8 blocks
    with torch.no_grad():
        torch.testing.assert_close(adapted(image(64)), segformer(image(64)))


def test_merged_adapters_are_a_plain_segformer(segformer, tmp_path):
    adapted = SegFormer("mit_b0", lora_rank=4).eval()
    generator = torch.Generator().manual_seed(1)
    for name, parameter in adapted.named_parameters():
        if ".lora_" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator) / 10
    plain = SegFormer("mit_b0").eval()
    plain.load_state_dict(merged(adapted.state_dict()))
    with torch.no_grad():
        torch.testing.assert_close(plain(image(64)), adapted(image(64)), atol=1e-4, rtol=1e-4)


def test_adapters_go_on_from_adapters(tmp_path):
    adapted = SegFormer("mit_b0", lora_rank=4)
    for name, parameter in adapted.named_parameters():
        if ".lora_B" in name:
            parameter.data += 1
    again = SegFormer("mit_b0", lora_rank=4, weights=save(adapted, tmp_path / "b.ckpt"))
    for first, second in zip(adapted.parameters(), again.parameters(), strict=True):
        assert torch.equal(first, second)


def test_another_architecture_is_named(tmp_path):
    path = save(AlbedoUNet(TINY), tmp_path / "albedo.ckpt")
    with pytest.raises(ConfigError, match=r"tensors of 'network' do not fit, such as \w+"):
        MapsUNet(TINY, weights=path)
    with pytest.raises(MissingError, match=r"gone\.ckpt"):
        MapsUNet(TINY, weights=str(tmp_path / "gone.ckpt"))


@pytest.mark.parametrize("encoder", [TINY, "mit_b0"])
@pytest.mark.parametrize("detail", [0, 16])
def test_a_branch_at_full_resolution_lets_the_decoder_see_the_input(encoder, detail):
    """Without it the decoder knows the encoder's stages alone, the finest at half the size."""
    network = MapsUNet(encoder, detail=detail, relief=False).eval()
    with torch.no_grad():
        seen, *stages = network.encoder(image(64))
        features = [network.decoder([shown, *stages]) for shown in (seen, 1 - seen)]
    assert torch.equal(*features) is (detail == 0)


def test_maps_start_from_what_is_usual():
    network = MapsUNet(TINY).eval()
    assert network.usual is not None
    network.usual.weights[:] = 0.1 * torch.rand(
        network.usual.weights.shape, generator=torch.Generator().manual_seed(0)
    )
    condition = condition_of(torch.zeros(2, 7, 8, 8), torch.zeros(2))
    with torch.no_grad():
        maps, start = network(image(), condition), network.usual(image(), condition)
        nothing = MapsUNet(TINY, usual=False).eval()(image())
    assert torch.equal(maps.pop("roughness"), start.pop("roughness").sigmoid())
    for name, values in maps.items():
        assert torch.equal(values, start[name])
    assert (nothing["height"] == 0).all()
