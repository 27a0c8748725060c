import subprocess
import sys

import pytest

from launch.errors import ConfigError, LaunchError, MissingError, NonFiniteError, nearest


@pytest.mark.parametrize(
    ("error", "exit_code"),
    [
        (LaunchError("broke"), 1),
        (LaunchError("gate stayed closed", 4), 4),
        (ConfigError("no such key"), 2),
        (MissingError("no such folder"), 3),
        (NonFiniteError("gan", 300, float("nan")), 1),
    ],
)
def test_each_kind_has_its_exit_code(error: LaunchError, exit_code: int):
    assert error.exit_code == exit_code
    assert str(error) == error.message


def test_a_non_finite_term_is_named_with_its_iteration():
    message = NonFiniteError("gan", 300, float("nan")).message
    assert "'gan' was nan at iteration 300" in message


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("charbonier", " Did you mean 'charbonnier'?"),
        ("ssmi", " Did you mean 'ssim' or 'mssim'?"),
        ("zebra", ""),
    ],
)
def test_nearest_offers_at_most_two_names(name: str, sentence: str):
    assert nearest(name, ["l1", "mssim", "ssim", "charbonnier"]) == sentence


def test_importing_errors_does_not_import_torch():
    code = "import sys, launch.errors; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
