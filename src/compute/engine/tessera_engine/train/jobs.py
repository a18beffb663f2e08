"""A training as a job: it can be paused, and it makes pictures now and then."""

from __future__ import annotations

import threading
from typing import Any

from ..job import Job
from ..wire import Events


class Paused(Exception):
    """The training stopped where it was asked to. `state`: the file to go on from; None when nothing was learnt yet."""

    def __init__(self, state: str | None, step: int, epoch: int) -> None:
        super().__init__("paused")
        self.state, self.step, self.epoch = state, step, epoch


class TrainJob(Job):
    def __init__(self, id: str, events: Events) -> None:
        super().__init__(id, events)
        self.pause = threading.Event()
        #: Whether the pause also gives the memory back.
        self.release = False

    def send(self, kind: str, /, **fields: Any) -> None:
        self._events.send(kind, job=self.id, **fields)


class SampleJob(Job):
    """One sample picture: its phases are those of the training's `sample`, and it has no previews."""

    def __init__(self, outer: TrainJob, stem: str, index: int, total: int) -> None:
        super().__init__(stem, outer._events)
        self.cancelled = outer.cancelled
        self._outer, self._index, self._total = outer, index, total

    def phase(self, name: str, step: int, total: int, **fields: Any) -> None:
        self._outer.phase("sample", self._index, self._total)

    def warn(self, code: str, text: str, images: list[int] | None = None) -> None:
        self._outer.warn(code, text)

    def preview(self, *_args: object, **_fields: object) -> None:
        pass
