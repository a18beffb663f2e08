"""The commands of training: `train`, `resume`, `pause`, and `estimate` for a training."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from typing import Any

from ..detect import load_family_of
from ..engine import Engine
from ..errors import EngineError
from ..job import End, Job
from ..params import Fields
from ..tensors import open_source
from ..wire import Events
from .estimate import estimate_train
from .jobs import Paused, TrainJob
from .params import TrainParams
from .read import read_base, read_train
from .run import run_train


class TrainCommands:
    """The part of the server that knows of training. What it stands on is the server's."""

    engine: Engine
    _events: Events
    _jobs: dict[str, Job]
    _ack: Callable[[dict[str, Any]], None]
    _later: Callable[..., None]
    _new_job_id: Callable[[dict[str, Any]], str]

    def _on_train(self, message: dict[str, Any]) -> None:
        self._train(message, None)

    def _on_resume(self, message: dict[str, Any]) -> None:
        """`train` with a state: the same parameters, and `state.file` in the root `job`."""
        state = Fields(message.get("p"), "p").inner("state").text("file")
        self.engine.roots.find("job", state, "p.state.file")
        self._train(message, state)

    def _on_pause(self, message: dict[str, Any]) -> None:
        job = self._jobs.get(str(message.get("job")))
        if job is None:
            raise EngineError("bad_params", "There is no such job here.", "job")
        if not isinstance(job, TrainJob):
            raise EngineError("unsupported", "Only a training can be paused; cancel a generation.", "job")
        job.release = Fields(message, "pause").flag("release", False)
        job.pause.set()
        self._ack(message)

    def _estimate_train(self, message: dict[str, Any]) -> None:
        """On a thread of its own, so that it is answered while a job runs."""
        params = self._read_train(message)
        self._ack(message)

        def answer() -> None:
            self._events.send("estimate", id=message["id"], task="train", **estimate_train(self.engine, params))

        threading.Thread(target=answer, name="estimate", daemon=True).start()

    def _read_train(self, message: dict[str, Any]) -> TrainParams:
        """Looks at the header of the base, since the defaults hang on its family."""
        base = read_base(message.get("p"))
        path = self.engine.roots.find_model(base.file, "p.base.file")
        return read_train(message.get("p"), base, load_family_of(open_source(path).header, self.engine.test_families))

    def _train(self, message: dict[str, Any], state_file: str | None) -> None:
        id = self._new_job_id(message)
        params = self._read_train(message)
        self.engine.roots.folder("job")
        job = TrainJob(id, self._events)
        self._jobs[id] = job
        started = time.monotonic()

        def run() -> End:
            try:
                train = run_train(self.engine, job, params, state_file)
            except Paused as paused:
                facts = {"state": paused.state, "step": paused.step, "epoch": paused.epoch}
            else:
                return "result", {"train": train, "ms": round((time.monotonic() - started) * 1000)}
            if job.release:
                # After the exception is gone, whose frames held the model.
                gc.collect()
                self.engine.cache.drop_all_but()
            return "paused", {**facts, "released": job.release}

        self._later(message, run, job)
