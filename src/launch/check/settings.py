"""The settings that all experiments share, as types: every key, its kind and its range.

`module`, `data`, losses, masks and loggers are not here, because the signature of what they name is
their schema.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, PositiveFloat, PositiveInt

Node = dict[str, Any]
Precision = Literal["32-true", "16-mixed", "bf16-mixed", "16-true", "bf16-true", "64-true"]
Autocast = Literal["bf16", "bfloat16", "fp16", "float16", "fp32", "float32", "none"]
Task = Literal[
    "train", "validate", "predict", "calibrate", "inspect", "export", "plan", "report", "runs"
]


class Section(BaseModel):
    """A mapping with exactly these keys; 1 is a number, but "1" and `true` are not."""

    model_config = ConfigDict(extra="forbid", strict=True)


class Trainer(Section):
    """How long and on what; one of the two maxima is null."""

    max_iterations: PositiveInt | None
    max_epochs: PositiveInt | None
    validate_every: PositiveInt | None
    log_every: PositiveInt
    checkpoint_every: PositiveInt
    image_every: PositiveInt
    mask_every: PositiveInt
    accumulate: PositiveInt
    gradient_clip: PositiveFloat | None
    precision: Precision | Autocast | Literal[16, 32, 64]
    accelerator: Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"]
    devices: PositiveInt | Literal[-1, "auto"] | list[NonNegativeInt]
    strategy: str
    threads: PositiveInt | None
    fused: bool = True
    tf32: bool = False
    cudnn_benchmark: bool = False
    channels_last: bool = False
    compile: bool = False
    activation_checkpointing: list[str] | None = None
    prefetch: PositiveInt = 2
    profiler: Literal["simple", "advanced", "pytorch"] | None = None


class EMA(Section):
    """Which sub-modules are averaged, and how slowly."""

    modules: Annotated[list[str], Field(min_length=1)]
    decay: Annotated[float, Field(ge=0, lt=1)]
    warmup: bool = True


class Trainable(Section):
    """Patterns over parameter names; see `launch.train.trainable_parts`."""

    freeze: list[str] | None = None
    train: list[str] | None = None
    norm_only: bool = False


class MainMetric(Section):
    """The validation metric that chooses the best checkpoint."""

    name: str
    mode: Literal["min", "max"]


class Plan(Section):
    """What task=plan shows besides the schedules."""

    at: list[NonNegativeInt] = []


class Root(Section):
    """All keys of a composed configuration."""

    task: Task = "train"
    name: str | None = None
    scale: str = "demo"
    seed: NonNegativeInt = 0
    run_dir: str | None = None
    runs: str = "runs"
    from_: str | None = Field(default=None, alias="from")
    extend: bool = False
    watch: bool = False
    needs: Literal["auto", "require", "none"] = "auto"
    input: str | None = None
    output: str | None = None
    debug: bool = False
    plan: Plan = Plan()
    predict: Node = {}
    module: Node | None = None
    losses: dict[str, Node] = {}
    masks: list[Node] = []
    ema: EMA | None = None
    trainable: Trainable | None = None
    data: Node | None = None
    trainer: Trainer
    logger: dict[str, Node] | None = None
    callbacks: dict[str, Node] = {}
    main_metric: MainMetric | None = None
    expand: Node | None = None
    rungs: Any = None
    ladder: None = None
    study: None = None


SECTIONS: dict[str, type[Section]] = {
    "trainer": Trainer,
    "ema": EMA,
    "trainable": Trainable,
    "main_metric": MainMetric,
    "plan": Plan,
}


def keys(section: str = "") -> set[str]:
    """Names of the settings of a section, or of the root."""
    model = SECTIONS[section] if section else Root
    return {field.alias or name for name, field in model.model_fields.items()}
