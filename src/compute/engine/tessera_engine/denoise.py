"""From a model's output to a sampler's denoised picture, and through all steps."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .noise import Noise
from .samplers import Plan
from .sampling.walk import Walk

#: (latents [batch, c, h, w] as the UNet sees them, timestep) → model output of the same shape. One that guides also
#: has an attribute `plain`, its last output without the prompt.
Denoiser = Callable[[Tensor, Tensor], Tensor]
#: (steps done, steps in all, function that estimates the clean latents)
OnStep = Callable[[int, int, Callable[[], Tensor]], None]


@dataclass(frozen=True)
class Start:
    """Clean latents to go on from, and where they may change: mask is 1 there, [batch or 1, 1, h, w]."""

    latents: Tensor
    mask: Tensor | None = None


@torch.no_grad()
def run_sampler(
    plan: Plan,
    noise: Tensor,
    denoiser: Denoiser,
    generators: list[Noise],
    on_step: OnStep | None = None,
    eta: float | None = None,
    start: Start | None = None,
) -> Tensor:
    """Latents [batch, c, h, w], float32, from unit noise of that shape. `on_step` may throw to stop within a step."""
    if len(plan.sigmas) < 2:
        return start.latents if start else noise
    first, v = plan.sigmas[0], plan.prediction.kind == "v_prediction"

    def clean(x: Tensor, sigma: float, output: Tensor) -> Tensor:
        output = output.float()
        found = (x / (sigma**2 + 1) - output * (sigma / math.sqrt(sigma**2 + 1))) if v else x - sigma * output
        if start is not None and start.mask is not None:
            found = start.mask * found + (1 - start.mask) * start.latents
        return found

    last: list[tuple[Tensor, float]] = []

    def denoise(x: Tensor, sigma: float) -> Tensor:
        last[:] = [(x, sigma)]
        t = torch.tensor(plan.curve.time_at(sigma), dtype=torch.float32)
        return clean(x, sigma, denoiser(x / math.sqrt(sigma**2 + 1), t))

    def denoised_plain() -> Tensor:
        x, sigma = last[0]
        return clean(x, sigma, denoiser.plain)  # type: ignore[attr-defined]

    def report(i: int, total: int, denoised: Tensor) -> None:
        if on_step:
            on_step(i + 1, total, lambda: denoised)

    walk = Walk(
        curve=plan.curve,
        sigmas=list(plan.sigmas),
        eta=(plan.sampler.eta if eta is None else eta) if plan.sampler.eta is not None else 0.0,
        denoise=denoise,
        denoised_plain=denoised_plain,
        noise=lambda x: torch.stack([g.draw(tuple(x.shape[1:])) for g in generators]).to(x),
        report=report,
    )
    if start is not None:
        x = start.latents + noise * first
    else:
        x = noise * (math.sqrt(first**2 + 1) if plan.sampler.preserving else first)
    return plan.sampler.solve(x, walk) / math.sqrt(plan.sigmas[-1] ** 2 + 1)


def guide(plain: Tensor, wanted: Tensor, cfg: Tensor, rescale: Tensor | None = None) -> Tensor:
    """Classifier-free guidance. cfg and rescale: [batch, 1, 1, 1], so that each image has its own."""
    guided = plain + cfg * (wanted - plain)
    if rescale is None:
        return guided
    # arXiv 2305.08891, section 3.4: the deviation of the conditional output, mixed in.
    matched = guided * (wanted.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True))
    return rescale * matched + (1 - rescale) * guided
