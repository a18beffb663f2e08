"""The process: a reader thread that answers at once, the main thread that works, and a heartbeat.

Work is done one command at a time, in the order in which it came; `cancel` and `ping` overtake it.
"""

from __future__ import annotations

import os
import queue
import re
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .captioner.commands import CaptionCommands
from .detect import inspect_file, load_family_of
from .device import describe_device, is_broken_gpu, is_out_of_memory, memory_use
from .engine import Engine
from .errors import Cancelled, EngineError, disk_error
from .generate import run_generate
from .job import End, Job
from .merge.commands import MergeCommands
from .params import Fields, FileRef, read_generate
from .tensors import open_source
from .train.commands import TrainCommands
from .versions import versions
from .warm import read_warm, warm_up
from .wire import BadLine, Events, parse, split_lines

HEARTBEAT_S = 2.0
_JOB_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Work:
    """`run` gives back the event that ends its job; a command without a job sends its own answer."""

    id: int
    job: Job | None
    run: Callable[[], End | None]


def hello_fields(engine: Engine) -> dict[str, Any]:
    return {**versions(), "device": describe_device(), "caps": engine.caps()}


class Server(TrainCommands, CaptionCommands, MergeCommands):
    def __init__(self, stdin_fd: int, events: Events) -> None:
        self.engine = Engine()
        self._stdin_fd = stdin_fd
        self._events = events
        self._work: queue.SimpleQueue[Work | None] = queue.SimpleQueue()
        self._jobs: dict[str, Job] = {}
        self._running: Job | None = None
        self._heartbeat_s = HEARTBEAT_S
        self._stopped = threading.Event()

    def serve(self) -> int:
        """Until `shutdown` or the end of stdin. The exit status: 0, or 70 when the GPU is lost."""
        self._events.send("hello", **hello_fields(self.engine))
        threading.Thread(target=self._read, name="reader", daemon=True).start()
        threading.Thread(target=self._beat, name="heartbeat", daemon=True).start()
        status = 0
        while status == 0 and (work := self._work.get()) is not None:
            status = self._do(work)
        self._stopped.set()
        self._events.send("bye", reason="gpu_lost" if status else "shutdown")
        return status

    def _do(self, work: Work) -> int:
        """What ends a job is told when the job is gone: who hears it may configure at once. The exit status, 0 to go on."""
        self._running = work.job
        end = self._run(work)
        self._running = None
        if work.job:
            self._jobs.pop(work.job.id, None)
        if end is None:
            return 0
        kind, fields = end
        self._events.send(kind, **({"job": work.job.id} if work.job else {"id": work.id}), **fields)
        return 70 if fields.get("fatal") else 0

    def _run(self, work: Work) -> End | None:
        try:
            return work.run()
        except Cancelled:
            return "cancelled", {"partial": work.job.partial if work.job else []}
        except EngineError as error:
            return "error", error.fields()
        except OSError as error:
            return "error", disk_error(error).fields()
        except Exception as error:
            traceback.print_exc()
            return "error", self._fault(error).fields()

    def _fault(self, error: Exception) -> EngineError:
        if is_broken_gpu(error):
            return EngineError("gpu_lost", "The GPU stopped answering.")
        if is_out_of_memory(error):
            return EngineError("oom_vram" if self.engine.device.is_cuda else "oom_ram", "There is not enough memory.")
        return EngineError("internal", f"{type(error).__name__}: {error}"[:500])

    def _beat(self) -> None:
        while not self._stopped.wait(self._heartbeat_s):
            job = self._running
            state = {"job": job.id, "phase": job.current_phase, "step": job.step} if job else {"phase": "idle", "step": 0}
            self._events.send("hb", **state, **memory_use())

    def _read(self) -> None:
        for line in split_lines(self._stdin_fd):
            try:
                if isinstance(line, BadLine):
                    raise line
                if line.strip():
                    self._take(parse(line))
            except BadLine as error:
                self._events.send("error", **EngineError("bad_message", str(error)).fields())
        self._stop(0)  # the supervisor is gone

    def _take(self, message: dict[str, Any]) -> None:
        kind, id = message["t"], message["id"]
        handler = getattr(self, f"_on_{kind}", None) if re.fullmatch("[a-z]+", kind) else None
        try:
            if handler is None:
                raise EngineError("bad_message", f"There is no command {kind[:40]!r}.")
            handler(message)
        except EngineError as error:
            job = {"job": message["job"]} if isinstance(message.get("job"), str) else {}
            self._events.send("error", id=id, **job, **error.fields())

    def _ack(self, message: dict[str, Any]) -> None:
        self._events.send("ack", id=message["id"])

    def _later(self, message: dict[str, Any], run: Callable[[], End | None], job: Job | None = None) -> None:
        self._ack(message)
        self._work.put(Work(message["id"], job, run))

    def _on_configure(self, message: dict[str, Any]) -> None:
        if self._running:
            raise EngineError("bad_params", "A job is running; configure before or after.")
        beat = Fields(message, "configure").number("heartbeat_s", 0.05, 60, HEARTBEAT_S)
        wanted = read_warm(Fields(message, "configure"))
        started = time.monotonic()
        self.engine.configure(message)
        self._heartbeat_s = beat

        def ready() -> None:
            warm_up(self.engine, wanted, lambda code, text: self._events.warn(None, code, text))
            ms = round((time.monotonic() - started) * 1000)
            self._events.send("ready", warm=self.engine.cache.names(), ms=ms, caps=self.engine.caps())

        self._later(message, ready)

    def _on_ping(self, message: dict[str, Any]) -> None:
        self._ack(message)
        self._events.send("pong", id=message["id"], nonce=message.get("nonce"))

    def _on_inspect(self, message: dict[str, Any]) -> None:
        p = Fields(message.get("p", {}), "p")
        root = p.choice("root", ("models", "loras"), "models")
        find = self.engine.roots.find_model if root == "models" else partial(self.engine.roots.find, root)
        path = find(p.data.get("file"), "p.file")
        send = self._events.send
        self._later(message, lambda: send("report", id=message["id"], **inspect_file(path, self.engine.test_families)))

    def _on_load(self, message: dict[str, Any]) -> None:
        p = Fields(message.get("p", {}), "p").inner("model")
        ref, pin = FileRef(p.text("file"), p.sha256(), ""), p.flag("pin", False)
        self.engine.roots.find_model(ref.file, "p.model.file")

        def run() -> None:
            started = time.monotonic()
            model = self.engine.load_model(ref.file, ref.sha256, lambda: None, "p.model.file")
            if pin:
                self.engine.cache.pin(self.engine.key_of(model))
            ms = round((time.monotonic() - started) * 1000)
            self._events.send("loaded", id=message["id"], sha256=model.sha256, family=model.family.name,
                              bytes=model.total_bytes, ms=ms)  # fmt: skip

        self._later(message, run)

    def _on_unload(self, message: dict[str, Any]) -> None:
        p = Fields(message.get("p", {}), "p")
        wanted = p.text("model", "all", 100)

        def run() -> None:
            for name in self.engine.cache.names():
                if wanted == "all" or name.startswith(wanted):
                    self.engine.cache.drop(name)
            if wanted == "all":
                self.engine.cache.drop_all()
            self._events.send("unloaded", id=message["id"], warm=self.engine.cache.names())

        self._later(message, run)

    def _new_job_id(self, message: dict[str, Any]) -> str:
        id = message.get("job")
        if not isinstance(id, str) or not _JOB_ID.fullmatch(id):
            raise EngineError("bad_params", "A job is named by a UUID in lower case.", "job")
        if id in self._jobs:
            raise EngineError("bad_params", "This job is already here.", "job")
        return id

    def _on_generate(self, message: dict[str, Any]) -> None:
        id = self._new_job_id(message)
        params = read_generate(message.get("p"))
        self.engine.roots.folder("job")
        self.engine.roots.find_model(params.model.file, "p.model.file")
        job = Job(id, self._events)
        self._jobs[id] = job
        started = time.monotonic()

        def run() -> End:
            timings: dict[str, float] = {}
            images = run_generate(self.engine, job, params, timings)
            phases = {name: round(seconds * 1000) for name, seconds in timings.items()}
            return "result", {"images": images, "ms": round((time.monotonic() - started) * 1000), "phases_ms": phases}

        self._later(message, run, job)

    def _on_estimate(self, message: dict[str, Any]) -> None:
        """Answered at once, even while a job runs: nothing but a header is read."""
        if message.get("task") == "train":
            self._estimate_train(message)
            return
        params = read_generate(message.get("p"))
        path = self.engine.roots.find_model(params.model.file, "p.model.file")
        family = load_family_of(open_source(path).header, self.engine.test_families)
        self._ack(message)
        found = self.engine.speeds.estimate(params, family, self.engine.device)
        self._events.send("estimate", id=message["id"], task="generate", **found)

    def _on_cancel(self, message: dict[str, Any]) -> None:
        job = self._jobs.get(str(message.get("job")))
        if job is None:
            raise EngineError("bad_params", "There is no such job here.", "job")
        job.cancelled.set()
        self._ack(message)

    def _on_shutdown(self, message: dict[str, Any]) -> None:
        grace = Fields(message, "shutdown").number("grace_s", 0, 3600, 0)
        self._ack(message)
        self._stop(grace)

    def _stop(self, grace_s: float) -> None:
        """Ends after the work of the moment, or `grace_s` seconds from now, when it is cancelled."""

        def hurry() -> None:
            for job in list(self._jobs.values()):
                job.cancelled.set()

        self._work.put(None)
        if grace_s > 0:
            timer = threading.Timer(grace_s, hurry)
            timer.daemon = True
            timer.start()
        else:
            hurry()


def run_server() -> int:
    return Server(0, Events(int(os.environ.get("TESSERA_EVENTS_FD", "3")))).serve()
