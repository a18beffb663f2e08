"""Which noise levels a sampler visits. Each function gives n of them, falling; the end at 0 is added by the caller."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .curve import TRAINING_STEPS, Curve

Schedule = Callable[[Curve, int, str], list[float]]
_LAST = TRAINING_STEPS - 1


def _at(curve: Curve, times: object) -> list[float]:
    return [curve.sigma_at(float(t)) for t in np.asarray(times, dtype=np.float64)]


def normal(curve: Curve, n: int, _family: str) -> list[float]:
    return _at(curve, np.linspace(_LAST, 0, n))


def sgm_uniform(curve: Curve, n: int, _family: str) -> list[float]:
    return _at(curve, np.linspace(_LAST, 0, n + 1)[:-1])


def simple(curve: Curve, n: int, _family: str) -> list[float]:
    return [float(curve.sigmas[-1 - int(i * TRAINING_STEPS / n)]) for i in range(n)]


def ddim(curve: Curve, n: int, _family: str) -> list[float]:
    """Leading: the same distance between all, counted from step 1. One step alone would be nearly noiseless."""
    if n == 1:
        return [curve.highest]
    return _at(curve, [1 + i * (TRAINING_STEPS // n) for i in reversed(range(n))])


def karras(curve: Curve, n: int, _family: str) -> list[float]:
    """arXiv 2206.00364, equation 5, ρ = 7."""
    return karras_between(curve.highest, curve.lowest, n)


def karras_between(high: float, low: float, n: int) -> list[float]:
    ramp = np.linspace(high ** (1 / 7), low ** (1 / 7), n)
    return [float(root**7) for root in ramp]


def exponential(curve: Curve, n: int, _family: str) -> list[float]:
    return [float(s) for s in np.geomspace(curve.highest, curve.lowest, n)]


def beta(curve: Curve, n: int, _family: str) -> list[float]:
    """arXiv 2407.12173: quantiles of the Beta(0.6, 0.6) distribution, stretched over σ as A1111 does."""
    from scipy.special import betaincinv

    quantiles = betaincinv(0.6, 0.6, 1 - np.linspace(0, 1, n))
    return [float(curve.lowest + q * (curve.highest - curve.lowest)) for q in quantiles]


def kl_optimal(curve: Curve, n: int, _family: str) -> list[float]:
    """ "Align Your Steps", supplement A: equal distances of arctan σ."""
    return [float(np.tan(a)) for a in np.linspace(np.arctan(curve.highest), np.arctan(curve.lowest), n)]


#: "Align Your Steps", table of ten steps for each family.
_ALIGNED = {
    "sd15": (14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029),
    "sdxl": (14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029),
}


def align_your_steps(_curve: Curve, n: int, family: str) -> list[float]:
    table = _ALIGNED.get(family, _ALIGNED["sd15"])
    logs = np.interp(np.linspace(0, 1, n), np.linspace(0, 1, len(table)), np.log(table))
    return [float(s) for s in np.exp(logs)]


SCHEDULES: dict[str, Schedule] = {
    "Normal": normal,
    "Uniform": normal,
    "Karras": karras,
    "Exponential": exponential,
    "Polyexponential": exponential,  # with the exponent 1 that A1111 gives it
    "Beta": beta,
    "SGM Uniform": sgm_uniform,
    "Simple": simple,
    "DDIM": ddim,
    "Align Your Steps": align_your_steps,
    "KL Optimal": kl_optimal,
}
#: Other spellings that recipes have.
ALIASES = {"AYS": "Align Your Steps", "SGM uniform": "SGM Uniform", "KL-optimal": "KL Optimal", "ddim_uniform": "DDIM"}
