"""Networks for other programs: ONNX of any picture size, checked against torch."""

import copy
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from launch.errors import LaunchError, MissingError

TRACED, CHECKED = (48, 40), (33, 57)
"""Height and width that the graph is made from, and others that it is tried with."""

TOLERANCE = 1e-4


def write_onnx(network: nn.Module, path: Path, channels: int = 3) -> float:
    """Save a network from pictures (N, C, H, W) in [0, 1], with N, H and W left open.

    Returns:
        The largest difference between onnxruntime and torch, over both sizes.

    Raises:
        MissingError: if the packages are not installed.
        LaunchError: if the network cannot be written, or does something else as ONNX.
    """
    runtime = _required("onnxruntime")
    for package in ("onnx", "onnxscript"):
        _required(package)
    network = copy.deepcopy(network).cpu().eval()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        _export(network, path, channels)
        session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        worst = max(_difference(session, network, channels, size) for size in (TRACED, CHECKED))
    except Exception as error:  # exporters fail in as many ways as there are operators
        path.unlink(missing_ok=True)
        reason = str(error).strip().partition("\n")[0]
        raise LaunchError(
            f"{type(network).__name__} cannot be written as ONNX of any size: {reason}"
        ) from error
    if not worst <= TOLERANCE:
        path.unlink()
        raise LaunchError(
            f"{type(network).__name__} as ONNX differs from torch by {worst:.2g}, which is more "
            f"than {TOLERANCE:g}; {path} was not kept"
        )
    return worst


def _export(network: nn.Module, path: Path, channels: int) -> None:
    dynamic = {0: "batch", 2: "height", 3: "width"}
    picture = torch.rand(2, channels, *TRACED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            network,
            (picture,),
            path,
            input_names=["input"],
            output_names=["output"],
            dynamic_shapes=(dynamic,),
            dynamo=True,
            external_data=False,
            verbose=False,
        )


@torch.no_grad()
def _difference(session: Any, network: nn.Module, channels: int, size: tuple[int, int]) -> float:
    picture = torch.rand(1, channels, *size, generator=torch.Generator().manual_seed(0))
    name = session.get_inputs()[0].name
    found: Tensor = torch.from_numpy(session.run(None, {name: picture.numpy()})[0])
    return float((found - network(picture)).abs().max())


def _required(package: str) -> Any:
    try:
        return import_module(package)
    except ImportError as error:
        raise MissingError(
            f"ONNX needs {package}: pip install onnx onnxscript onnxruntime"
        ) from error
