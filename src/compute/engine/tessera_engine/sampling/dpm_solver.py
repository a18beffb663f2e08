"""DPM-Solver, arXiv 2206.00927, in its single-step forms: "DPM fast" with a fixed number of evaluations and
"DPM adaptive" with steps as long as the error allows. Both see only the ends of a schedule."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .walk import Walk, split_noise

#: Tolerances of "DPM adaptive", relative and absolute, and its first step in log σ.
RELATIVE, ABSOLUTE, FIRST_STEP = 0.05, 0.0078, 0.05
MAX_ATTEMPTS = 600


class _Step:
    """One step from σ = start over h in −log σ. Evaluations are kept, so that orders 2 and 3 share theirs."""

    def __init__(self, x: Tensor, walk: Walk, start: float, end: float) -> None:
        self.x, self._walk, self.start, self.end = x, walk, start, end
        self.h = math.log(start / end)
        self.denoised = walk.denoise(x, start)
        self.slope = (x - self.denoised) / start
        self._seen: dict[float, Tensor] = {}

    def _ahead(self, r: float, x: Tensor) -> Tensor:
        """The difference of the slope at the share r of the way from that at its start."""
        if r not in self._seen:
            level = self.start * math.exp(-r * self.h)
            self._seen[r] = (x - self._walk.denoise(x, level)) / level - self.slope
        return self._seen[r]

    def _first(self, r: float) -> Tensor:
        return self.x + self.start * math.expm1(-r * self.h) * self.slope

    def order_1(self) -> Tensor:
        return self._first(1.0)

    def order_2(self, r: float = 0.5) -> Tensor:
        return self._first(1.0) - self.end * math.expm1(self.h) / (2 * r) * self._ahead(r, self._first(r))

    def order_3(self) -> Tensor:
        r1, r2 = 1 / 3, 2 / 3
        first = self._ahead(r1, self._first(r1))
        level = self.start * math.exp(-r2 * self.h)
        bent = math.expm1(r2 * self.h) / (r2 * self.h) - 1
        second = self._ahead(r2, self._first(r2) - level * (r2 / r1) * bent * first)
        return self._first(1.0) - self.end / r2 * (math.expm1(self.h) / self.h - 1) * second


def _ends(walk: Walk) -> tuple[float, float]:
    return walk.sigmas[0], next(s for s in reversed(walk.sigmas) if s > 0)


def dpm_fast(x: Tensor, walk: Walk) -> Tensor:
    """As many evaluations as steps were asked for, the last of them to take the rest of the noise away."""
    high, low = _ends(walk)
    budget = len(walk.sigmas) - 2
    if budget < 1 or high == low:
        denoised = walk.denoise(x, high)
        walk.report(0, 1, denoised)
        return denoised
    whole, rest = divmod(budget, 3)
    orders = [3] * (whole - 1) + [2, 1] if rest == 0 else [3] * whole + [rest]
    ratio = (low / high) ** (1 / len(orders))
    for i, order in enumerate(orders):
        start = high * ratio**i
        end = start * ratio
        down, up = split_noise(start, end, walk.eta)
        step = _Step(x, walk, start, max(down, low) if up else end)
        if up:
            up = math.sqrt(max(0.0, end**2 - step.end**2))
        x = (step.order_1, step.order_2, step.order_3)[order - 1]()
        if up:
            x = x + walk.noise(x) * up
        walk.report(i, len(orders) + 1, step.denoised)
    denoised = walk.denoise(x, low)
    walk.report(len(orders), len(orders) + 1, denoised)
    return denoised


def dpm_adaptive(x: Tensor, walk: Walk) -> Tensor:
    """Order 3 checked by order 2. The error is one number for all of x, so a batch must be one image."""
    if len(x) != 1:
        raise ValueError("DPM adaptive is run image by image")
    level, low = _ends(walk)
    h, before = FIRST_STEP, x
    attempt = 0
    for attempt in range(MAX_ATTEMPTS):
        if level <= low * (1 + 1e-9):
            break
        end = max(low, level * math.exp(-h))
        down, up = split_noise(level, end, walk.eta)
        step = _Step(x, walk, level, max(down, low) if up else end)
        coarse, fine = step.order_2(1 / 3), step.order_3()
        allowed = torch.maximum(coarse.abs(), before.abs()).mul(RELATIVE).clamp(min=ABSOLUTE)
        error = float(((coarse - fine) / allowed).pow(2).mean().sqrt())
        # How the next step is chosen: towards an error of one, never by more than a factor that arctan bounds.
        factor = 1 + math.atan(max(error, 1e-8) ** (-1 / 3) - 1)
        if factor >= 0.81:
            before, x = coarse, fine
            up = math.sqrt(max(0.0, end**2 - step.end**2)) if up else 0.0
            if up:
                x = x + walk.noise(x) * up
            level = end
        h *= factor
        walk.report(attempt, max(len(walk.sigmas) - 1, attempt + 2), step.denoised)
    denoised = walk.denoise(x, level)
    walk.report(attempt, attempt + 1, denoised)
    return denoised
