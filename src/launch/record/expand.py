"""What follows from a finished configuration, for those who plan, check or build it. No torch."""

from importlib import import_module
from typing import Any

from launch.errors import ConfigError

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
    arguments = {key: value for key, value in node.items() if key != "_target_"}
    module, _, name = str(node.get("_target_")).rpartition(".")
    try:
        function = getattr(import_module(module), name)
    except (ImportError, ValueError, AttributeError) as error:
        raise ConfigError(f"expand: there is no function {module}.{name}: {error}") from error
    return function(config, **arguments)
