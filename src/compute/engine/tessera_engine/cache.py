"""Loaded models, least recently used first out, within a budget of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from .device import free_unused
from .load import Model


class ModelCache:
    def __init__(self, budget_bytes: int) -> None:
        self.budget_bytes = budget_bytes
        self._models: OrderedDict[str, Model] = OrderedDict()
        self._pinned: set[str] = set()

    @property
    def total_bytes(self) -> int:
        return sum(model.total_bytes for model in self._models.values())

    def names(self) -> list[str]:
        return list(self._models)

    def get(self, key: str, estimate_bytes: int, load: Callable[[], Model]) -> Model:
        """The model, loaded if need be, after making room for about `estimate_bytes`."""
        if key in self._models:
            self._models.move_to_end(key)
            return self._models[key]
        self._make_room(estimate_bytes)
        model = load()
        self._models[key] = model
        self._make_room(0, keep=key)
        return model

    def pin(self, key: str) -> None:
        self._pinned.add(key)

    def drop(self, key: str) -> None:
        self._pinned.discard(key)
        self._models.pop(key, None)
        free_unused()

    def drop_all_but(self, key: str | None = None) -> int:
        """Frees every other model, pinned ones too; the number of models that went."""
        gone = [name for name in self._models if name != key]
        for name in gone:
            self.drop(name)
        return len(gone)

    def _make_room(self, more_bytes: int, keep: str | None = None) -> None:
        for name in list(self._models):
            if self.total_bytes + more_bytes <= self.budget_bytes:
                return
            if name != keep and name not in self._pinned:
                self.drop(name)
