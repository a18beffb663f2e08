"""Adafactor (arXiv 1804.04235) with a learning rate of its own: no scaling by the size of a weight, no relative step.

The second moment of a matrix is kept as the means of its rows and columns, which is most of what Adam's state takes.
torch's Adafactor always scales by the weight's size, which a LoRA's `up`, all zeros at first, does not survive.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

EPS = 1e-30
DECAY_POWER = -0.8


class Adafactor(Optimizer):
    def __init__(self, params: Any, lr: float, weight_decay: float = 0.0, clip: float = 1.0) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "clip": clip})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = closure() if closure else None
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._move(p, p.grad.float(), group)
        return loss

    def _move(self, p: Tensor, grad: Tensor, group: dict[str, Any]) -> None:
        state = self.state[p]
        matrix = grad.flatten(1) if grad.ndim > 1 else grad
        factored = matrix.ndim == 2
        if not state:
            state["step"] = torch.zeros(())
            if factored:
                state["rows"] = torch.zeros(matrix.shape[0], device=p.device)
                state["columns"] = torch.zeros(matrix.shape[1], device=p.device)
            else:
                state["square"] = torch.zeros_like(matrix)
        state["step"] += 1
        beta = 1 - float(state["step"]) ** DECAY_POWER
        square = matrix**2 + EPS
        if factored:
            state["rows"].lerp_(square.mean(1), 1 - beta)
            state["columns"].lerp_(square.mean(0), 1 - beta)
            rows = state["rows"] / state["rows"].mean()
            update = matrix * torch.outer(rows, state["columns"]).rsqrt()
        else:
            state["square"].lerp_(square, 1 - beta)
            update = matrix * state["square"].rsqrt()
        update /= (update.norm() / update.numel() ** 0.5 / group["clip"]).clamp(min=1)
        if group["weight_decay"]:
            p.mul_(1 - group["lr"] * group["weight_decay"])
        p.sub_(update.view_as(p), alpha=group["lr"])
