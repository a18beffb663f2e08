"""Framing: UTF-8 JSON, one object a line, at most 1 MiB. After a line that is too long, the next newline is a fresh start."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Iterator
from typing import Any

MAX_LINE_BYTES = 1 << 20


class BadLine(Exception):
    """A line that is not a message; reading goes on with the next."""


def split_lines(fd: int) -> Iterator[bytes | BadLine]:
    """Lines of a file descriptor without their newline. A half line at the end of the stream is dropped."""
    buffer = bytearray()
    skipping = False
    while chunk := os.read(fd, 65536):
        start = 0
        while (end := chunk.find(b"\n", start)) >= 0:
            if skipping:
                skipping = False
            elif len(buffer) + end - start > MAX_LINE_BYTES:
                yield BadLine("A line is at most 1 MiB.")
            else:
                yield bytes(buffer) + chunk[start:end]
            buffer.clear()
            start = end + 1
        if not skipping:
            buffer += chunk[start:]
            if len(buffer) > MAX_LINE_BYTES:
                buffer.clear()
                skipping = True
                yield BadLine("A line is at most 1 MiB.")


def parse(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise BadLine(f"Not JSON: {error}") from error
    if not isinstance(message, dict) or not isinstance(message.get("t"), str):
        raise BadLine("A message is an object with a type t.")
    if message.get("v") != 1:
        raise BadLine("This engine speaks protocol 1.")
    if not isinstance(message.get("id"), int) or isinstance(message["id"], bool):
        raise BadLine("A command has an integer id.")
    return message


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class Events:
    """Writes events to a file descriptor, whole lines only, from any thread."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._lock = threading.Lock()
        self._last_progress = 0.0
        self._last_phase = ""

    def send(self, kind: str, /, **fields: Any) -> None:
        line = json.dumps({"v": 1, "t": kind, **fields}, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
        with self._lock:
            view = memoryview(line)
            while view:
                try:
                    view = view[os.write(self._fd, view) :]
                except BrokenPipeError:
                    os._exit(0)  # the supervisor is gone; nobody is left to work for

    def progress(self, job: str, phase: str, step: int, total: int, **fields: Any) -> None:
        """At most four a second, and besides every change of phase and every last step."""
        now = time.monotonic()
        if phase == self._last_phase and step < total and now - self._last_progress < 0.25:
            return
        self._last_progress, self._last_phase = now, phase
        self.send("progress", job=job, phase=phase, step=step, total=total, **fields)

    def warn(self, job: str | None, code: str, text: str, images: list[int] | None = None) -> None:
        more = {"job": job} if job else {}
        self.send("warn", **more, code=code, text=text[:2000], **({} if images is None else {"images": images}))
