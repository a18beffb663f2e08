"""What a run needs to go on from a step: the LoRA, the optimizer, and where it is. Chance needs nothing (see chance.py)."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from safetensors.torch import load_file
from torch import Tensor
from torch.optim import Optimizer

from ..engine import Engine
from ..errors import EngineError
from ..header import read_header
from .files import Written, write_tensors
from .layers import Lora
from .optimizers import load_state_tensors, state_tensors
from .params import TrainParams

KEY = "tessera.state"
FORMAT = 1


@dataclass
class Position:
    """Where a run is, and what it has learnt on the way about this machine."""

    #: Steps that are done.
    step: int = 0
    #: Whether the checkpoint and the samples of the epoch that ends here are done too.
    epoch_done: bool = False
    loss_ema: float | None = None
    best_epoch: int | None = None
    best_loss: float | None = None
    started_at: float = 0.0
    spent_s: float = 0.0
    #: What the ladder has come to: pictures at once, checkpointing, the optimizer.
    micro_batch: int = 0
    grad_checkpoint: bool = False
    optimizer: str = ""
    scaler: dict[str, Any] | None = None
    #: LoRA files of this run that are still there, as `files` of the result has them.
    files: list[dict[str, Any]] = field(default_factory=list)


def save_state(folder: Path, job_id: str, params: TrainParams, position: Position, lora: Lora, optimizer: Optimizer) -> Written:
    tensors: dict[str, Tensor] = {}
    for key, layer in lora.layers.items():
        tensors |= {f"lora.{key}.down": layer.down.detach(), f"lora.{key}.up": layer.up.detach()}
    tensors |= {f"optimizer.{name}": value for name, value in state_tensors(optimizer).items()}
    # Some of an optimizer's tensors share their memory, which the format does not allow.
    tensors = {name: value.detach().to("cpu", copy=True).contiguous() for name, value in tensors.items()}
    facts = {"format": FORMAT, "fingerprint": params.fingerprint(), "position": asdict(position)}
    return write_tensors(folder, f"{job_id}-state-{position.step:05d}", tensors, {KEY: json.dumps(facts)})


def read_position(path: Path, params: TrainParams, where: str) -> Position:
    """Throws `bad_params` when the state is of another run, `model_invalid` when it is none."""
    text = read_header(path).metadata.get(KEY)
    if text is None:
        raise EngineError("model_invalid", "This file is no state of a training.", where)
    try:
        facts = json.loads(text)
        if facts["format"] != FORMAT:
            raise EngineError("unsupported", "This state was written by another version of the engine.", where)
        position = Position(**facts["position"])
        fingerprint = facts["fingerprint"]
    except (ValueError, KeyError, TypeError) as error:
        raise EngineError("model_invalid", "The position in this state is damaged.", where) from error
    if fingerprint != params.fingerprint():
        raise EngineError("bad_params", "This state belongs to a training with other parameters.", where)
    return position


def load_state(path: Path, lora: Lora, optimizer: Optimizer, where: str) -> None:
    tensors = load_file(path)
    for key, layer in lora.layers.items():
        down, up = tensors.get(f"lora.{key}.down"), tensors.get(f"lora.{key}.up")
        if down is None or up is None or down.shape != layer.down.shape or up.shape != layer.up.shape:
            raise EngineError("model_invalid", f"The state lacks {key}.", where)
        lora.load(key, down, up)
    prefix = "optimizer."
    try:
        load_state_tensors(optimizer, {n.removeprefix(prefix): v for n, v in tensors.items() if n.startswith(prefix)})
    except (ValueError, IndexError) as error:
        raise EngineError("model_invalid", "The optimizer in this state is damaged.", where) from error


@dataclass(frozen=True)
class Resumed:
    file: str
    path: Path
    position: Position

    @staticmethod
    def read(engine: Engine, params: TrainParams, file: str) -> Resumed:
        path = engine.roots.find("job", file, "p.state.file")
        return Resumed(file, path, read_position(path, params, "p.state.file"))


class StateKeeper:
    """The last states of a run on disk; older ones are deleted."""

    KEPT = 2

    def __init__(self, folder: Path, job_id: str, params: TrainParams, resumed: str | None) -> None:
        self._folder, self._job_id, self._params = folder, job_id, params
        self._names = [resumed] if resumed else []
        self._saved_at = time.monotonic()

    @property
    def last(self) -> str | None:
        return self._names[-1] if self._names else None

    @property
    def is_due(self) -> bool:
        return time.monotonic() - self._saved_at >= self._params.state_every_s

    def save(self, position: Position, lora: Lora, optimizer: Optimizer) -> Written:
        written = save_state(self._folder, self._job_id, self._params, position, lora, optimizer)
        if written.name not in self._names:
            self._names.append(written.name)
        while len(self._names) > self.KEPT:
            (self._folder / self._names.pop(0)).unlink(missing_ok=True)
        self._saved_at = time.monotonic()
        return written
