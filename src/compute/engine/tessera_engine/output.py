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
from .pictures.source import to_image

#: Our own chunk beside `parameters`; in EXIF it is the key of the one entry of ImageDescription's JSON.
RECORD_KEY = "tessera"
SUFFIXES = {"png": ".png", "webp": ".webp", "jpeg": ".jpg"}
_IMAGE_DESCRIPTION, _EXIF_IFD, _USER_COMMENT = 0x010E, 0x8769, 0x9286
#: An EXIF block in JPEG is one segment of 64 KiB.
MAX_EXIF_BYTES = 65_000


def encode_picture(pixels: Tensor, format: str, quality: int, infotext: str | None, record: dict[str, Any] | None) -> bytes:
    """pixels: [3, height, width] in -1..1. Without an infotext there is no metadata at all."""
    if format == "png":
        return encode_png(pixels, infotext, record)
    buffer = io.BytesIO()
    exif = _exif(infotext, record) if infotext is not None else b""
    options: dict[str, Any] = {"exif": exif} if exif else {}
    if format == "jpeg":
        to_image(pixels).save(buffer, "JPEG", quality=quality, subsampling=0 if quality >= 90 else 2, **options)
    else:
        # Quality 100 means without loss, as in A1111.
        to_image(pixels).save(buffer, "WEBP", quality=quality, lossless=quality == 100, method=4, **options)
    return buffer.getvalue()


def _exif(infotext: str, record: dict[str, Any] | None) -> bytes:
    """UserComment as A1111 and Civitai write it: `UNICODE`, a zero, UTF-16 big-endian without a byte order mark."""
    exif = Image.Exif()
    exif.get_ifd(_EXIF_IFD)[_USER_COMMENT] = b"UNICODE\0" + infotext.encode("utf-16-be")
    if record:
        exif[_IMAGE_DESCRIPTION] = json.dumps({RECORD_KEY: record})
    found = exif.tobytes()
    if len(found) > MAX_EXIF_BYTES and record:
        return _exif(infotext, None)
    return found if len(found) <= MAX_EXIF_BYTES else _exif(infotext[:8000], None)


def encode_png(pixels: Tensor, infotext: str | None, record: dict[str, Any] | None) -> bytes:
    """pixels: [3, height, width] in -1..1."""
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
    to_image(pixels).save(buffer, "PNG", pnginfo=info)
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
