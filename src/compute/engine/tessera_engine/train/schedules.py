"""The learning rate as a function of the step, so that it has no state to keep."""

from __future__ import annotations

import math


def lr_factor(schedule: str, step: int, total: int, warmup: int, cycles: int) -> float:
    """Times the learning rate for step 0 … total - 1: a straight rise, then the schedule over what is left."""
    if step < warmup:
        return (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, total - warmup)
    if schedule == "linear":
        return 1 - progress
    if schedule == "cosine":
        return 0.5 * (1 + math.cos(math.pi * progress))
    if schedule == "cosine_restarts":
        return 0.5 * (1 + math.cos(math.pi * (progress * cycles % 1.0)))
    return 1.0
