"""Loss and speed of a run, for people to see."""

from __future__ import annotations

import math
from collections import deque

from torch import Tensor

from ..errors import EngineError
from .state import Position

EMA = 0.98


class Meter:
    def __init__(self, position: Position) -> None:
        self._position = position
        self._pending: tuple[int, Tensor] | None = None
        #: Of the last steps.
        self.seconds: deque[float] = deque(maxlen=50)

    @property
    def step_s(self) -> float:
        return sum(self.seconds) / max(1, len(self.seconds))

    def add(self, step: int, loss: Tensor, seconds: float) -> None:
        """Takes the loss of `step`, and looks at the one before: by then the GPU has it, and nobody waits."""
        self.read()
        self._pending = (step, loss)
        self._position.spent_s += seconds
        self.seconds.append(seconds)

    def read(self) -> None:
        """Looks at the loss that was taken last. Throws `nan_output`."""
        if self._pending is None:
            return
        (step, tensor), self._pending = self._pending, None
        loss = float(tensor)
        if not math.isfinite(loss):
            raise EngineError(
                "nan_output",
                f"The loss is no number any more at step {step}. Try a lower learning rate, or precision fp32.",
                step=step,
                partial=[file["file"] for file in self._position.files],
            )
        before = self._position.loss_ema
        self._position.loss_ema = loss if before is None else EMA * before + (1 - EMA) * loss
