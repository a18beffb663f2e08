"""UniPC, arXiv 2302.04867: a predictor of order 3, and a corrector that costs nothing because the evaluation at the
predicted point is the one that the next step needs anyway. Data prediction, B(h) = eʰ − 1."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from .walk import Walk, exact_step, log_steps

ORDER = 3


def _weights(ratios: list[float], h: float) -> list[float]:
    """ρ of the paper's theorem 3.1 for differences at `ratios` (of h) from the present point."""
    if not ratios:
        return []
    k = -h
    phi = math.expm1(k) / k - 1
    rows, right, factorial = [], [], 1
    for power in range(1, len(ratios) + 1):
        factorial *= power
        rows.append([r ** (power - 1) for r in ratios])
        right.append(phi * factorial / math.expm1(k))
        phi = phi / k - 1 / (factorial * (power + 1))
    return [float(w) for w in np.linalg.solve(np.array(rows), np.array(right))]


def unipc(x: Tensor, walk: Walk) -> Tensor:
    total, ends_at_zero = len(walk.sigmas) - 1, walk.sigmas[-1] == 0
    levels: list[float] = []
    seen: list[Tensor] = []
    corrected_from: tuple[Tensor, float, int] | None = None
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        if corrected_from is not None:
            base, before, order = corrected_from
            x = _correct(base, before, start, denoised, seen, levels, order)
        seen, levels = [denoised, *seen][:ORDER], [start, *levels][:ORDER]
        # Lower towards σ = 0, where steps of λ have no bound and the paper found it steadier.
        order = min(ORDER, len(seen), total - i if ends_at_zero else ORDER)
        corrected_from = (x, start, order) if end > 0 else None
        x = _predict(x, start, end, seen, levels, order) if end > 0 else exact_step(x, denoised, start, end)
        walk.done(i, denoised)
    return x


def _differences(start: float, h: float, seen: list[Tensor], levels: list[float], order: int) -> tuple[list[float], list[Tensor]]:
    ratios = [-log_steps(level, start) / h for level in levels[1:order]]
    return ratios, [(d - seen[0]) / r for d, r in zip(seen[1:order], ratios, strict=True)]


def _predict(x: Tensor, start: float, end: float, seen: list[Tensor], levels: list[float], order: int) -> Tensor:
    h = log_steps(start, end)
    ratios, slopes = _differences(start, h, seen, levels, order)
    # With one difference the paper takes 1/2, which is exact enough for the second order.
    weights = [0.5] if order == 2 else _weights(ratios, h)
    x = exact_step(x, seen[0], start, end)
    for weight, slope in zip(weights, slopes, strict=True):
        x = x - math.expm1(-h) * weight * slope
    return x


def _correct(x: Tensor, start: float, end: float, arrived: Tensor, seen: list[Tensor], levels: list[float], order: int) -> Tensor:
    """The last step again, now that D at its end is known."""
    h = log_steps(start, end)
    ratios, slopes = _differences(start, h, seen, levels, order)
    weights = [0.5] if order == 1 else _weights([*ratios, 1.0], h)
    x = exact_step(x, seen[0], start, end)
    for weight, slope in zip(weights, [*slopes, arrived - seen[0]], strict=True):
        x = x - math.expm1(-h) * weight * slope
    return x
