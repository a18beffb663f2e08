"""Solvers that use what earlier steps have seen: one evaluation a step, and a higher order."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from torch import Tensor

from .walk import Walk, exact_step, log_steps


def _quadrature(points: list[float], start: float, end: float, scale: Callable[[float], float]) -> list[float]:
    """∫ Lⱼ(scale(σ)) dσ from start to end, for the Lagrange polynomials Lⱼ through `points` on that scale.

    In λ = log σ the integrand is smooth down to small σ, so 24 Gauss nodes there are exact to double precision; towards
    σ = 0 the nodes lie in σ itself.
    """
    nodes, weights = np.polynomial.legendre.leggauss(24)
    if end > 0:
        logs = (math.log(start) + math.log(end)) / 2 + nodes * (math.log(end) - math.log(start)) / 2
        levels, factors = np.exp(logs), weights * np.exp(logs) * (math.log(end) - math.log(start)) / 2
    else:
        levels, factors = (start + end) / 2 + nodes * (end - start) / 2, weights * (end - start) / 2
    found = []
    for j, own in enumerate(points):
        values = [math.prod((scale(s) - p) / (own - p) for k, p in enumerate(points) if k != j) for s in levels]
        found.append(float(np.dot(values, factors)))
    return found


def _adams(x: Tensor, walk: Walk, order: int, scale: Callable[[float], float], order_at_end: int) -> Tensor:
    """Adams-Bashforth on uneven steps: the slope as a polynomial of a function of σ, integrated exactly."""
    slopes: list[Tensor] = []
    levels: list[float] = []
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        slopes = [(x - denoised) / start, *slopes][:order]
        levels = [start, *levels][:order]
        used = order_at_end if end == 0 else order
        weights = _quadrature([scale(s) for s in levels[:used]], start, end, scale)
        for weight, slope in zip(weights, slopes, strict=False):
            x = x + weight * slope
        walk.done(i, denoised)
    return x


def lms(x: Tensor, walk: Walk) -> Tensor:
    """Polynomials in σ, of order 4."""
    return _adams(x, walk, 4, lambda s: s, 4)


def deis(x: Tensor, walk: Walk) -> Tensor:
    """arXiv 2204.13902 with polynomials in log σ, of order 3; the last step, where log σ has no end, is Euler's."""
    return _adams(x, walk, 3, math.log, 1)


_ADAMS = ([1.0], [3 / 2, -1 / 2], [23 / 12, -16 / 12, 5 / 12], [55 / 24, -59 / 24, 37 / 24, -9 / 24])


def ipndm(x: Tensor, walk: Walk) -> Tensor:
    """arXiv 2202.09778, with Adams-Bashforth's weights for even steps from the first step on."""
    return _even_adams(x, walk, starts_with_heun=False)


def plms(x: Tensor, walk: Walk) -> Tensor:
    """arXiv 2202.09778 as Latent Diffusion had it: the first step looks ahead once."""
    return _even_adams(x, walk, starts_with_heun=True)


def _even_adams(x: Tensor, walk: Walk, starts_with_heun: bool) -> Tensor:
    slopes: list[Tensor] = []
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        slopes = [(x - denoised) / start, *slopes][:4]
        if i == 0 and starts_with_heun and end > 0:
            guess = exact_step(x, denoised, start, end)
            x = x + (slopes[0] + (guess - walk.denoise(guess, end)) / end) / 2 * (end - start)
        else:
            for weight, slope in zip(_ADAMS[len(slopes) - 1], slopes, strict=True):
                x = x + weight * (end - start) * slope
        walk.done(i, denoised)
    return x


def dpmpp_2m(x: Tensor, walk: Walk) -> Tensor:
    """DPM-Solver++(2M), arXiv 2211.01095, algorithm 2."""
    before: Tensor | None = None
    last = 0.0
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        h = log_steps(start, end)
        mixed = denoised
        if before is not None and end > 0:
            mixed = denoised + (denoised - before) * (h / last / 2)
        x = exact_step(x, mixed, start, end)
        before, last = denoised, h
        walk.done(i, denoised)
    return x


def dpmpp_2m_sde(x: Tensor, walk: Walk) -> Tensor:
    return _sde(x, walk, lambda k, _h: 0.5 * (1 - math.exp(-k)))


def dpmpp_2m_sde_heun(x: Tensor, walk: Walk) -> Tensor:
    return _sde(x, walk, lambda k, _h: 1 + math.expm1(-k) / k)


def _sde(x: Tensor, walk: Walk, slope_weight: Callable[[float, float], float]) -> Tensor:
    """SDE-DPM-Solver++(2M), arXiv 2211.01095, section 5, of half its noise for eta between."""
    before: Tensor | None = None
    last = 0.0
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        h = log_steps(start, end)
        if end == 0:
            x = denoised
        else:
            k = h * (1 + walk.eta)
            x = math.exp(-k) * x + (1 - math.exp(-k)) * denoised
            if before is not None:
                x = x + slope_weight(k, h) * (denoised - before) * (h / last)
            if walk.eta:
                x = x + walk.noise(x) * end * math.sqrt(1 - math.exp(-2 * walk.eta * h))
        before, last = denoised, h
        walk.done(i, denoised)
    return x


def dpmpp_3m_sde(x: Tensor, walk: Walk) -> Tensor:
    """As the second order, with the curvature of D over three steps."""
    seen: list[Tensor] = []
    hs: list[float] = []
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        h = log_steps(start, end)
        if end == 0:
            x = denoised
        else:
            k = h * (1 + walk.eta)
            x = math.exp(-k) * x + (1 - math.exp(-k)) * denoised
            phi_2 = 1 + math.expm1(-k) / k
            if len(seen) == 2:
                r0, r1 = hs[0] / h, hs[1] / h
                near, far = (denoised - seen[0]) / r0, (seen[0] - seen[1]) / r1
                bend = (near - far) / (r0 + r1)
                x = x + phi_2 * (near + bend * r0) - (phi_2 / k - 0.5) * bend
            elif seen:
                x = x + phi_2 * (denoised - seen[0]) * (h / hs[0])
            if walk.eta:
                x = x + walk.noise(x) * end * math.sqrt(1 - math.exp(-2 * walk.eta * h))
        seen, hs = [denoised, *seen][:2], [h, *hs][:2]
        walk.done(i, denoised)
    return x
