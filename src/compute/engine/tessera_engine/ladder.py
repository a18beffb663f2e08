"""What to try when memory runs out, gentlest first, and what to tell the person when nothing helps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from .device import free_unused, is_out_of_memory
from .errors import EngineError

Result = TypeVar("Result")


@dataclass(frozen=True)
class Rung:
    name: str
    #: Makes room; False when there is nothing left to gain this way. A rung may be taken again while it gains.
    take: Callable[[], bool]


class Ladder:
    """Keeps its place for the whole job, because what was too much once is too much again."""

    def __init__(self, rungs: list[Rung], on_take: Callable[[str], None], hint: Callable[[], str], is_gpu: bool) -> None:
        self._rungs = rungs
        self._at = 0
        self._on_take = on_take
        self._hint = hint
        self._code = "oom_vram" if is_gpu else "oom_ram"

    def run(self, work: Callable[[], Result]) -> Result:
        """Throws `oom_vram` or `oom_ram` with a hint when the last rung did not help."""
        while True:
            try:
                return work()
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                cause = error.with_traceback(None)  # frames hold the tensors that we need gone
            free_unused()
            if not self._climb():
                raise EngineError(self._code, f"There is not enough memory. {self._hint()}") from cause

    def _climb(self) -> bool:
        while self._at < len(self._rungs):
            rung = self._rungs[self._at]
            if rung.take():
                self._on_take(rung.name)
                return True
            self._at += 1
        return False
