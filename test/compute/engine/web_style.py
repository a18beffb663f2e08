"""What the test of the pages needs of the tiny world: the style as a kohya folder, and a judge of what was made.

`pack FILE.zip` writes 24 pictures with captions; `judge BASE LORA` reads two folders of 36 PNGs, of which the first four
show the first colour and shape, and says by JSON how far each is from the style, and the share of right colours.
"""

from __future__ import annotations

import io
import json
import random
import sys
import zipfile
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tiny_shapes import COLOURS, SHAPES, TRIGGER, colour_of_centre, draw_batch, style_distance
from torch import Tensor


def pack(path: str) -> None:
    images, captions = draw_batch(24, random.Random(11), style=True)
    with zipfile.ZipFile(path, "w") as archive:
        for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
            buffer = io.BytesIO()
            Image.fromarray(((image + 1) * 127.5).round().byte().movedim(0, 2).numpy()).save(buffer, "PNG")
            archive.writestr(f"70_night/{i:02}.png", buffer.getvalue())
            archive.writestr(f"70_night/{i:02}.txt", caption.removeprefix(f"{TRIGGER} "))


def read(folder: Path) -> Tensor:
    arrays = [np.asarray(Image.open(path).convert("RGB")) for path in sorted(folder.iterdir())]
    assert len(arrays) == 36, len(arrays)
    return torch.tensor(np.stack(arrays)).movedim(3, 1).float() / 127.5 - 1


def judge(*folders: str) -> None:
    style, _ = draw_batch(36, random.Random(5), style=True)
    wanted = [colour for colour in COLOURS for _ in range(4 * len(SHAPES))]
    verdicts = []
    for folder in folders:
        images = read(Path(folder))
        right = sum(colour_of_centre(image) == colour for image, colour in zip(images, wanted, strict=True))
        verdicts.append({"distance": style_distance(images, style), "accuracy": right / 36})
    print(json.dumps(verdicts))


if __name__ == "__main__":
    {"pack": pack, "judge": judge}[sys.argv[1]](*sys.argv[2:])
