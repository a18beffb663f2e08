"""The loss of one batch: noise is added, the UNet says which, and the error is weighed."""

from __future__ import annotations

import torch
from diffusers.schedulers.scheduling_ddim import rescale_zero_terminal_snr
from torch import Tensor

from ..detect import Prediction
from ..samplers import TRAINING

TIMESTEPS = int(TRAINING["num_train_timesteps"])


def alphas_cumprod(prediction: Prediction) -> Tensor:
    """[1000]: the share of the signal that is left at each time."""
    betas = torch.linspace(TRAINING["beta_start"] ** 0.5, TRAINING["beta_end"] ** 0.5, TIMESTEPS) ** 2
    if prediction.zero_terminal_snr:
        betas = rescale_zero_terminal_snr(betas)
    return (1 - betas).cumprod(0)


def noised(z: Tensor, noise: Tensor, alpha: Tensor) -> Tensor:
    """alpha: [batch, 1, 1, 1]"""
    return alpha.sqrt() * z + (1 - alpha).sqrt() * noise


def target(z: Tensor, noise: Tensor, alpha: Tensor, kind: str) -> Tensor:
    return alpha.sqrt() * noise - (1 - alpha).sqrt() * z if kind == "v_prediction" else noise


def min_snr_weight(alpha: Tensor, gamma: float, kind: str) -> Tensor:
    """arXiv 2303.09556, section 3.4: min(snr, γ) / snr for ε, min(snr, γ) / (snr + 1) for v; 1 where γ is 0."""
    if not gamma:
        return torch.ones_like(alpha)
    snr = alpha / (1 - alpha)
    return snr.clamp(max=gamma) / (snr + 1 if kind == "v_prediction" else snr)
