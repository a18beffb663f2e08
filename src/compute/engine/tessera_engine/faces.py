"""`python -m tessera_engine --faces`: how many faces are in each picture, as far as OpenCV's cascades see any.

A cascade is an old and cheap detector: it finds faces that look at the camera or to a side, misses those that are small,
tilted or half hidden, and now and then takes a knot in wood for one. That is enough for a hint. Its weights come with the
wheel of OpenCV 4; those of OpenCV 5 do not, and its better detector wants a file from elsewhere.

Pictures come on stdin as width, height (both 32 bits, little-endian) and one byte a pixel; the answer is one line of JSON.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from typing import Any, BinaryIO

import numpy as np

MISSING = 3
MAX_SIDE = 4096
#: Of the longer side; anything smaller is a crowd, or noise.
LEAST_PART = 0.06
LEAST_PX = 24
NEIGHBOURS = 5

Box = tuple[int, int, int, int]


def read_picture(stream: BinaryIO) -> np.ndarray | None:
    """Grey, [height, width], uint8; None at the end. Throws `ValueError` for what is cut off or too large."""
    head = stream.read(8)
    if not head:
        return None
    if len(head) < 8:
        raise ValueError("half a header")
    width, height = struct.unpack("<II", head)
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise ValueError(f"{width} by {height} pixels")
    data = stream.read(width * height)
    if len(data) < width * height:
        raise ValueError("half a picture")
    return np.frombuffer(data, np.uint8).reshape(height, width)


def is_same(one: Box, other: Box) -> bool:
    """Whether the middle of one lies in the other: two detectors that mean one face."""
    x, y = one[0] + one[2] / 2, one[1] + one[3] / 2
    return other[0] <= x <= other[0] + other[2] and other[1] <= y <= other[1] + other[3]


class Detector:
    def __init__(self) -> None:
        import cv2

        cv2.setNumThreads(1)
        self._equalize = cv2.equalizeHist
        folder = cv2.data.haarcascades
        names = ("haarcascade_frontalface_alt2.xml", "haarcascade_profileface.xml")
        self._cascades: list[Any] = [cv2.CascadeClassifier(os.path.join(folder, name)) for name in names]
        if any(cascade.empty() for cascade in self._cascades):
            raise ImportError("OpenCV came without its cascades")

    def count(self, grey: np.ndarray) -> int:
        even = self._equalize(np.ascontiguousarray(grey))
        width = even.shape[1]
        front, side = self._cascades
        found: list[Box] = self._find(front, even)
        # the cascade knows one side; the other is its mirror
        mirrored = [(width - x - w, y, w, h) for x, y, w, h in self._find(side, np.ascontiguousarray(even[:, ::-1]))]
        for box in [*self._find(side, even), *mirrored]:
            if not any(is_same(box, known) or is_same(known, box) for known in found):
                found.append(box)
        return len(found)

    def _find(self, cascade: Any, grey: np.ndarray) -> list[Box]:
        least = max(LEAST_PX, round(LEAST_PART * max(grey.shape)))
        boxes = cascade.detectMultiScale(grey, 1.1, NEIGHBOURS, minSize=(least, least))
        return [(int(x), int(y), int(w), int(h)) for x, y, w, h in boxes]


def run_faces() -> int:
    os.nice(10)
    try:
        detector = Detector()
    except (ImportError, AttributeError):
        return MISSING
    faces = []
    while (picture := read_picture(sys.stdin.buffer)) is not None:
        faces.append(detector.count(picture))
    print(json.dumps({"faces": faces}))
    return 0
