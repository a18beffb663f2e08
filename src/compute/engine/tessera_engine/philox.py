"""The noise that torch draws on an NVIDIA card, on any machine.

CUDA's generator is Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): a hash of a
counter under the key of the seed. torch gives each thread a counter of its own and takes Box-Muller pairs of what comes
out. For as many elements as a picture's latents have, element i is the first normal number of thread i, and each call
of randn counts the offset up by one, so the numbers do not depend on the card.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_MULTIPLIERS = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_WEYL = 0x9E3779B9, 0xBB67AE85
_LOW = np.uint64(0xFFFFFFFF)
_ROUNDS = 10

Words = NDArray[np.uint64]


def philox(counter: Words, key: tuple[int, int]) -> Words:
    """counter: [4, n] words of 32 bits, held in 64; the same shape comes back."""
    a, b, c, d = counter
    for turn in range(_ROUNDS):
        k0, k1 = (np.uint64((k + turn * w) & 0xFFFFFFFF) for k, w in zip(key, _WEYL, strict=True))
        left, right = a * _MULTIPLIERS[0], c * _MULTIPLIERS[1]
        a, b, c, d = (right >> np.uint64(32)) ^ b ^ k0, right & _LOW, (left >> np.uint64(32)) ^ d ^ k1, left & _LOW
    return np.stack([a, b, c, d])


class PhiloxGenerator:
    def __init__(self, seed: int) -> None:
        self._key = seed & 0xFFFFFFFF, seed >> 32
        self._calls = 0

    def draw(self, shape: tuple[int, ...]) -> Tensor:
        count = int(np.prod(shape))
        counter = np.zeros((4, count), dtype=np.uint64)
        counter[0] = self._calls
        counter[2] = np.arange(count)
        self._calls += 1
        words = philox(counter, self._key)
        # curand's uniforms: multiples of 2⁻³² shifted by half a step, and of 2π · 2⁻³².
        u = words[0].astype(np.float32) * np.float32(2**-32) + np.float32(2**-33)
        v = words[1].astype(np.float32) * np.float32(2 * np.pi * 2**-32) + np.float32(2 * np.pi * 2**-33)
        normal = np.sqrt(np.float32(-2) * np.log(u)) * np.sin(v)
        return torch.from_numpy(normal.astype(np.float32)).reshape(shape)

    def state(self) -> int:
        return self._calls

    def rewind(self, state: int) -> None:
        self._calls = state
