"""Noise that depends on an image's own seed and on nothing else.

Each image has a generator on the CPU in fp32, so its place in a batch, the size of the batch and the maker of the GPU
do not matter. "CPU" is torch's own generator; "NV" gives the numbers that torch gives on an NVIDIA card.
"""

from __future__ import annotations

from typing import Any, Protocol

import torch
from torch import Tensor

from .philox import PhiloxGenerator

MODES = ("CPU", "NV")


class Noise(Protocol):
    """One image's source of unit noise; each call goes on where the last one stopped."""

    def draw(self, shape: tuple[int, ...]) -> Tensor: ...

    def state(self) -> Any: ...

    def rewind(self, state: Any) -> None: ...


class CpuGenerator:
    def __init__(self, seed: int) -> None:
        self._generator = torch.Generator("cpu").manual_seed(seed)

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self._generator, dtype=torch.float32)

    def state(self) -> Tensor:
        return self._generator.get_state()

    def rewind(self, state: Tensor) -> None:
        self._generator.set_state(state)


def make_generators(seeds: list[int], mode: str = "CPU") -> list[Noise]:
    return [PhiloxGenerator(seed) if mode == "NV" else CpuGenerator(seed) for seed in seeds]


def first_noise(generators: list[Noise], shape: tuple[int, int, int]) -> Tensor:
    """[batch, channels, height, width], float32, on the CPU."""
    return torch.stack([g.draw(shape) for g in generators])


def vary(noise: Tensor, other: Tensor, strength: float) -> Tensor:
    """Along the great circle from an image's noise to that of its variation seed. Both [channels, height, width]."""
    if strength <= 0:
        return noise
    cosine = float((noise / noise.norm() * (other / other.norm())).sum())
    if abs(cosine) > 0.9995:
        return noise * (1 - strength) + other * strength
    angle = torch.acos(torch.tensor(cosine, dtype=torch.float64))
    near, far = torch.sin((1 - strength) * angle) / torch.sin(angle), torch.sin(strength * angle) / torch.sin(angle)
    return noise * near.float() + other * far.float()
