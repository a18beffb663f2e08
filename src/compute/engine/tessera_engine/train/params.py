"""The parameters of `train` after they were read: every field has its value, from the person or from the preset."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

from ..params import FileRef

OPTIMIZERS = ("adamw", "adamw8bit", "adafactor", "prodigy")
LR_SCHEDULES = ("constant", "cosine", "cosine_restarts", "linear")
PRECISIONS = ("bf16", "fp16", "fp32")
MAX_STEPS = 10_000


@dataclass(frozen=True)
class Item:
    #: Relative to the root `job`.
    file: str
    caption: str
    repeats: int


@dataclass(frozen=True)
class Dataset:
    items: tuple[Item, ...]
    trigger: str
    #: "tags" are separated by commas, a "sentence" is taken whole.
    caption_mode: str


@dataclass(frozen=True)
class BucketRules:
    enable: bool
    step: int
    min: int
    max: int
    no_upscale: bool


@dataclass(frozen=True)
class Samples:
    prompts: tuple[str, ...]
    negative: str
    every_epochs: int
    steps: int
    cfg: float
    sampler: str
    seed: int
    w: int
    h: int


@dataclass(frozen=True)
class Save:
    every_epochs: int
    #: Older epochs are deleted beyond this many.
    keep: int
    dtype: str


@dataclass(frozen=True)
class TrainParams:
    base: FileRef
    family: str
    preset: str
    #: What the LoRA is called in its metadata: letters, digits, _ . and -.
    name: str
    #: A LoRA of the same ranks in the root `job`, for instance an epoch of another training, to learn on from.
    start_from: FileRef | None
    dataset: Dataset
    resolution: int
    bucket: BucketRules
    epochs: int
    max_steps: int | None
    batch: int
    grad_accum: int
    rank: int
    alpha: float
    conv_rank: int
    conv_alpha: float
    unet_lr: float
    te_lr: float
    optimizer: str
    weight_decay: float
    lr_schedule: str
    lr_warmup: int
    lr_cycles: int
    min_snr_gamma: float
    noise_offset: float
    flip: bool
    shuffle_tags: bool
    keep_tokens: int
    caption_dropout: float
    clip_skip: int
    precision: str
    grad_checkpoint: bool
    cache_latents: bool
    cache_text: bool
    seed: int
    samples: Samples
    save: Save
    state_every_s: float
    #: For the header of the file: title, author, license, description, tags, usage_hint, comment; and the node's own.
    metadata: dict[str, str]
    own_metadata: dict[str, str]

    @property
    def images_per_epoch(self) -> int:
        return sum(item.repeats for item in self.dataset.items)

    @property
    def steps_per_epoch(self) -> int:
        """ceil(Σ repeats / batch / accum): each step sees batch × accum pictures, the last of an epoch the rest."""
        return -(-self.images_per_epoch // (self.batch * self.grad_accum))

    @property
    def total_steps(self) -> int:
        steps = self.steps_per_epoch * self.epochs
        return min(steps, self.max_steps) if self.max_steps else steps

    @property
    def trains_text(self) -> bool:
        return self.te_lr > 0

    def fingerprint(self) -> str:
        """What a state must share with the parameters to go on from it: all that changes the weights."""
        kept: dict[str, Any] = {k: v for k, v in asdict(self).items() if k not in _FREE}
        kept["base"] = self.base.sha256
        return hashlib.sha256(json.dumps(kept, sort_keys=True).encode("utf-8")).hexdigest()


#: May differ between a run and its resumption. `cache_latents` changes where numbers are kept, not which.
_FREE = frozenset({"name", "preset", "samples", "save", "state_every_s", "metadata", "own_metadata", "cache_latents"})
