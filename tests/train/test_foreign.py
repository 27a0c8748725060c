"""Files of other programs: what of a recipe they are for, what they fill, and what is said."""

import pytest
import torch
from torch import nn

from launch.errors import ConfigError
from launch.train.foreign import placed


class Network(nn.Module):
    """An encoder of two blocks, something of one's own, and a last layer."""

    def __init__(self, width=4, blocks=2, outputs=3, own=True):
        super().__init__()
        self.encoder = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width))
        self.encoder.extend(nn.Conv2d(width, width, 3) for _ in range(blocks - 1))
        if own:
            self.film = nn.Linear(2, width)
        self.head = nn.Conv2d(width, outputs, 1)


class Recipe(nn.Module):
    """A wrapped network, beside a small one."""

    def __init__(self, network, **others):
        super().__init__()
        self.classifier = nn.ModuleDict({"model": network})
        for name, part in others.items():
            self.add_module(name, part)


def place(path, file, recipe, whole=False):
    return placed(path, dict(file.state_dict()), recipe, whole)


def test_a_whole_file_is_for_the_network_wherever_it_lies_and_nothing_is_said(tmp_path, capsys):
    file = Network()
    found = place(tmp_path / "a.pth", file, Recipe(Network(), discriminator=nn.Linear(2, 2)))
    expected = {f"classifier.model.{k}": v for k, v in file.state_dict().items()}
    assert found.fresh == () and found.tensors.keys() == expected.keys()
    assert all(found.tensors[name] is value or torch.equal(found.tensors[name], value)
               for name, value in expected.items())  # fmt: skip
    assert capsys.readouterr().out == ""


FITS = {
    "other classes": (
        Network(outputs=9), ("classifier.model.head",),
        "11 of the 13 tensors of classifier.model are taken; classifier.model.head starts fresh; "
        "2 of the 13 in the file have no place",
    ),
    "without what is ours": (
        Network(own=False), ("classifier.model.film",),
        "11 of the 13 tensors of classifier.model are taken; classifier.model.film starts fresh",
    ),
    "an encoder alone": (
        nn.ModuleDict({"encoder": Network().encoder}),
        ("classifier.model.film", "classifier.model.head"),
        "9 of the 13 tensors of classifier.model are taken; "
        "classifier.model.film, classifier.model.head start fresh",
    ),
    "more than there is": (
        nn.ModuleDict({**Network()._modules, "auxiliary": nn.Linear(1, 1)}), (),
        "13 of the 13 tensors of classifier.model are taken; 2 of the 15 in the file have no place",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FITS)
def test_what_fits_is_taken_and_the_rest_is_said(tmp_path, capsys, name):
    file, fresh, said = FITS[name]
    found = place(tmp_path / "a.pth", file, Recipe(Network()))
    assert found.fresh == fresh
    assert not [key for key in found.tensors if key.startswith(fresh or "nothing")]
    assert capsys.readouterr().out == f"{tmp_path / 'a.pth'}: {said}\n"


OTHERS = {
    "wider": (Network(width=8), "of another architecture: 11 of 13"),
    "fewer blocks": (Network(blocks=1), r"of another architecture: 2 of 13(.|\n)*encoder\.2\."),
    "more blocks": (Network(blocks=3), r"of another architecture: it goes on .*encoder\.3\."),
    "something else": (nn.ModuleDict({"gru": nn.GRU(2, 2)}), "of another architecture: 13 of 13"),
}  # fmt: skip


@pytest.mark.parametrize("name", OTHERS)
def test_another_architecture_is_refused(tmp_path, name):
    file, said = OTHERS[name]
    with pytest.raises(ConfigError, match=rf"a\.pth is {said}"):
        place(tmp_path / "a.pth", file, Recipe(Network()))


def test_what_is_to_be_used_must_be_whole(tmp_path):
    with pytest.raises(ConfigError, match=r"head\.weight: the network has \(3, .*the file \(9, "):
        place(tmp_path / "a.pth", Network(outputs=9), Recipe(Network()), whole=True)


def test_a_network_that_knows_foreign_files_is_asked(tmp_path):
    class Knowing(Network):
        def foreign(self, state):
            if "theirs" in state:
                raise ConfigError("set pixels=theirs")
            return {name.replace("stem", "encoder"): value for name, value in state.items()}

    renamed = nn.ModuleDict({"stem": Network().encoder, "film": nn.Linear(2, 4)})
    recipe = nn.ModuleDict({"network": Knowing()})
    found = place(tmp_path / "a.pth", renamed, recipe)
    assert found.fresh == ("network.head",) and "network.encoder.0.weight" in found.tensors
    with pytest.raises(ConfigError, match=r"a\.pth: set pixels=theirs"):
        placed(tmp_path / "a.pth", {"theirs": torch.ones(1)}, recipe, False)


def test_a_recipe_without_networks_has_no_use_for_a_file(tmp_path):
    with pytest.raises(ConfigError, match="no network that a model file could be for"):
        place(tmp_path / "a.pth", nn.Linear(1, 1), nn.Module())
