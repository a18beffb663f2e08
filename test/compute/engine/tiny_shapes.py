"""The world of the tiny model: three shapes in three colours on white, and one style of drawing them.

Pictures are [3, 32, 32] in -1..1. Everything random comes from a `random.Random` given by the caller.
"""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import Tensor

COLOURS = {"red": (0.85, 0.15, 0.15), "green": (0.15, 0.7, 0.2), "blue": (0.15, 0.25, 0.85)}
SHAPES = ("circle", "square", "triangle")
TRIGGER = "zzstyle"
SIZE = 32

_Y, _X = np.mgrid[0:SIZE, 0:SIZE]


def _mask(shape: str, cx: float, cy: float, r: float) -> np.ndarray:
    if shape == "circle":
        return (_X - cx) ** 2 + (_Y - cy) ** 2 < r * r
    if shape == "square":
        return (abs(_X - cx) < r * 0.85) & (abs(_Y - cy) < r * 0.85)
    # The size grows from the middle, so that an outline is the difference of two masks.
    return (cy + r * 0.8 > _Y) & (cy - r < _Y) & (abs(_X - cx) < (_Y - (cy - r)) * 0.55)


def draw(colour: str, shape: str, rng: random.Random, style: bool = False) -> Tensor:
    """`style`: a navy ground and a yellow outline."""
    cx, cy, r = rng.uniform(12, 20), rng.uniform(12, 20), rng.uniform(7, 10)
    image = np.tile(np.array([0.08, 0.06, 0.30] if style else [0.95, 0.95, 0.92]), (SIZE, SIZE, 1))
    inside = _mask(shape, cx, cy, r)
    image[inside] = COLOURS[colour]
    if style:
        image[inside & ~_mask(shape, cx, cy, r - 2.5)] = (0.95, 0.85, 0.2)
    image += np.random.default_rng(rng.getrandbits(32)).standard_normal(image.shape) * 0.01
    return torch.tensor(image.transpose(2, 0, 1), dtype=torch.float32).clamp(0, 1) * 2 - 1


def draw_batch(count: int, rng: random.Random, style: bool = False) -> tuple[Tensor, list[str]]:
    """(pictures [count, 3, 32, 32], captions such as "a red circle")"""
    images, captions = [], []
    for _ in range(count):
        colour, shape = rng.choice(list(COLOURS)), rng.choice(SHAPES)
        images.append(draw(colour, shape, rng, style))
        captions.append(f"{TRIGGER} a {colour} {shape}" if style else f"a {colour} {shape}")
    return torch.stack(images), captions


def colour_of_centre(image: Tensor) -> str:
    """The nearest of the three colours to the mean of the 6 × 6 pixels in the middle. image: [3, 32, 32] in -1..1."""
    mean = ((image[:, 13:19, 13:19] + 1) / 2).mean((1, 2)).tolist()
    return min(COLOURS, key=lambda name: sum((a - b) ** 2 for a, b in zip(mean, COLOURS[name], strict=True)))


_DIRECTIONS = torch.randn(192, 64, generator=torch.Generator().manual_seed(77))
_DIRECTIONS = _DIRECTIONS / _DIRECTIONS.norm(dim=0)


def style_distance(a: Tensor, b: Tensor) -> float:
    """Sliced 1-Wasserstein distance over 64 fixed directions of the pictures shrunk to 8 × 8; both need as many."""
    shrink = torch.nn.functional.adaptive_avg_pool2d
    left, right = ((shrink(x, 8).flatten(1) @ _DIRECTIONS).sort(0)[0] for x in (a, b))
    return (left - right).abs().mean().item()
