"""Loaded models in two tiers, each least recently used first out within a budget of bytes: the GPU, and behind it the
memory of the machine. Without a GPU there is one tier."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

import torch

from .device import free_unused


class Loaded(Protocol):
    total_bytes: int

    def move(self, device: torch.device) -> None: ...


Kind = TypeVar("Kind", bound=Loaded)
_CPU = torch.device("cpu")


class ModelCache:
    def __init__(
        self,
        budget_bytes: int,
        ram_budget_bytes: int = 0,
        device: torch.device = _CPU,
        measure: Callable[[], int] | None = None,
    ) -> None:
        self.budget_bytes, self.ram_budget_bytes = budget_bytes, ram_budget_bytes
        self._device, self._measure = device, measure
        self._near: OrderedDict[str, Loaded] = OrderedDict()
        self._far: OrderedDict[str, Loaded] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._pinned: set[str] = set()

    @property
    def total_bytes(self) -> int:
        return sum(self._bytes[name] for name in self._near)

    def names(self) -> list[str]:
        """What can be used without a wait."""
        return list(self._near)

    def waiting(self) -> list[str]:
        """What lies in the memory of the machine, a copy away from the GPU."""
        return list(self._far)

    def get(self, key: str, estimate_bytes: int, load: Callable[[], Kind]) -> Kind:
        """The model, loaded or brought back if need be, after making room for about `estimate_bytes`."""
        if key in self._near:
            self._near.move_to_end(key)
            return cast(Kind, self._near[key])
        waiting = self._far.pop(key, None)
        self._make_room(self._bytes.get(key, estimate_bytes))
        before = self._measure() if self._measure else 0
        if waiting is not None:
            waiting.move(self._device)
        model = cast(Kind, waiting) if waiting is not None else load()
        grown = self._measure() - before if self._measure else 0
        # What the allocator says, where it says anything: padding and buffers are not in the sum of the weights.
        self._bytes[key] = max(grown, model.total_bytes)
        self._near[key] = model
        self._make_room(0, keep=key)
        return model

    def pin(self, key: str) -> None:
        self._pinned.add(key)

    def drop(self, key: str) -> None:
        self._pinned.discard(key)
        self._near.pop(key, None)
        self._far.pop(key, None)
        self._bytes.pop(key, None)
        free_unused()

    def drop_all(self) -> None:
        for name in [*self._near, *self._far]:
            self.drop(name)

    def drop_all_but(self, *keys: str) -> int:
        """Takes every other model off the GPU, pinned ones too; the number of models that went."""
        gone = [name for name in self._near if name not in keys]
        for name in gone:
            self._put_aside(name)
        return len(gone)

    def _put_aside(self, name: str) -> None:
        model = self._near.pop(name)
        room = self.ram_budget_bytes - self._bytes[name]
        if room < 0:
            self._bytes.pop(name)
        else:
            while self._far and sum(self._bytes[far] for far in self._far) > room:
                oldest, _ = self._far.popitem(last=False)
                self._bytes.pop(oldest)
            model.move(_CPU)
            self._far[name] = model
        free_unused()

    def _make_room(self, more_bytes: int, keep: str | None = None) -> None:
        for name in list(self._near):
            if self.total_bytes + more_bytes <= self.budget_bytes:
                return
            if name != keep and name not in self._pinned:
                self._put_aside(name)
