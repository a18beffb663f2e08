"""The detector of faces: what it reads, and that it sees a face and no face where there is one and none."""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys

import numpy as np
import pytest
from engine_client import ENGINE
from PIL import Image, ImageDraw, ImageFilter

from tessera_engine.faces import is_same, read_picture

WITHOUT_CV2 = """
import runpy, sys
sys.modules["cv2"] = None
sys.argv.append("--faces")
runpy.run_module("tessera_engine", run_name="__main__")
"""


def needs_detector() -> None:
    if not os.environ.get("TESSERA_REQUIRE_ENGINE"):
        pytest.importorskip("cv2")


def drawn_face() -> np.ndarray:
    """Enough of one: a light oval, dark eyes under brows, a nose and a mouth. Nobody's."""
    image = Image.new("L", (240, 240), 70)
    draw = ImageDraw.Draw(image)
    draw.ellipse((55, 25, 185, 215), fill=195)
    draw.pieslice((50, 10, 190, 150), 180, 360, fill=45)
    draw.ellipse((62, 55, 178, 215), fill=195)
    for x in (94, 146):
        draw.rectangle((x - 20, 92, x + 20, 98), fill=70)
        draw.ellipse((x - 16, 104, x + 16, 118), fill=110)
        draw.ellipse((x - 7, 104, x + 7, 118), fill=30)
    draw.polygon([(120, 118), (108, 152), (132, 152)], fill=170)
    draw.ellipse((108, 148, 132, 156), fill=130)
    draw.ellipse((94, 172, 146, 184), fill=95)
    return np.asarray(image.filter(ImageFilter.GaussianBlur(2)))


def packed(*pictures: np.ndarray) -> bytes:
    return b"".join(struct.pack("<II", p.shape[1], p.shape[0]) + p.tobytes() for p in pictures)


def run(data: bytes, *args: str) -> subprocess.CompletedProcess[bytes]:
    env = {**os.environ, "PYTHONPATH": str(ENGINE)}
    command = [sys.executable, *(args or ("-m", "tessera_engine", "--faces"))]
    return subprocess.run(command, input=data, capture_output=True, env=env, timeout=120)


def test_a_face_is_seen_and_none_where_there_is_none() -> None:
    needs_detector()
    flat = np.full((200, 300), 128, np.uint8)
    two = np.concatenate([drawn_face(), drawn_face()], axis=1)
    done = run(packed(drawn_face(), flat, two))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"faces": [1, 0, 2]}


def test_half_a_picture_and_senseless_sizes_end_it() -> None:
    needs_detector()
    for data in (b"\x01\x02", struct.pack("<II", 10, 10) + b"short", struct.pack("<II", 1 << 30, 1 << 30)):
        assert run(data).returncode not in (0, 3)


def test_without_opencv_it_says_so_by_its_status() -> None:
    assert run(b"", "-c", WITHOUT_CV2).returncode == 3


def test_pictures_are_read_one_after_the_other() -> None:
    picture = np.arange(6, dtype=np.uint8).reshape(2, 3)
    stream = io.BytesIO(packed(picture, picture.T))
    first, second = read_picture(stream), read_picture(stream)
    assert first is not None and second is not None
    assert first.tolist() == picture.tolist()
    assert second.shape == (3, 2)
    assert read_picture(stream) is None


def test_two_boxes_are_one_face_when_the_middle_of_one_lies_in_the_other() -> None:
    assert is_same((10, 10, 20, 20), (0, 0, 40, 40))
    assert not is_same((10, 10, 20, 20), (25, 25, 20, 20))
