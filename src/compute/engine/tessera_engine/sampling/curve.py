"""Stable Diffusion's noise schedule as a curve between its training steps t = 0..999 and the noise level σ."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

#: In the words of diffusers' schedulers.
TRAINING = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
TRAINING_STEPS = 1000


class Curve:
    def __init__(self, zero_terminal_snr: bool) -> None:
        betas = np.linspace(0.00085**0.5, 0.012**0.5, TRAINING_STEPS) ** 2
        roots = np.sqrt(np.cumprod(1 - betas))
        if zero_terminal_snr:
            # arXiv 2305.08891, algorithm 1. The last signal is 0, σ infinite; a ten-thousandth keeps it a number.
            roots = (roots - roots[-1]) * roots[0] / (roots[0] - roots[-1])
            roots[-1] = 2.2e-4
        self.sigmas: NDArray[np.float64] = np.sqrt(1 - roots**2) / roots
        self._logs = np.log(self.sigmas)

    @property
    def lowest(self) -> float:
        return float(self.sigmas[0])

    @property
    def highest(self) -> float:
        return float(self.sigmas[-1])

    def sigma_at(self, t: float) -> float:
        """Between two training steps log σ is interpolated."""
        return float(np.exp(np.interp(t, np.arange(TRAINING_STEPS), self._logs)))

    def time_at(self, sigma: float) -> float:
        return float(np.interp(np.log(sigma), self._logs, np.arange(TRAINING_STEPS)))


@cache
def load_curve(zero_terminal_snr: bool) -> Curve:
    return Curve(zero_terminal_snr)
