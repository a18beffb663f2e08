"""Finished pictures on disk: written beside their name, flushed, then renamed, so that a name is always a whole file."""

from __future__ import annotations

import hashlib
import io
import json
import os
from pathlib import Path
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo
from torch import Tensor

from .errors import disk_error

#: Our own chunk beside `parameters`.
RECORD_KEY = "tessera"


def encode_png(pixels: Tensor, infotext: str | None, record: dict[str, Any] | None) -> bytes:
    """pixels: [3, height, width] in -1..1."""
    array = ((pixels.detach().float().clamp(-1, 1) + 1) * 127.5).round().byte().movedim(0, 2).cpu().numpy()
    info = PngInfo()
    if infotext is not None:
        # tEXt is Latin-1; what does not fit goes into iTXt, which A1111 does too.
        if infotext.isascii():
            info.add_text("parameters", infotext)
        else:
            info.add_itxt("parameters", infotext)
        if record:
            info.add_itxt(RECORD_KEY, json.dumps(record, ensure_ascii=False))
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, "PNG", pnginfo=info)
    return buffer.getvalue()


def write_whole(folder: Path, stem: str, suffix: str, data: bytes) -> tuple[str, str]:
    """(name, SHA-256). The name holds the digest, so a second writing of the same bytes changes nothing."""
    digest = hashlib.sha256(data).hexdigest()
    name = f"{stem}-{digest[:16]}{suffix}"
    part = folder / f".{name}.part"
    try:
        with open(part, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, folder / name)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise disk_error(error) from error
    return name, digest
