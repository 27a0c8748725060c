"""The package `garden` of the tests of `check`, which reads the same source files."""

from tests.check.conftest import garden  # noqa: F401 - a fixture
