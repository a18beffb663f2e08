"""The parameters of `merge`, read once and checked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from ..errors import EngineError
from ..fields import Fields, FileRef

METHODS = ("weighted_sum", "add_difference", "sum")
KINDS = ("checkpoint", "lora")
DTYPES = ("fp16", "bf16", "fp32")
MAX_RANK = 512
MAX_METADATA = 20_000


@dataclass(frozen=True)
class MergeParams:
    kind: str
    #: `sum` is of LoRAs only: each with its own weight.
    method: str
    #: A, B and perhaps C, under the root `models`.
    models: tuple[FileRef, ...]
    #: Share of B, or of the difference B − C; what no block has a number for.
    alpha: float
    #: Share of C in a weighted sum of three.
    beta: float
    #: Of `sum`, one for each model.
    weights: tuple[float, ...]
    #: Alpha of single blocks, by their names.
    blocks: dict[str, float]
    dtype: str
    #: LoRAs: cut down to this rank; None keeps all, which is exact.
    rank: int | None
    name: str
    metadata: dict[str, str] = field(default_factory=dict)
    own_metadata: dict[str, str] = field(default_factory=dict)

    def coefficients(self, block: str) -> tuple[float, ...]:
        """What each model is multiplied with in a block. They are exact where alpha is 0 or 1."""
        if self.method == "sum":
            return self.weights
        alpha = self.blocks.get(block, self.alpha)
        if self.method == "add_difference":
            return (1.0, alpha, -alpha)
        rest = 1.0 - alpha - self.beta
        return (rest, alpha) if len(self.models) == 2 else (rest, alpha, self.beta)


def read_merge(data: object) -> MergeParams:
    p = Fields(data, "p")
    kind = p.choice("kind", KINDS, "checkpoint")
    method = p.choice("method", METHODS, "weighted_sum")
    models = tuple(item.file_ref() for item in p.items("models", 3))
    if len(models) < 2:
        raise EngineError("bad_params", "Two or three models are mixed.", "p.models")
    if method == "add_difference" and len(models) != 3:
        raise EngineError("bad_params", "A difference is taken of two models and added to a third.", "p.models")
    if method == "sum" and kind != "lora":
        raise EngineError("bad_params", "Only LoRAs are summed up.", "p.method")
    weights = _numbers(p, "weights", len(models)) if method == "sum" else ()
    if weights and not any(weights):
        raise EngineError("bad_params", "With every weight at 0 nothing is left.", "p.weights")
    rank = p.count("rank", 1, MAX_RANK) if p.data.get("rank") is not None else None
    if rank is not None and kind != "lora":
        raise EngineError("bad_params", "Only a LoRA has a rank.", "p.rank")
    meta = p.inner("metadata")
    return MergeParams(
        kind=kind,
        method=method,
        models=models,
        alpha=p.number("alpha", -2, 2, 0.5),
        beta=p.number("beta", -2, 2, 0),
        weights=weights,
        blocks=_blocks(p),
        dtype=p.choice("dtype", DTYPES, "fp16"),
        rank=rank,
        name=p.text("name", "merge", 200),
        metadata={key: meta.text(key, "", 2_000) for key in ("title", "author") if meta.data.get(key)},
        own_metadata=_own(meta),
    )


def _numbers(p: Fields, name: str, count: int) -> tuple[float, ...]:
    given = p.data.get(name)
    if not isinstance(given, list) or len(given) != count:
        raise EngineError("bad_params", f"{count} numbers are expected.", f"p.{name}")
    return tuple(Fields({"n": value}, f"p.{name}[{i}]").number("n", -2, 2) for i, value in enumerate(given))


def _blocks(p: Fields) -> dict[str, float]:
    inner = p.inner("blocks")
    if len(inner.data) > 64:
        raise EngineError("bad_params", "These are more blocks than a model has.", "p.blocks")
    return {name: inner.number(name, -2, 2) for name in inner.data}


def _own(meta: Fields) -> dict[str, str]:
    own = meta.inner("own").data
    if not all(isinstance(value, str) for value in own.values()) or len(json.dumps(own)) > MAX_METADATA:
        raise EngineError("bad_params", "A short map of texts is expected.", "p.metadata.own")
    return dict(own)
