"""Pictures as files: three formats, and metadata that other programs read."""

from __future__ import annotations

import io
import json

import pytest
import torch
from PIL import Image

from tessera_engine.output import MAX_EXIF_BYTES, encode_picture

PIXELS = torch.linspace(-1, 1, 3 * 16 * 24).view(3, 16, 24)
TEXT = "a cat, 日本 é\nNegative prompt: dog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 24x16, Version: x"


@pytest.mark.parametrize("format", ["jpeg", "webp"])
def test_exif_holds_the_infotext_as_a1111_writes_it(format: str) -> None:
    data = encode_picture(PIXELS, format, 90, TEXT, {"licence": "CC0-1.0", "name": "日本"})
    image = Image.open(io.BytesIO(data))
    assert image.format == format.upper() and image.size == (24, 16)
    exif = image.getexif()
    comment = exif.get_ifd(0x8769)[0x9286]
    assert comment[:8] == b"UNICODE\0" and comment[8:].decode("utf-16-be") == TEXT
    assert comment[8:10] == b"\0a", "big-endian, and no byte order mark"
    assert json.loads(exif[0x010E]) == {"tessera": {"licence": "CC0-1.0", "name": "日本"}}


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_without_an_infotext_there_is_no_metadata(format: str) -> None:
    image = Image.open(io.BytesIO(encode_picture(PIXELS, format, 90, None, {"licence": "CC0-1.0"})))
    assert not image.getexif() and not {"parameters", "tessera", "exif"} & image.info.keys()


def test_an_infotext_too_long_for_exif_loses_the_record_first_and_then_its_end() -> None:
    long = "a" * 20_000
    data = encode_picture(PIXELS, "jpeg", 90, long, {"more": "x" * 40_000})
    exif = Image.open(io.BytesIO(data)).getexif()
    assert exif.get_ifd(0x8769)[0x9286][8:].decode("utf-16-be") == long and 0x010E not in exif
    data = encode_picture(PIXELS, "jpeg", 90, "b" * 60_000, None)
    kept = Image.open(io.BytesIO(data)).getexif().get_ifd(0x8769)[0x9286]
    assert len(kept) < MAX_EXIF_BYTES and kept[8:].decode("utf-16-be") == "b" * 8000


def test_quality_100_is_without_loss_in_webp_and_a_lower_one_is_smaller() -> None:
    noise = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(1)) * 2 - 1
    exact = Image.open(io.BytesIO(encode_picture(noise, "webp", 100, None, None))).convert("RGB")
    png = Image.open(io.BytesIO(encode_picture(noise, "png", 1, None, None)))
    assert exact.tobytes() == png.tobytes()
    for format in ("webp", "jpeg"):
        assert len(encode_picture(noise, format, 20, None, None)) < len(encode_picture(noise, format, 90, None, None))
