"""A job in progress: its cancel flag, its phase, and what it tells the supervisor."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from torch import Tensor

from .errors import Cancelled
from .wire import Events

#: The event that ends a job: its type and what it says, the job's name left out.
End = tuple[str, dict[str, Any]]


class Job:
    def __init__(self, id: str, events: Events) -> None:
        self.id = id
        self.cancelled = threading.Event()
        #: Files that are finished and whole.
        self.partial: list[str] = []
        self.current_phase = "queued_local"
        self.step = 0
        self._events = events
        self._last_preview = 0.0

    def check(self) -> None:
        """Throws `Cancelled` if the flag is up. Called before each evaluation of a model and each tensor that is read."""
        if self.cancelled.is_set():
            raise Cancelled

    def phase(self, name: str, step: int, total: int, **fields: Any) -> None:
        self.check()
        self.current_phase, self.step = name, step
        self._events.progress(self.id, name, step, total, **fields)

    def warn(self, code: str, text: str, images: list[int] | None = None) -> None:
        """`images`: those that it is about, where it is not about all of them."""
        self._events.warn(self.id, code, text, images)

    def preview(self, start: int, count: int, step: int, latents: Callable[[], Tensor], render: Callable[[Tensor], str]) -> None:
        """Previews of the images of a batch, at most one round a second."""
        now = time.monotonic()
        if now - self._last_preview < 1.0:
            return
        self._last_preview = now
        rows = latents()
        # One image a round in large batches would make the others wait; four keep the wire under 200 KiB a second.
        for i in range(min(count, 4)):
            self._events.send("preview", job=self.id, index=start + i, step=step, webp=render(rows[i]))
