"""Weights are found where their libraries keep them, and a missing file is told with its place."""

import pytest

from launch.errors import MissingError
from launch.losses.files import CONVNEXT, LPIPS, VGG19, Checkpoint, require, torch_hub_folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """The folder in which torch.hub keeps files; nothing is in it."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    folder = tmp_path / "hub" / "checkpoints"
    folder.mkdir(parents=True)
    return folder


def test_the_folder_of_torch_hub_follows_its_variables(tmp_path, monkeypatch):
    monkeypatch.delenv("TORCH_HOME", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert torch_hub_folder() == tmp_path / "torch" / "hub" / "checkpoints"
    monkeypatch.setenv("TORCH_HOME", "~/weights")
    assert torch_hub_folder().parts[-3:] == ("weights", "hub", "checkpoints")
    assert torch_hub_folder().is_absolute()


@pytest.mark.parametrize("weights", [None, "pretrained"])
def test_a_published_file_is_taken_from_the_hub(hub, weights):
    (hub / VGG19.file).touch()
    assert VGG19.locate(weights) == hub / VGG19.file


def test_a_file_that_is_missing_is_told_with_its_place(hub):
    with pytest.raises(MissingError) as told:
        VGG19.locate(None)
    assert all(text in str(told.value) for text in (VGG19.file, str(hub), "548 MB", "random"))


def test_a_path_of_ones_own_is_taken_as_it_is(tmp_path):
    own = tmp_path / "own.pth"
    with pytest.raises(MissingError, match=r"own\.pth is not a file; it should be vgg19"):
        VGG19.locate(str(own))
    own.touch()
    assert VGG19.locate(str(own)) == own


@pytest.mark.parametrize(
    ("loss", "file"),
    [
        ({"type": "vgg"}, VGG19),
        ({"type": "convnext"}, CONVNEXT),
        ({"type": "lpips"}, LPIPS["alex"]),
        ({"type": "lpips", "net": "squeeze"}, LPIPS["squeeze"]),
        ({"_target_": "launch.losses.lpips.LPIPS", "net": "vgg"}, LPIPS["vgg"]),
    ],
)
def test_a_configuration_is_told_the_key_of_what_is_missing(hub, monkeypatch, loss, file):
    monkeypatch.setattr(Checkpoint, "_in_hugging_face_cache", lambda self: None)
    config = {"losses": {"pixel": {"type": "l1"}, "seen": loss}}
    with pytest.raises(MissingError, match=f"^losses.seen: .*{file.file}"):
        require(config)
    (hub / file.file).touch()
    require(config)


def test_random_weights_need_no_file(hub):
    require({"losses": {"seen": {"type": "vgg", "weights": "random"}}})
