"""torchmetrics when it is asked for: Lightning needs two classes of its 4,300 modules.

Its `__init__` imports every domain, and with them torchvision, transformers, scipy and matplotlib,
in every worker and rank. Here the package is in place, and its `__init__` runs when a name is asked
for that lies elsewhere; `torchmetrics.functional` likewise, and what draws when it is called. All
names mean what they mean without this file.
"""

import logging
import sys
from collections.abc import Mapping
from functools import partial
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import module_from_spec
from types import ModuleType
from typing import Any

ROOT = "torchmetrics"
LIGHT: dict[str, Mapping[str, str]] = {
    ROOT: {
        "Metric": "torchmetrics.metric",
        "MetricCollection": "torchmetrics.collections",
        "__version__": "torchmetrics.__about__",
    },
    "torchmetrics.functional": {},
}
"""Packages, and where those of their names lie that do not need their `__init__`."""

PLOT = "torchmetrics.utilities.plot"


class Deferred(ModuleType):
    """A module in place, whose code has not run."""

    def __getattr__(self, name: str) -> Any:
        place = LIGHT[self.__name__].get(name)
        if place:
            import_module("torchmetrics.utilities")  # from which a circle of imports resolves
            return getattr(import_module(place), name)
        if name.startswith("__") and name != "__all__":
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return getattr(run(self), name)


class DeferredPlot(ModuleType):
    """Functions that draw; the types of their signatures stand for anything until one is called."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        return Any if name.endswith("_TYPE") else partial(self.call, name)

    def call(self, name: str, /, *arguments: Any, **options: Any) -> Any:
        return getattr(run(self), name)(*arguments, **options)


def run(module: ModuleType) -> ModuleType:
    """Run the code of a deferred module, which is an ordinary one from here on."""
    module.__class__ = ModuleType
    assert module.__spec__ and module.__spec__.loader
    module.__spec__.loader.exec_module(module)
    return module


def defer() -> None:
    """Put the modules in place, unless the package is imported already or not installed."""
    if ROOT in sys.modules:
        return
    folders = [*sys.path]
    for name in LIGHT:
        folders = place(name, Deferred, folders)
    vars(sys.modules[ROOT])["_logger"] = logging.getLogger(ROOT)  # what its own modules import
    place(PLOT, DeferredPlot, [f"{folder}/utilities" for folder in sys.modules[ROOT].__path__])


def place(name: str, kind: type[ModuleType], folders: list[str]) -> list[str]:
    """A module of that kind, with the attributes that an import gives it; its own folders."""
    spec = PathFinder.find_spec(name, folders)
    assert spec is not None, f"{name} is not installed"
    module = module_from_spec(spec)
    module.__class__ = kind
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if kind is Deferred and parent:
        setattr(sys.modules[parent], last, module)
    return spec.submodule_search_locations or []
