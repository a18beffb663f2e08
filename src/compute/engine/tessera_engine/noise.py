"""Noise that depends on an image's own seed and on nothing else.

Each image has a generator on the CPU in fp32, so its place in a batch, the size of the batch and the maker of the GPU
do not matter.
"""

from __future__ import annotations

import torch
from torch import Tensor


def make_generators(seeds: list[int]) -> list[torch.Generator]:
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def first_noise(generators: list[torch.Generator], shape: tuple[int, int, int]) -> Tensor:
    """[batch, channels, height, width], float32, on the CPU."""
    return torch.stack([torch.randn(shape, generator=g, dtype=torch.float32) for g in generators])
