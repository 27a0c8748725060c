"""What follows from a configuration by a function that it names."""

import pytest

from launch.errors import ConfigError
from launch.record.expand import expanded


def test_without_it_the_configuration_stays_as_it_is():
    assert expanded({"seed": 1}) == {"seed": 1}


def test_the_function_gets_the_configuration_and_its_arguments():
    stages = {"stages": {"only": {"steps": 7}}}
    node = {"_target_": "launch.experiments.winding.expansion.expand", "stages": stages}
    given = {"trainer": {"max_iterations": None}, "expand": node | {"stages_file": None}}
    assert expanded(given)["trainer"]["max_iterations"] == 7
    assert given["trainer"]["max_iterations"] is None  # never written back


@pytest.mark.parametrize(
    ("node", "said"),
    [("stages", "expand: is {_target_: function"), ({"_target_": "os.system"}, "not allowed")],
)
def test_what_is_no_function_of_ours(node, said):
    with pytest.raises(ConfigError, match=said):
        expanded({"expand": node})
