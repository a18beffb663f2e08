"""T2: has a LoRA learnt the style of the tiny world? The distance of pictures to the style, and whether they still show
the colour that was asked for. The distance alone proves nothing: pictures of scrambled pixels pass it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from engine_client import Client
from PIL import Image
from tiny_shapes import COLOURS, SHAPES, TRIGGER, colour_of_centre, draw_batch, style_distance
from torch import Tensor
from train_style import run_to_end, training, write_style

#: 24 pictures, 210 steps of 8: where all gates are passed with room to spare.
LEARN: dict[str, Any] = {"repeats": 70, "epochs": 1, "batch": 8, "rank": 16, "alpha": 16, "conv_rank": 16, "unet_lr": 3e-3,
                         "optimizer": "adamw", "lr_schedule": "constant", "min_snr_gamma": 5, "caption_dropout": 0.1}  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    #: By weight 0, 0.5, 1: sliced Wasserstein distance to pictures of the style, and the share of right colours.
    distance: dict[float, float]
    accuracy: dict[float, float]
    #: Whether weight 0 gives the very bits of the base.
    zero_is_base: bool
    seconds: float

    def failures(self) -> list[str]:
        d, failed = self.distance, []
        if d[1.0] > 0.3 * d[0.0]:
            failed.append("distance")
        if self.accuracy[1.0] < 0.8:
            failed.append("accuracy")
        if not d[0.0] > d[0.5] > d[1.0]:
            failed.append("falling")
        if not self.zero_is_base:
            failed.append("zero")
        return failed


ASKED = [(colour, shape) for colour in COLOURS for shape in SHAPES]


def make_pictures(
    client: Client, folder: Path, base: dict[str, Any], loras: list[dict[str, Any]], asked: int = len(ASKED)
) -> tuple[Tensor, float]:
    """(4 pictures [4 * asked, 3, 32, 32] in -1..1 of each that is asked for, the share of right colours)"""
    images, right = [], 0
    for i, (colour, shape) in enumerate(ASKED[:asked]):
        result = client.result(model=base, prompt=f"{TRIGGER} a {colour} {shape}", width=32, height=32, steps=15, cfg=3,
                               sampler="DDIM", seed=1000 + 4 * i, count=4, loras=loras)  # fmt: skip
        assert result["t"] == "result", result
        arrays = [np.asarray(Image.open(folder / image["file"])) for image in result["images"]]
        made = torch.tensor(np.stack(arrays)).movedim(3, 1).float() / 127.5 - 1
        right += sum(colour_of_centre(image) == colour for image in made)
        images.append(made)
    return torch.cat(images), right / (4 * asked)


def learn_style(
    client: Client, folder: Path, base: dict[str, Any], seed: int, shuffle_pixels: bool = False, like: Outcome | None = None
) -> Outcome:
    """`client` finds its LoRAs in `folder`. What weight 0 gives is taken from `like`, of another LoRA on this base."""
    items = write_style(folder, shuffle_pixels=shuffle_pixels)
    result = run_to_end(client, training(items, **LEARN, base=base, seed=seed), timeout=1800)
    assert result["t"] == "result", result
    style, _ = draw_batch(36, random.Random(5), style=True)
    distance, accuracy, zero_is_base = {}, {}, False
    if like:
        distance[0.0], accuracy[0.0], zero_is_base = like.distance[0.0], like.accuracy[0.0], like.zero_is_base
    for weight in (0.5, 1.0) if like else (0.0, 0.5, 1.0):
        lora = {"file": result["train"]["files"][0]["file"], "name": "style", "unet": weight}
        images, accuracy[weight] = make_pictures(client, folder, base, [lora])
        distance[weight] = style_distance(images, style)
        if weight == 0:
            plain, _ = make_pictures(client, folder, base, [], asked=2)
            zero_is_base = torch.equal(images[: len(plain)], plain)
    return Outcome(distance, accuracy, zero_is_base, result["train"]["ms"] / 1000)
