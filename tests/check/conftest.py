"""A small package on the path, which would complain if anybody imported it."""

from pathlib import Path

import pytest

from launch.record import targets

FILES = {
    "__init__.py": """
        raise RuntimeError("imported")
        from .beds import Bed as Border, PLANTS
        from .tools import *
        from . import beds
        try:
            import absent
        except ImportError:
            Fallback = None
    """,
    "beds.py": """
        from __future__ import annotations
        import abc
        from dataclasses import KW_ONLY, dataclass, field
        from pathlib import Path
        from typing import Annotated, ClassVar, Literal, overload

        import torch.nn as nn
        from pydantic import Field, FilePath, PositiveInt
        from torch import Tensor

        PLANTS = ("rose", "leek")
        Soil = Literal["clay", "sand"]
        Share = Annotated[float, Field(ge=0, le=1)]

        class Bed(nn.Module):
            honours_masks = True
            def __init__(self, width: PositiveInt, soil: Soil = "clay", *, wet: Share = 0.5): ...

        class Sown(Bed):
            def __init__(self, seed: str = "rye", **others):
                super().__init__(3, wet=1.0, **others)

        class Sorted(Bed):
            def __init__(self, **others):
                others.pop("odd", None)
                super().__init__(**others)

        class Raised(Bed):
            honours_masks: ClassVar[bool] = False

        class Hedge(abc.ABC, Bed): ...

        class Plain(nn.Module): ...

        class Foreign(dict): ...

        @dataclass(frozen=True)
        class Plot:
            area: float
            kind: ClassVar[str] = "plot"
            tags: list[str] = field(default_factory=list)
            seen: int = field(default=0, init=False)

        @dataclass
        class Named(Plot):
            _: KW_ONLY
            name: str = field(kw_only=True)

        @overload
        def grow(seed: int) -> Bed: ...
        def grow(seed, *, days: int = 3, **more) -> Bed: ...

        def tend(
            bed: Bed | None, layer: nn.Module, weights: Tensor | float, map: FilePath, folder: Path,
            sizes: tuple[int, int], per_year: dict[str, float | None], odd: "Unknown[int]",
            count=4, name=None,
        ): ...
    """,
    "tools.py": """
        class Spade: ...
        class _Hidden: ...
        def __getattr__(name): ...
    """,
    "circle.py": """
        from garden.square import Corner
    """,
    "square.py": """
        from garden.circle import Corner
        from garden.circle import *
    """,
    "sheds/tin.py": """
        class Roof: ...
    """,
}


@pytest.fixture(scope="module", autouse=True)
def garden(tmp_path_factory: pytest.TempPathFactory):
    """The package `garden`, which targets may name during these tests."""
    folder = tmp_path_factory.mktemp("packages")
    for name, text in FILES.items():
        path: Path = folder / "garden" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(line.removeprefix(" " * 8) for line in text.splitlines()))
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        patch.setenv(targets.VARIABLE, "garden,absent_package,launch.train")
        targets.listed.cache_clear()
        yield
    targets.listed.cache_clear()
