"""Optimizers, schedules and the weights of the loss, each against what its paper says."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from test_train_params import read
from torch import nn

from tessera_engine.detect import Prediction
from tessera_engine.train.adafactor import Adafactor
from tessera_engine.train.layers import Lora, Place
from tessera_engine.train.loss import alphas_cumprod, min_snr_weight, noised, target
from tessera_engine.train.optimizers import load_state_tensors, make_optimizer, set_lr, state_tensors
from tessera_engine.train.params import OPTIMIZERS
from tessera_engine.train.prodigy import FIRST_D, Prodigy
from tessera_engine.train.schedules import lr_factor


def test_schedules_start_and_end_where_they_should() -> None:
    assert {lr_factor("constant", i, 10, 0, 1) for i in range(10)} == {1.0}
    linear = [lr_factor("linear", i, 10, 0, 1) for i in range(10)]
    assert linear[0] == 1 and linear == sorted(linear, reverse=True) and math.isclose(linear[9], 0.1)
    cosine = [lr_factor("cosine", i, 100, 0, 1) for i in range(100)]
    assert cosine[0] == 1 and math.isclose(cosine[50], 0.5) and cosine[99] < 0.001
    restarts = [lr_factor("cosine_restarts", i, 90, 0, 3) for i in range(90)]
    assert restarts[0] == restarts[30] == restarts[60] == 1 and restarts[29] < 0.01
    warm = [lr_factor("cosine", i, 20, 4, 1) for i in range(20)]
    assert warm[:4] == [0.2, 0.4, 0.6, 0.8] and warm[4] == 1


def test_min_snr_follows_its_formula_for_both_predictions() -> None:
    alpha = alphas_cumprod(Prediction("epsilon", False))
    assert alpha.shape == (1000,) and 0.998 < alpha[0] < 1 and alpha[-1] < 0.01
    snr = alpha / (1 - alpha)
    assert torch.allclose(min_snr_weight(alpha, 5, "epsilon"), torch.minimum(snr, torch.tensor(5.0)) / snr)
    assert torch.allclose(min_snr_weight(alpha, 5, "v_prediction"), torch.minimum(snr, torch.tensor(5.0)) / (snr + 1))
    assert torch.equal(min_snr_weight(alpha, 0, "epsilon"), torch.ones(1000))
    assert alphas_cumprod(Prediction("v_prediction", True))[-1] == 0


def test_a_perfect_answer_gives_back_the_picture() -> None:
    z, noise, alpha = torch.randn(1, 4, 8, 8), torch.randn(1, 4, 8, 8), torch.tensor([0.3]).view(1, 1, 1, 1)
    x, v = noised(z, noise, alpha), target(z, noise, alpha, "v_prediction")
    assert torch.allclose(alpha.sqrt() * x - (1 - alpha).sqrt() * v, z, atol=1e-6)
    assert torch.equal(target(z, noise, alpha, "epsilon"), noise)


def test_adafactor_is_adam_without_its_state_where_the_second_moment_is_a_product() -> None:
    rows, columns = torch.rand(6, 1) + 0.5, torch.rand(1, 5) + 0.5
    p = nn.Parameter(torch.zeros(6, 5))
    p.grad = rows * columns * torch.where(torch.rand(6, 5) < 0.5, -1.0, 1.0)
    Adafactor([p], lr=0.1).step()
    assert torch.allclose(p, -0.1 * p.grad.sign(), atol=1e-3)
    conv = nn.Parameter(torch.zeros(4, 3, 3, 3))
    conv.grad = torch.randn(4, 3, 3, 3)
    optimizer = Adafactor([conv], lr=0.1)
    optimizer.step()
    assert conv.abs().sum() > 0 and {v.numel() for v in optimizer.state[conv].values()} == {1, 4, 27}
    # The update is clipped to a mean square of one.
    assert conv.norm() <= 0.1 * conv.numel() ** 0.5 * 1.001


def test_prodigy_finds_a_step_size_by_itself() -> None:
    torch.manual_seed(0)
    for distance in (0.01, 100.0):
        goal = torch.randn(20) * distance
        p = nn.Parameter(torch.zeros(20))
        optimizer = Prodigy([p])
        for _ in range(400):
            optimizer.zero_grad()
            (p - goal).abs().sum().backward()
            set_to = optimizer.d
            optimizer.step()
            assert optimizer.d >= set_to
        assert optimizer.d > FIRST_D * 100
        assert (p - goal).abs().mean() < 0.2 * goal.abs().mean(), distance


def problem(kind: str) -> tuple[Lora, Any, nn.Module]:
    torch.manual_seed(0)
    module = nn.Linear(6, 4).requires_grad_(False)
    lora = Lora([Place("unet", "lora_unet_a", module, 2, 2.0)], 1)
    warned: list[str] = []
    optimizer = make_optimizer(read(unet_lr=1.0 if kind == "prodigy" else 1e-2), lora, kind, lambda code, _: warned.append(code))
    assert warned == (["optimizer_fallback"] if kind == "adamw8bit" else [])
    return lora, optimizer, module


def learn(optimizer: Any, module: nn.Module, first: int, last: int) -> None:
    for i in range(first, last):
        x = torch.randn(8, 6, generator=torch.Generator().manual_seed(i))
        set_lr(optimizer, 1 - i / 20)
        optimizer.zero_grad()
        ((module(x) - x[:, :4]) ** 2).mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_an_optimizer_goes_on_from_its_saved_state_to_the_same_bits(kind: str) -> None:
    whole, optimizer, module = problem(kind)
    learn(optimizer, module, 0, 20)

    half, optimizer, module = problem(kind)
    learn(optimizer, module, 0, 7)
    kept, values = state_tensors(optimizer), [p.detach().clone() for p in half.parameters()]
    rest, optimizer, module = problem(kind)
    rest.load("lora_unet_a", *values)
    load_state_tensors(optimizer, {name: value.clone() for name, value in kept.items()})
    learn(optimizer, module, 7, 20)
    for a, b in zip(whole.parameters(), rest.parameters(), strict=True):
        assert torch.equal(a, b) and a.abs().sum() > 0
