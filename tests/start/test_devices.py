"""A run that asks for GPUs which are not there is told before it starts."""

import ctypes

import pytest

from launch.errors import MissingError
from launch.start import devices


def asks(accelerator="gpu", number=1):
    return {"trainer": {"accelerator": accelerator, "devices": number}}


@pytest.mark.parametrize("accelerator", ["cpu", "auto", "mps"])
def test_nobody_looks_for_a_gpu_that_was_not_asked_for(monkeypatch, accelerator):
    monkeypatch.setattr(devices, "graphics_cards", lambda: pytest.fail("looked"))
    devices.require(asks(accelerator))


@pytest.mark.parametrize("cpu_build, why", [(True, "without CUDA"), (False, "no driver answers")])
def test_without_any_it_says_why_and_what_to_type(monkeypatch, cpu_build, why):
    monkeypatch.setattr(devices, "graphics_cards", lambda: 0)
    monkeypatch.setattr(devices, "is_cpu_build", lambda: cpu_build)
    with pytest.raises(MissingError, match=f"{why}.*trainer=cpu"):
        devices.require(asks())


def test_too_few_are_told_with_their_number(monkeypatch):
    monkeypatch.setattr(devices, "graphics_cards", lambda: 2)
    devices.require(asks(number=2))
    devices.require(asks(number="auto"))
    with pytest.raises(MissingError, match=r"has 2; type trainer\.devices=2"):
        devices.require(asks("cuda", number=4))


class Driver:
    """Counts three cards, or fails with a code."""

    def __init__(self, code=0):
        self.code = code

    def cuInit(self, flags):  # noqa: N802 - the driver's name
        return self.code

    def cuDeviceGetCount(self, count):  # noqa: N802 - the driver's name
        count._obj.value = 3
        return 0


@pytest.mark.parametrize("code, cards", [(0, 3), (100, 0)])
def test_the_driver_counts(monkeypatch, code, cards):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: Driver(code))
    assert devices.of_nvidia() == cards


def test_without_a_driver_there_are_none(monkeypatch):
    def absent(name):
        raise OSError(name)

    monkeypatch.setattr(ctypes, "CDLL", absent)
    assert devices.of_nvidia() == 0


def test_a_build_of_torch_for_processors_sees_none(monkeypatch):
    monkeypatch.setattr(devices, "version", lambda package: "2.9.0+cpu")
    monkeypatch.setattr(devices.sys, "platform", "linux")
    assert devices.graphics_cards() == 0
