"""Where a run comes from: who, when, where, and by which code. Imports no torch."""

import os
import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

DISTRIBUTION = "launch-recipes"
PACKAGES = (DISTRIBUTION, "torch", "lightning", "hydra-core", "numpy", "spandrel", "timm")


def here() -> dict[str, Any]:
    """Machine, commit and packages, which may be others when a run is resumed."""
    return {"host": platform.node(), "git": git_state(), "versions": versions()}


def person() -> str:
    """Who is at work; a container may know the number alone."""
    return os.environ.get("USER") or f"user {os.getuid()}"


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def versions() -> dict[str, str]:
    """Python and the packages that decide what a run computes."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def git_state() -> dict[str, Any] | None:
    """Commit of the current folder's checkout, and whether the tree differs from it, or None."""

    def git(*arguments: str) -> str:
        command = ["git", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.CalledProcessError):
        return None
