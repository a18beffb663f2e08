"""Prodigy (arXiv 2306.06101): AdamW that finds its own step size d; the learning rate is a factor of it, 1 as a rule.

d grows with the evidence that the start is far away: the inner product of the gradients with the way already gone,
over the sum of the gradients. It never falls. The names follow the paper's algorithm 4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Optimizer

FIRST_D = 1e-6


class Prodigy(Optimizer):
    def __init__(
        self, params: Any, lr: float = 1.0, weight_decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.99), eps: float = 1e-8
    ) -> None:
        super().__init__(params, {"lr": lr, "weight_decay": weight_decay, "betas": betas, "eps": eps})
        # In the state of the first weight, so that it is saved and loaded with the rest.
        first = self.param_groups[0]["params"][0]
        self.state[first]["d"] = torch.tensor(FIRST_D, dtype=torch.float64)
        self.state[first]["r"] = torch.tensor(0.0, dtype=torch.float64)

    @property
    def d(self) -> float:
        return float(self.state[self.param_groups[0]["params"][0]]["d"])

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        loss = closure() if closure else None
        shared = self.state[self.param_groups[0]["params"][0]]
        d = float(shared["d"])
        beta3 = self.param_groups[0]["betas"][1] ** 0.5
        r, norm = beta3 * float(shared["r"]), 0.0
        moved = [(group, p) for group in self.param_groups for p in group["params"] if p.grad is not None and group["lr"] > 0]
        dots, sums = [], []
        for group, p in moved:
            state, grad, lr = self.state[p], p.grad.float(), group["lr"]
            if "start" not in state:
                state["start"] = p.detach().clone()
                for name in ("m", "v", "s"):
                    state[name] = torch.zeros_like(p)
            beta1, beta2 = group["betas"]
            weight = d / FIRST_D * d * lr
            dots.append(weight * torch.sum(grad * (state["start"] - p)).double())
            state["m"].mul_(beta1).add_(grad, alpha=d * (1 - beta1))
            state["v"].mul_(beta2).addcmul_(grad, grad, value=d * d * (1 - beta2))
            state["s"].mul_(beta3).add_(grad, alpha=weight)
            sums.append(state["s"].abs().sum().double())
        if sums:
            r += float(torch.stack(dots).sum())
            norm = float(torch.stack(sums).sum())
        if norm == 0:
            return loss
        shared["r"].fill_(r)
        d = max(d, r / norm)
        for group, p in moved:
            state, lr = self.state[p], group["lr"]
            if group["weight_decay"]:
                p.mul_(1 - d * lr * group["weight_decay"])
            p.addcdiv_(state["m"], state["v"].sqrt().add_(d * group["eps"]), value=-d * lr)
        shared["d"].fill_(d)
        return loss
