"""What a training computes in, given what the device can do."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .params import TrainParams


def choose_precision(params: TrainParams, warn: Callable[[str, str], None]) -> str:
    """ "fp32", "fp16" or "bf16". The LoRA itself is always fp32."""
    wanted = params.precision
    if not torch.cuda.is_available():
        return "fp32"
    if wanted == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        warn("precision_fallback", "This GPU does not compute in bf16; fp16 takes its place.")
        return "fp16"
    return wanted
