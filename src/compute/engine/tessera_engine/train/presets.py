"""What a family trains with when the person says nothing. The numbers are data, in families/training.json."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..families import FOLDER


@dataclass(frozen=True)
class Training:
    """How a family is trained."""

    #: kohya's name of the base model, and that of the model specification.
    base_model_version: str
    architecture: str
    #: How kohya names the UNet's modules: after "diffusers", or "sgm" as in the single file.
    unet_names: str
    #: Automatic repeats show about this many pictures an epoch.
    images_per_epoch: int
    bucket_step: int
    #: Least and most for the side of the square that sets the area.
    resolution: tuple[int, int]
    bucket_max: int
    #: One evaluation of the UNet for one picture of `forward_at` × `forward_at`, in 10¹² operations.
    forward_tflop: float
    forward_at: int
    #: Memory in fp16, and for each picture of that size in a batch, with and without gradient checkpointing.
    weights_mb: float
    activations_mb_per_image: float
    checkpointed_mb_per_image: float
    presets: dict[str, dict[str, Any]]


@cache
def _table() -> dict[str, Any]:
    return json.loads((FOLDER / "training.json").read_text("utf-8"))


@cache
def load_training(family: str) -> Training | None:
    """None for a family that cannot be trained."""
    data = _table().get(family)
    if data is None:
        return None
    presets = {name: _extended(data["presets"], name) for name in data["presets"]}
    return Training(**{**data, "resolution": tuple(data["resolution"]), "presets": presets})


def _extended(presets: dict[str, dict[str, Any]], name: str) -> dict[str, Any]:
    own = dict(presets[name])
    parent = own.pop("extends", None)
    return {**_extended(presets, parent), **own} if parent else own


def describe_training(families: list[str]) -> dict[str, Any]:
    """For the caps: what each family can be trained with, and the presets whole."""
    return {
        name: {
            "images_per_epoch": training.images_per_epoch, "bucket_step": training.bucket_step,
            "resolution": list(training.resolution), "bucket_max": training.bucket_max, "presets": training.presets,
        }
        for name in families
        if (training := load_training(name))
    }  # fmt: skip
