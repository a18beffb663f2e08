"""The sampling loop: any scheduler of diffusers, any denoiser."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

#: (scaled latents [batch, c, h, w], timestep) → model output of the same shape
Denoiser = Callable[[Tensor, Tensor], Tensor]
#: (evaluations done, evaluations in all, function that estimates the clean latents)
OnStep = Callable[[int, int, Callable[[], Tensor]], None]


@torch.no_grad()
def run_sampler(
    scheduler: Any,
    noise: Tensor,
    denoiser: Denoiser,
    generators: list[torch.Generator],
    on_step: OnStep | None = None,
    eta: float | None = None,
) -> Tensor:
    """Latents [batch, c, h, w], float32, from unit noise of that shape. `on_step` may throw to stop within a step."""
    accepted = inspect.signature(scheduler.step).parameters
    extra: dict[str, Any] = {}
    if "generator" in accepted:
        extra["generator"] = generators
    if "eta" in accepted and eta is not None:
        extra["eta"] = eta
    x = noise * torch.as_tensor(scheduler.init_noise_sigma, device=noise.device)
    total = len(scheduler.timesteps)
    for i, t in enumerate(scheduler.timesteps):
        output = denoiser(scheduler.scale_model_input(x, t), t)
        result = scheduler.step(output.float(), t, x, **extra)
        x = result.prev_sample
        if on_step:
            on_step(i + 1, total, lambda result=result: _clean(scheduler, result))
    return x


def _clean(scheduler: Any, result: Any) -> Tensor:
    """The best estimate of the clean latents that the scheduler already has; else the noisy ones."""
    for name in ("pred_original_sample", "denoised"):
        found = getattr(result, name, None)
        if found is not None:
            return found
    kept = getattr(scheduler, "model_outputs", None)
    if kept and getattr(scheduler.config, "algorithm_type", "").endswith("dpmsolver++") and kept[-1] is not None:
        return kept[-1]
    return result.prev_sample


def guide(plain: Tensor, wanted: Tensor, cfg: Tensor, rescale: Tensor | None = None) -> Tensor:
    """Classifier-free guidance. cfg and rescale: [batch, 1, 1, 1], so that each image has its own."""
    guided = plain + cfg * (wanted - plain)
    if rescale is None:
        return guided
    # arXiv 2305.08891, section 3.4: the deviation of the conditional output, mixed in.
    matched = guided * (wanted.std((1, 2, 3), keepdim=True) / guided.std((1, 2, 3), keepdim=True))
    return rescale * matched + (1 - rescale) * guided
