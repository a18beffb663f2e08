"""Merging a stack of LoRAs into a model's weights, and taking it out again without a trace.

The originals of the weights that are touched are kept and copied back; nothing is ever subtracted, so a restored model
is the same to the last bit. Weights are changed in place, which keeps compiled graphs valid.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from .lora_file import LoraFile, Target


@dataclass(frozen=True)
class LoraUse:
    """One LoRA of a stack. `key` names its bytes (sha256)."""

    key: str
    unet: float
    te: float


class LoraStack:
    def __init__(self, targets: dict[str, Target]) -> None:
        self.targets = targets
        self.merged: tuple[LoraUse, ...] = ()
        self._originals: dict[str, Tensor] = {}

    @torch.no_grad()
    def restore(self) -> None:
        parameters = {_id(t): t.parameter for t in self.targets.values()}
        for name, original in self._originals.items():
            parameters[name].copy_(original)
        self._originals.clear()
        self.merged = ()

    @torch.no_grad()
    def merge(self, uses: tuple[LoraUse, ...], read: Callable[[LoraUse], LoraFile]) -> None:
        """W + Σ weight · (alpha / rank) · up · down, summed in fp32 and rounded once. A weight of 0 changes no bit."""
        active = tuple(use for use in uses if use.unet or use.te)
        if active == self.merged:
            return
        files = [(use, read(use)) for use in active]  # before anything is touched, so that a bad file changes nothing
        self.restore()
        sums: dict[str, Tensor] = {}
        changed: dict[str, Target] = {}
        for use, file in files:
            for name, factors in file.factors.items():
                target = self.targets[name]
                weight = use.unet if target.part == "unet" else use.te
                if not weight:
                    continue
                key, device = _id(target), target.parameter.device
                for role in ("down", "up", "mid"):
                    factor = getattr(factors, role)
                    if factor is not None:
                        setattr(factors, role, factor.to(device))
                delta = factors.delta(target.parameter.shape) * weight
                sums[key] = sums[key] + delta if key in sums else delta
                changed[key] = target
        for key, target in changed.items():
            self._originals[key] = target.parameter.detach().to("cpu", copy=True)
            target.parameter.copy_(target.parameter.float() + sums.pop(key))
        self.merged = active


def _id(target: Target) -> str:
    return f"{target.part}.{target.module}"
