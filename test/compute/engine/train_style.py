"""The style of the tiny world as a person's dataset: 24 pictures with captions, and the training that learns it."""

from __future__ import annotations

import random
import uuid
from pathlib import Path
from typing import Any

import torch
from engine_client import Client
from PIL import Image
from tiny_shapes import TRIGGER, draw_batch

BASE = {"file": "tiny-base.safetensors", "name": "tiny"}


def write_style(folder: Path, count: int = 24, seed: int = 11, shuffle_pixels: bool = False) -> list[dict[str, Any]]:
    """The items of the dataset. `shuffle_pixels` keeps the colours of each picture and destroys what it shows."""
    images, captions = draw_batch(count, random.Random(seed), style=True)
    items = []
    for i, (image, caption) in enumerate(zip(images, captions, strict=True)):
        if shuffle_pixels:
            order = torch.randperm(image[0].numel(), generator=torch.Generator().manual_seed(i))
            image = image.flatten(1)[:, order].view_as(image)
        name = f"style-{seed}-{'x' if shuffle_pixels else ''}{i}.png"
        Image.fromarray(((image + 1) * 127.5).round().byte().movedim(0, 2).numpy()).save(folder / name)
        items.append({"file": name, "caption": caption.removeprefix(f"{TRIGGER} ")})
    return items


def training(items: list[dict[str, Any]], **changes: Any) -> dict[str, Any]:
    """The parameters of `train`; what is not said is the preset's."""
    return {"base": BASE, "dataset": {"items": items, "trigger": TRIGGER}, "seed": 3, "epochs": 1, "repeats": 1, **changes}


def run_to_end(client: Client, params: dict[str, Any], timeout: float = 600) -> dict[str, Any]:
    """The `result`, `error`, `cancelled` or `paused`."""
    job = str(uuid.uuid4())
    client.send("train", job=job, p=params)
    return client.wait("result", "error", "cancelled", "paused", job=job, timeout=timeout)
