"""What follows from a finished configuration, for those who plan, check or build it. No torch."""

from typing import Any

from launch.errors import ConfigError
from launch.record import targets

Config = dict[str, Any]


def expanded(config: Config) -> Config:
    """The configuration with what `expand:` adds to it, such as weights that follow from stages.

    It is computed where it is needed and never written back: `config.yaml` stays what Hydra said.

    Raises:
        ConfigError: if there is no such function, or from the function.
    """
    node = config.get("expand")
    if not node:
        return config
    if not isinstance(node, dict):
        raise ConfigError(f"expand: is {{_target_: function, ...}}, got {node!r}")
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    try:
        function = targets.located(str(node.get("_target_")))
    except ConfigError as error:
        raise ConfigError(f"expand: {error.message}") from error
    return function(config, **arguments)
