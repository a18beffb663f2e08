"""Pictures from strangers, read with care: a plain file, a known format, no more pixels than the cap."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ..errors import EngineError
from ..roots import Roots
from .buckets import Size, cover, list_buckets, pick_bucket
from .params import TrainParams

FORMATS = ("PNG", "JPEG", "WEBP")
MAX_PIXELS = 50_000_000
MAX_BYTES = 64 << 20
MIN_SIDE = 16


@dataclass(frozen=True)
class Picture:
    path: Path
    #: What the caller calls it, for messages.
    file: str
    #: As seen, turned upright.
    size: Size
    bucket: Size
    crop: tuple[int, int]


def _refuse(i: int, file: str, why: str) -> EngineError:
    return EngineError("dataset_invalid", f"{file}: {why}", f"p.dataset.items[{i}].file", file=file, index=i)


def find_pictures(params: TrainParams, roots: Roots, check: Callable[[], None]) -> list[Picture]:
    """Every picture of the dataset, decoded once to know that it can be. Throws `dataset_invalid` with file and reason."""
    buckets = list_buckets(params.resolution, params.bucket)
    found = []
    for i, item in enumerate(params.dataset.items):
        check()
        try:
            path = roots.find("job", item.file, f"p.dataset.items[{i}].file")
        except EngineError as error:
            if error.code == "model_not_found":
                raise _refuse(i, item.file, "there is no such file.") from error
            raise
        try:
            size = decode(path).size
        except EngineError as error:
            raise _refuse(i, item.file, error.message) from error
        bucket = pick_bucket(size, buckets, params.resolution, params.bucket)
        found.append(Picture(path, item.file, size, bucket, cover(size, bucket)[1]))
    return found


def decode(path: Path) -> Image.Image:
    """RGB, upright, transparency on white. Throws `dataset_invalid`."""
    if os.path.getsize(path) > MAX_BYTES:
        raise EngineError("dataset_invalid", f"it is larger than {MAX_BYTES >> 20} MiB.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own cap is lower
            opened = Image.open(path, formats=FORMATS)
        with opened as image:
            if image.width * image.height > MAX_PIXELS:
                raise EngineError("dataset_invalid", f"it has more than {MAX_PIXELS // 1_000_000} million pixels.")
            if min(image.size) < MIN_SIDE:
                raise EngineError("dataset_invalid", f"it is smaller than {MIN_SIDE} pixels.")
            upright = ImageOps.exif_transpose(image)
            if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
                clear = upright.convert("RGBA")
                ground = Image.new("RGBA", clear.size, "white")
                return Image.alpha_composite(ground, clear).convert("RGB")
            return upright.convert("RGB")
    except EngineError:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError, EOFError, KeyError, IndexError) as error:
        raise EngineError("dataset_invalid", f"it is no whole PNG, JPEG or WebP ({type(error).__name__}).") from error


def load_pixels(picture: Picture) -> Tensor:
    """[3, height, width] of its bucket, in -1..1."""
    image = decode(picture.path)
    scaled, (left, top) = cover(image.size, picture.bucket)
    if scaled != image.size:
        image = image.resize(scaled, Image.Resampling.LANCZOS)
    image = image.crop((left, top, left + picture.bucket[0], top + picture.bucket[1]))
    return torch.from_numpy(np.asarray(image).copy()).movedim(2, 0).float() / 127.5 - 1
