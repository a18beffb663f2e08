"""Starts the engine as the supervisor does, and speaks protocol 1 with it."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[3]
ENGINE = ROOT / "src" / "compute" / "engine"
FIXTURES = ROOT / "test" / "fixtures"


class Client:
    def __init__(self, command: list[str] | None = None) -> None:
        read_end, write_end = os.pipe()
        env = {**os.environ, "PYTHONPATH": str(ENGINE), "TESSERA_EVENTS_FD": str(write_end), "PYTHONUNBUFFERED": "1"}
        self.process = subprocess.Popen(
            command or [sys.executable, "-m", "tessera_engine"],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, pass_fds=[write_end], env=env, cwd=ENGINE,
        )  # fmt: skip
        os.close(write_end)
        self.events: queue.Queue[dict[str, Any]] = queue.Queue()
        self.seen: list[dict[str, Any]] = []
        self._id = 0
        threading.Thread(target=self._read, args=(read_end,), daemon=True).start()

    def _read(self, fd: int) -> None:
        with open(fd, encoding="utf-8") as lines:
            for line in lines:
                self.events.put(json.loads(line))
        self.events.put({"t": "end"})

    def raw(self, data: bytes) -> None:
        assert self.process.stdin
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def send(self, kind: str, **fields: Any) -> int:
        self._id += 1
        self.raw(json.dumps({"v": 1, "t": kind, "id": self._id, **fields}).encode() + b"\n")
        return self._id

    def wait(self, *kinds: str, timeout: float = 60, **match: Any) -> dict[str, Any]:
        """The next event of one of these types whose fields match; others are kept in `seen`."""
        deadline = time.monotonic() + timeout
        while True:
            if time.monotonic() > deadline:
                raise AssertionError(f"no {kinds} with {match} in {timeout} s; last events: {self.seen[-5:]}")
            event = self.events.get(timeout=timeout)
            self.seen.append(event)
            if event["t"] in kinds and all(event.get(k) == v for k, v in match.items()):
                return event
            if event["t"] == "end":
                raise AssertionError(f"the engine ended; last events: {self.seen[-5:]}")

    def generate(self, **params: Any) -> str:
        job = str(uuid.uuid4())
        self.send("generate", job=job, p=params)
        return job

    def result(self, **params: Any) -> dict[str, Any]:
        """Runs a job to its end; the `result` or `error` or `cancelled`."""
        job = self.generate(**params)
        return self.wait("result", "error", "cancelled", job=job)

    def close(self) -> None:
        if self.process.stdin:
            with contextlib.suppress(OSError):
                self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@contextlib.contextmanager
def started(folder: Path, **configure: Any) -> Iterator[Client]:
    """A configured engine whose models and LoRAs are the fixtures, and whose job folder is `folder`."""
    client = Client()
    try:
        client.wait("hello")
        roots = {"models": str(FIXTURES), "loras": str(FIXTURES), "job": str(folder)}
        client.send("configure", **{"roots": roots, "test_families": True, "heartbeat_s": 0.2, **configure})
        client.wait("ready")
        yield client
    finally:
        client.close()
