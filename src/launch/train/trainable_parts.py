"""Which parameters train: freeze by name, or norms only; and which share of all that is."""

from collections import Counter
from collections.abc import Mapping
from fnmatch import fnmatchcase

from torch.nn import Parameter

from launch.errors import ConfigError, nearest
from launch.train.module import NORMS, ScheduledModule


def apply(
    module: ScheduledModule,
    freeze: list[str] | None = None,
    train: list[str] | None = None,
    norm_only: bool = False,
) -> None:
    """Set `requires_grad`: first `norm_only`, then `freeze`, then `train`; the later wins.

    Patterns are shell-style over parameter names (`network.body.*`). What has no parameter
    left to train stays in evaluation mode through `.train()`: no dropout, no drifting statistics.
    A module whose parameters are made when its data is known has none to choose from yet.

    Raises:
        ConfigError: for a pattern that matches no parameter, or if nothing is left to train.
    """
    names = dict(module.named_parameters())
    if norm_only:
        norms = {
            id(p) for m in module.modules() if isinstance(m, NORMS) for p in m.parameters(False)
        }
        for parameter in names.values():
            parameter.requires_grad_(id(parameter) in norms)
    for patterns, value in ((freeze or [], False), (train or [], True)):
        for pattern in patterns:
            _set(names, pattern, value)
    if names and not module.trainable_parameters():
        raise ConfigError(f"trainable leaves nothing to train in {type(module).__name__}")
    module.train(module.training)


def share(module: ScheduledModule) -> float | None:
    """Share of the parameters that train, None if there are none yet.

    Counted are the direct parts of the module in which any trains: what stands still as a whole,
    such as a frozen network that another one is conditioned by, is left out.
    """
    whole, training = Counter[str](), Counter[str]()
    for name, parameter in module.named_parameters():
        part = name.partition(".")[0]
        whole[part] += parameter.numel()
        training[part] += parameter.numel() * parameter.requires_grad
    return training.total() / sum(whole[part] for part in +training) if +training else None


def _set(parameters: Mapping[str, Parameter], pattern: str, value: bool) -> None:
    matches = [name for name in parameters if fnmatchcase(name, pattern)]
    if not matches:
        raise ConfigError(
            f"trainable: no parameter matches {pattern!r}.{nearest(pattern, parameters)}"
        )
    for name in matches:
        parameters[name].requires_grad_(value)
