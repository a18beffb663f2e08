"""Pictures that a request brings along, read with limits and brought to the size of the result."""

from __future__ import annotations

import io
import os
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from ..errors import EngineError

MAX_BYTES = 64 << 20
MAX_PIXELS = 64_000_000
_FORMATS = ("PNG", "JPEG", "WEBP")


def read_picture(path: Path, where: str) -> Image.Image:
    """RGB, upright, on white where it is transparent. Throws `bad_params` for what is none or too large."""
    if os.path.getsize(path) > MAX_BYTES:
        raise EngineError("bad_params", "A picture is at most 64 MB.", where)
    try:
        with open(path, "rb") as file, Image.open(io.BytesIO(file.read(MAX_BYTES)), formats=_FORMATS) as image:
            if image.width * image.height > MAX_PIXELS:  # told from the header, before anything is decoded
                raise EngineError("bad_params", "A picture has at most 64 million pixels.", where)
            upright = ImageOps.exif_transpose(image)
            if upright.has_transparency_data:
                upright = upright.convert("RGBA")
                ground = Image.new("RGBA", upright.size, "white")
                upright = Image.alpha_composite(ground, upright)
            return upright.convert("RGB")
    except (UnidentifiedImageError, OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise EngineError("bad_params", "This is no PNG, JPEG or WebP that can be read.", where) from error


def fit(image: Image.Image, width: int, height: int, resize: str) -> Image.Image:
    """ "crop" covers the size and cuts the rest off, "fill" fits in and repeats the border, "stretch" changes the shape."""
    if image.size == (width, height):
        return image
    if resize == "stretch":
        return image.resize((width, height), Image.Resampling.LANCZOS)
    if resize == "crop":
        return ImageOps.fit(image, (width, height), Image.Resampling.LANCZOS)
    inner = ImageOps.contain(image, (width, height), Image.Resampling.LANCZOS)
    left, top = (width - inner.width) // 2, (height - inner.height) // 2
    borders = (top, height - inner.height - top), (left, width - inner.width - left), (0, 0)
    return Image.fromarray(np.pad(np.asarray(inner.convert("RGB")), borders, mode="edge"))


def to_tensor(image: Image.Image) -> Tensor:
    """[3, height, width] in -1..1"""
    return torch.from_numpy(np.array(image)).movedim(2, 0).float() / 127.5 - 1


def to_image(pixels: Tensor) -> Image.Image:
    """pixels: [3, height, width] in -1..1"""
    array = ((pixels.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte().movedim(0, 2).cpu().numpy()
    return Image.fromarray(array)


def to_mask(image: Image.Image) -> Tensor:
    """[1, height, width] in 0..1, 1 where the picture may change."""
    return torch.from_numpy(np.array(image.convert("L")))[None].float() / 255


def mask_of_latents(mask: Tensor, scale: int) -> Tensor:
    """[1, 1, height / scale, width / scale], 1 wherever any pixel may change: what is not to is pasted back at the end."""
    return (torch.nn.functional.max_pool2d(mask[None], scale) > 0.01).float()
