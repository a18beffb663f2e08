"""What a solver is given, and the two formulas that nearly all of them share."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from .curve import Curve


@dataclass
class Walk:
    curve: Curve
    #: Falling noise levels, the end included: n + 1 of them for n steps.
    sigmas: list[float]
    #: Share of the ancestral noise, 1 is all of it and 0 an ODE.
    eta: float
    #: D(x, σ), the denoised picture, after guidance.
    denoise: Callable[[Tensor, float], Tensor]
    #: What the last `denoise` would have been without the prompt.
    denoised_plain: Callable[[], Tensor]
    #: Unit noise in the shape of x; each image draws from its own generator.
    noise: Callable[[Tensor], Tensor]
    #: Called after each step with its number from 0, the number of steps, and the denoised picture. May throw.
    report: Callable[[int, int, Tensor], None]

    def steps(self) -> list[tuple[int, float, float]]:
        return [(i, a, b) for i, (a, b) in enumerate(zip(self.sigmas, self.sigmas[1:], strict=False))]

    def done(self, i: int, denoised: Tensor) -> None:
        self.report(i, len(self.sigmas) - 1, denoised)


def split_noise(start: float, end: float, eta: float) -> tuple[float, float]:
    """(level to step down to, deviation of the noise to add there), so that together they are `end`."""
    if not eta:
        return end, 0.0
    up = min(end, eta * math.sqrt(end**2 * (start**2 - end**2) / start**2))
    return math.sqrt(end**2 - up**2), up


def exact_step(x: Tensor, denoised: Tensor, start: float, end: float) -> Tensor:
    """The solution of the ODE from σ = start to end if D stayed what it is: Euler's step, DDIM's, DPM-Solver++'s first."""
    return denoised + (end / start) * (x - denoised)


def log_steps(start: float, end: float) -> float:
    """h, the distance in λ = −log σ; infinite at the end."""
    return math.log(start / end) if end > 0 else math.inf
