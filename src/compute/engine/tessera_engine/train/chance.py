"""Chance as a function of the seed and of a place in the run."""

from __future__ import annotations

import hashlib
import random

import torch
from torch import Tensor


def place_seed(seed: int, *place: int | str) -> int:
    """63 bits that differ for each place and have nothing to do with each other."""
    digest = hashlib.sha256(repr((seed, *place)).encode("ascii")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def rng_at(seed: int, *place: int | str) -> random.Random:
    return random.Random(place_seed(seed, *place))


def generator_at(seed: int, *place: int | str) -> torch.Generator:
    return torch.Generator("cpu").manual_seed(place_seed(seed, *place))


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator, dtype=torch.float32)
