"""Solvers that remember nothing between steps."""

from __future__ import annotations

import math

from torch import Tensor

from .schedules import karras_between
from .walk import Walk, exact_step, split_noise


def euler(x: Tensor, walk: Walk) -> Tensor:
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        down, up = split_noise(start, end, walk.eta)
        x = exact_step(x, denoised, start, down)
        if up:
            x = x + walk.noise(x) * up
        walk.done(i, denoised)
    return x


def heun(x: Tensor, walk: Walk) -> Tensor:
    """arXiv 2206.00364, algorithm 1."""
    for i, start, end in walk.steps():
        x, denoised = heun_step(x, walk, start, end)
        walk.done(i, denoised)
    return x


def heun_step(x: Tensor, walk: Walk, start: float, end: float) -> tuple[Tensor, Tensor]:
    denoised = walk.denoise(x, start)
    guess = exact_step(x, denoised, start, end)
    if end == 0:
        return guess, denoised
    first, second = (x - denoised) / start, (guess - walk.denoise(guess, end)) / end
    return x + (first + second) / 2 * (end - start), denoised


def heun_pp2(x: Tensor, walk: Walk) -> Tensor:
    """Heun++: slopes of up to three levels ahead, weighed by those levels over that of the start; the last step is
    Euler's and the last but one has two slopes. Its weights make it a method of the first order."""
    top = walk.sigmas[0]
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        if end == 0 or i + 2 >= len(walk.sigmas):
            x = exact_step(x, denoised, start, end)
            walk.done(i, denoised)
            continue
        after = walk.sigmas[i + 2]
        slopes = [(x - denoised) / start]
        guess = x + slopes[0] * (end - start)
        slopes.append((guess - walk.denoise(guess, end)) / end)
        levels = [end]
        if after > 0:
            further = guess + slopes[1] * (after - end)
            slopes.append((further - walk.denoise(further, after)) / after)
            levels.append(after)
        weights = [level / (len(slopes) * top) for level in levels]
        slope = slopes[0] * (1 - sum(weights))
        for weight, later in zip(weights, slopes[1:], strict=True):
            slope = slope + weight * later
        x = x + slope * (end - start)
        walk.done(i, denoised)
    return x


def dpm_2(x: Tensor, walk: Walk) -> Tensor:
    """The midpoint rule, the middle taken in log σ. DPM2, and with noise DPM2 a."""
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        down, up = split_noise(start, end, walk.eta)
        if down == 0:
            x = exact_step(x, denoised, start, down)
        else:
            middle = math.sqrt(start * down)
            guess = exact_step(x, denoised, start, middle)
            x = x + (guess - walk.denoise(guess, middle)) / middle * (down - start)
        if up:
            x = x + walk.noise(x) * up
        walk.done(i, denoised)
    return x


def dpmpp_2s(x: Tensor, walk: Walk) -> Tensor:
    """DPM-Solver++(2S), arXiv 2211.01095, algorithm 1, with r = 1/2; with noise DPM++ 2S a."""
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        down, up = split_noise(start, end, walk.eta)
        if down == 0:
            x = exact_step(x, denoised, start, down)
        else:
            middle = math.sqrt(start * down)
            x = exact_step(x, walk.denoise(exact_step(x, denoised, start, middle), middle), start, down)
        if up:
            x = x + walk.noise(x) * up
        walk.done(i, denoised)
    return x


def dpmpp_sde(x: Tensor, walk: Walk) -> Tensor:
    """DPM-Solver++ as an SDE with a middle point. Both noises of a step are of one Brownian motion, with σ for its time."""
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        if end == 0:
            x = exact_step(x, denoised, start, end)
            walk.done(i, denoised)
            continue
        middle = math.sqrt(start * end)
        down, up = split_noise(start, middle, walk.eta)
        guess = exact_step(x, denoised, start, down)
        first = walk.noise(x) if walk.eta else None
        if first is not None:
            guess = guess + first * up
        better = walk.denoise(guess, middle)
        down, up = split_noise(start, end, walk.eta)
        x = exact_step(x, better, start, down)
        if first is not None:
            share = (start - middle) / (start - end)
            x = x + (math.sqrt(share) * first + math.sqrt(1 - share) * walk.noise(x)) * up
        walk.done(i, better)
    return x


def ddim_cfgpp(x: Tensor, walk: Walk) -> Tensor:
    """CFG++, arXiv 2406.08070: towards the guided picture, renoised with what the model says without the prompt."""
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        x = denoised + (end / start) * (x - walk.denoised_plain())
        walk.done(i, denoised)
    return x


def lcm(x: Tensor, walk: Walk) -> Tensor:
    """arXiv 2310.04378: the whole way down, and noise again."""
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        x = denoised + walk.noise(x) * end if end > 0 else denoised
        walk.done(i, denoised)
    return x


def restart(x: Tensor, walk: Walk) -> Tensor:
    """arXiv 2306.14878 with Heun's steps: at σ near 0.1 up to 2 again and down once more, once or twice."""
    legs = [(a, b) for _, a, b in walk.steps()]
    n = len(legs)
    if n >= 20:
        again, times = (n // 4, 2) if n >= 36 else (9, 1)
        high, low = walk.sigmas[0], next(s for s in reversed(walk.sigmas) if s > 0)
        levels = [*karras_between(high, low, n - again * times), 0.0]
        near = min((level for level in levels if level > 0), key=lambda level: abs(level - 0.1))
        legs = list(zip(levels, levels[1:], strict=False))
        if near < 2 < high:
            back = karras_between(2.0, near, again + 1)
            at = next(i for i, (_, end) in enumerate(legs) if end == near) + 1
            legs[at:at] = list(zip(back, back[1:], strict=False)) * times
    level = legs[0][0]
    for i, (start, end) in enumerate(legs):
        if start > level:
            x = x + walk.noise(x) * math.sqrt(start**2 - level**2)
        x, denoised = heun_step(x, walk, start, end)
        level = end
        walk.report(i, len(legs), denoised)
    return x


def tcd(x: Tensor, walk: Walk) -> Tensor:
    """arXiv 2402.19159, strategic stochastic sampling: down to (1 − eta) of the next time, then noise up to it."""
    for i, start, end in walk.steps():
        denoised = walk.denoise(x, start)
        if end == 0:
            x = denoised
        else:
            down = min(end, walk.curve.sigma_at((1 - walk.eta) * walk.curve.time_at(end))) if walk.eta else end
            x = exact_step(x, denoised, start, down)
            if walk.eta:
                x = x + walk.noise(x) * math.sqrt(end**2 - down**2)
        walk.done(i, denoised)
    return x
