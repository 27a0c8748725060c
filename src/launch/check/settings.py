"""The settings that all experiments share, as types: every key, its kind and its range.

`module`, `data`, losses, masks and loggers are not here, because the signature of what they name is
their schema. These are read in the same way.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, Literal

from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from launch.check.nodes import node
from launch.check.problem import Problem
from launch.composition.typed import GROUPS

Node = dict[str, Any]
Precision = Literal["32-true", "16-mixed", "bf16-mixed"]
Strategy = Literal[
    "auto", "fsdp2", "ddp", "ddp_find_unused_parameters_true", "ddp_find_unused_parameters_false"
]
Autocast = Literal["bf16", "bfloat16", "fp16", "float16", "fp32", "float32", "none"]
Work = Literal["train", "validate", "predict", "calibrate", "inspect", "export"]
Show = Literal["plan", "runs", "report", "watch", "cancel"]
"""Tasks that run nothing."""


@dataclass
class Trainer:
    """How long and on what; one of the two maxima is null.

    Weights are in float32. In half precision (`bf16-true`, `16-true`) an update of less than 0.4 %
    of a weight may be lost, so that averages stand still and small rates train nothing; in double
    precision recipes, which make floats of bytes, would be float32 in part, without a word.

    `fsdp2` shares networks among the ranks and writes whole tensors into checkpoints (see
    `launch.train.sharding`), which averages and exports read; other ways to shard do not.
    """

    max_iterations: PositiveInt | None
    max_epochs: PositiveInt | None
    validate_every: PositiveInt | None
    log_every: PositiveInt
    checkpoint_every: PositiveInt
    image_every: PositiveInt
    mask_every: PositiveInt
    accumulate: PositiveInt
    gradient_clip: PositiveFloat | None
    precision: Precision | Autocast | Literal[16, 32]
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"]
    devices: PositiveInt | Literal[-1, "auto"] | list[NonNegativeInt]
    strategy: Strategy
    threads: Annotated[int, Field(gt=0, le=1024)] | None
    fused: bool = True
    tf32: bool = False
    cudnn_benchmark: bool = False
    channels_last: bool = False
    compile: bool = False
    activation_checkpointing: list[str] | None = None
    prefetch: PositiveInt = 2
    keep_optimizer: bool = True
    loader_timeout: NonNegativeInt = 0
    stop_within: PositiveInt = 90
    profiler: Literal["simple", "advanced", "pytorch"] | None = None
    num_nodes: PositiveInt = 1


@dataclass
class EMA:
    """Which sub-modules are averaged, and how slowly."""

    modules: Annotated[list[str], Field(min_length=1)]
    decay: Annotated[float, Field(ge=0, lt=1)]
    warmup: bool = True


@dataclass
class Trainable:
    """Patterns over parameter names; see `launch.train.trainable_parts`."""

    freeze: list[str] | None = None
    train: list[str] | None = None
    norm_only: bool = False


@dataclass
class MainMetric:
    """The validation metric that chooses the best checkpoint."""

    name: str
    mode: Literal["min", "max"]


@dataclass
class Plan:
    """What task=plan shows besides the schedules."""

    at: list[NonNegativeInt]


@dataclass
class Root:
    """All keys of a composed configuration."""

    trainer: Node
    task: Work | Show = "train"
    name: str | None = None
    scale: str = "demo"
    seed: Annotated[int, Field(ge=0, lt=4294967296)] = 0
    run_dir: str | None = None
    runs: str = "runs"
    from_: str | None = None
    extend: bool = False
    watch: bool = False
    needs: Literal["auto", "require", "none"] = "auto"
    accept: list[Literal["data", "batch"]] | None = None
    step: str | None = None
    input: str | None = None
    output: str | None = None
    debug: bool = False
    plan: Node | None = None
    predict: Node | None = None
    module: Node | None = None
    losses: dict[str, Node] | None = None
    masks: list[Node] | None = None
    ema: Node | None = None
    trainable: Node | None = None
    data: Node | None = None
    logger: dict[str, Node] | None = None
    callbacks: dict[str, Node] | None = None
    main_metric: Node | None = None
    expand: Node | None = None
    rungs: Any = None
    ladder: None = None
    study: None = None
    search: None = None


SECTIONS: dict[str, type] = {
    "": Root,
    "trainer": Trainer,
    "ema": EMA,
    "trainable": Trainable,
    "main_metric": MainMetric,
    "plan": Plan,
}


def keys(section: str = "") -> list[str]:
    """Names of the settings of a section, or of the root."""
    return [field.name.rstrip("_") for field in fields(SECTIONS[section])]


def problems(config: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with the settings of a configuration."""
    inner = [f"{section}.{key}" for section in SECTIONS if section for key in keys(section)]
    for section, schema in SECTIONS.items():
        given, others = (config.get(section), ()) if section else (config, [*inner, *GROUPS])
        if isinstance(given, dict):
            yield from node(
                section, f"{__name__}.{schema.__name__}", given, others=others, target_key=""
            )
