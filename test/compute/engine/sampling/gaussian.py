"""Data that are a Gaussian, so the best denoiser and the path of the ODE are known exactly.

If x = x0 + σ·n with x0 ~ N(MEAN, DEV²), then D(x, σ) = E[x0 | x] = (DEV²·x + σ²·MEAN) / (DEV² + σ²), and along
dx/dσ = (x − D) / σ the value (x − MEAN) / √(DEV² + σ²) stays what it was at the start.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from tessera_engine.denoise import run_sampler
from tessera_engine.detect import Prediction
from tessera_engine.noise import first_noise, make_generators
from tessera_engine.samplers import SAMPLERS, Plan, make_scheduler, resolve_names
from tessera_engine.sampling.curve import load_curve
from tessera_engine.sampling.walk import Walk

MEAN, DEV = 0.6, 0.4
EPSILON, V = Prediction("epsilon", False), Prediction("v_prediction", False)
ZERO_SNR = Prediction("v_prediction", True)


def denoised(x: Tensor, sigma: float) -> Tensor:
    return (DEV**2 * x + sigma**2 * MEAN) / (DEV**2 + sigma**2)


def exact(x: Tensor, start: float, end: float) -> Tensor:
    return MEAN + (x - MEAN) * math.sqrt((DEV**2 + end**2) / (DEV**2 + start**2))


def as_model(plan: Plan) -> Any:
    """The denoiser as a UNet would be: from latents of deviation one and a time to epsilon or v."""

    def model(z: Tensor, t: Tensor) -> Tensor:
        sigma = plan.curve.sigma_at(float(t))
        x = z.double() * math.sqrt(1 + sigma**2)
        clean = denoised(x, sigma)
        if plan.prediction.kind == "v_prediction":
            # v = α·ε − σ'·x0 with α = 1/√(1+σ²), σ' = σ/√(1+σ²)
            return (((x - clean) / sigma - sigma * clean) / math.sqrt(1 + sigma**2)).float()
        return ((x - clean) / sigma).float()

    def remembering(z: Tensor, t: Tensor) -> Tensor:
        remembering.plain = model(z, t)  # type: ignore[attr-defined]
        return remembering.plain  # type: ignore[attr-defined]

    return remembering


def run(
    name: str,
    steps: int,
    schedule: str = "Automatic",
    prediction: Prediction = EPSILON,
    count: int = 64,
    eta: float | None = None,
) -> tuple[Tensor, Tensor]:
    """(noise, result) through names, plan and model, as a job would; images in rows that one_by_one respects."""
    plan = make_scheduler(*resolve_names(name, schedule), prediction, steps)
    noises, results = [], []
    group = 1 if plan.sampler.one_by_one else count
    for start in range(0, count, group):
        generators = make_generators(list(range(start, start + group)))
        noises.append(first_noise(generators, (4, 8, 8)))
        results.append(run_sampler(plan, noises[-1], as_model(plan), generators, eta=eta))
    return torch.cat(noises), torch.cat(results)


def solve(name: str, steps: int, high: float = 5.0, low: float = 0.1) -> float:
    """The largest error of a solver as an ODE (eta 0), in double precision, on even steps of log σ from high to low."""
    sigmas = [high * (low / high) ** (i / steps) for i in range(steps + 1)]
    seen: list[Tensor] = []
    evaluations = 0

    def denoise(x: Tensor, sigma: float) -> Tensor:
        nonlocal evaluations
        evaluations += 1
        seen[:] = [denoised(x, sigma)]
        return seen[0]

    x = torch.linspace(-8, 8, 17, dtype=torch.float64).view(1, 1, 1, 17)
    walk = Walk(load_curve(False), sigmas, 0.0, denoise, lambda: seen[0], torch.zeros_like, lambda *_a: None)
    result = SAMPLERS[name].solve(x.clone(), walk)
    return float((result - exact(x, high, low)).abs().max())
