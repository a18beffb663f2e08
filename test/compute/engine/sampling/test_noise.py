from __future__ import annotations

import numpy as np
import pytest
import torch

from tessera_engine.noise import first_noise, make_generators, vary
from tessera_engine.philox import PhiloxGenerator, philox


@pytest.mark.parametrize(
    ("counter", "key", "wanted"),
    [
        ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
        ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
        ((0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344), (0xA4093822, 0x299F31D0),
         (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1)),
    ],
)  # fmt: skip
def test_philox_gives_the_known_answers_of_its_authors(counter: tuple, key: tuple, wanted: tuple) -> None:
    words = philox(np.array([[c] for c in counter], dtype=np.uint64), key)
    assert tuple(int(w) for w in words[:, 0]) == wanted


def test_nv_noise_is_what_torch_prints_on_an_nvidia_card() -> None:
    # torch.manual_seed(0); torch.randn(3, 4, device="cuda"), as many people have posted it.
    wanted = [[-0.9247, -0.4253, -2.6438, 0.1452], [-0.1209, -0.5797, -0.6229, -0.3284], [-1.0745, -0.3631, -1.6711, 2.2655]]
    assert torch.allclose(PhiloxGenerator(0).draw((3, 4)), torch.tensor(wanted), atol=5e-5)


@pytest.mark.parametrize("mode", ["CPU", "NV"])
def test_noise_is_normal_and_each_images_own(mode: str) -> None:
    noise = first_noise(make_generators([1, 2], mode), (4, 128, 128))
    assert abs(noise.mean()) < 0.01 and abs(noise.std() - 1) < 0.01 and noise.abs().max() < 7
    assert not torch.equal(noise[0], noise[1])
    assert torch.equal(first_noise(make_generators([2], mode), (4, 128, 128))[0], noise[1])
    generator = make_generators([1], mode)[0]
    assert not torch.equal(generator.draw((4, 8, 8)), generator.draw((4, 8, 8)))


def test_a_variation_lies_on_the_way_to_its_own_seed() -> None:
    one, other = (g.draw((4, 32, 32)) for g in make_generators([1, 2]))
    assert torch.equal(vary(one, other, 0), one)
    assert torch.allclose(vary(one, other, 1), other, atol=1e-5)
    half = vary(one, other, 0.5)
    # On the sphere, not on the chord: a chord's middle would have a deviation of 0.71.
    assert abs(half.std() - 1) < 0.02
    assert torch.allclose((half * one).mean(), (half * other).mean(), atol=0.02)
