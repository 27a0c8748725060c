"""Whether this machine has the devices that a run asks for. Imports no torch."""

import ctypes
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from launch.errors import MissingError


def require(config: dict[str, Any]) -> None:
    """
    Raises:
        MissingError: if a run asks for GPUs that torch would not find here.
    """
    trainer = config["trainer"]
    if trainer["accelerator"] not in ("gpu", "cuda"):
        return
    found, wanted = graphics_cards(), trainer["devices"]
    instead = "type trainer=cpu, or trainer=auto, which takes a GPU where there is one"
    if found == 0:
        why = "torch is built without CUDA" if is_cpu_build() else "no driver answers"
        raise MissingError(
            f"trainer.accelerator={trainer['accelerator']}: no GPU is here ({why}); {instead}"
        )
    if isinstance(wanted, int) and wanted > found:
        raise MissingError(
            f"trainer.devices={wanted}: this machine has {found}; type trainer.devices={found}"
        )


def graphics_cards() -> int:
    """How many GPUs torch would find, CUDA_VISIBLE_DEVICES included."""
    if sys.platform == "darwin":
        return int(platform.machine() == "arm64")
    if is_cpu_build():
        return 0
    return len([*Path("/sys/class/kfd/kfd/topology/nodes").glob("*/mem_banks/0")]) or of_nvidia()


def of_nvidia() -> int:
    """What the driver counts, without making a context on any of them."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def is_cpu_build() -> bool:
    return version("torch").endswith("+cpu")
