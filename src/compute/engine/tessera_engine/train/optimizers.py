"""The optimizers by their names on the wire, and their state as plain tensors."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from .adafactor import Adafactor
from .layers import Lora
from .params import TrainParams
from .prodigy import Prodigy


def find_bitsandbytes() -> Any | None:
    """The library, where it is installed and there is a GPU for it."""
    if not torch.cuda.is_available():
        return None
    try:
        return importlib.import_module("bitsandbytes")
    except Exception:  # a build for another CUDA fails in many ways
        return None


def make_optimizer(params: TrainParams, lora: Lora, kind: str, warn: Callable[[str, str], None]) -> Optimizer:
    """kind: one of OPTIMIZERS. The rate of each group times `lr_factor` is set before each step."""
    groups = [
        {"params": lora.parameters(part), "lr": lr, "base_lr": lr}
        for part, lr in (("unet", params.unet_lr), ("te", params.te_lr))
        if lr and lora.parameters(part)
    ]
    decay = params.weight_decay
    if kind == "adamw8bit":
        library = find_bitsandbytes()
        if library is not None:
            return library.optim.AdamW8bit(groups, weight_decay=decay)
        warn("optimizer_fallback", "bitsandbytes is not installed: AdamW takes the place of AdamW 8-bit.")
    if kind == "adafactor":
        return Adafactor(groups, lr=0.0, weight_decay=decay)
    if kind == "prodigy":
        return Prodigy(groups, weight_decay=decay)
    return torch.optim.AdamW(groups, weight_decay=decay, fused=True)


def set_lr(optimizer: Optimizer, factor: float) -> float:
    """The learning rate of the first group, for people to see."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
    shown = optimizer.param_groups[0]["lr"]
    return shown * optimizer.d if isinstance(optimizer, Prodigy) else shown


def state_tensors(optimizer: Optimizer) -> dict[str, Tensor]:
    """ "0.exp_avg" and so on: the number of the weight, the name in its state."""
    found = {}
    for i, state in optimizer.state_dict()["state"].items():
        for name, value in state.items():
            found[f"{i}.{name}"] = value if isinstance(value, Tensor) else torch.tensor(value)
    return found


def load_state_tensors(optimizer: Optimizer, tensors: dict[str, Tensor]) -> None:
    """Not by `load_state_dict`, which casts all to the type of the weight, and so loses digits of Prodigy's d."""
    weights = [p for group in optimizer.param_groups for p in group["params"]]
    fused = isinstance(optimizer, torch.optim.AdamW)
    for key, value in tensors.items():
        i, _, name = key.partition(".")
        weight = weights[int(i)]
        if value.ndim == 0 and value.dtype == torch.int64:
            optimizer.state[weight][name] = int(value)  # bitsandbytes counts in plain numbers
        else:
            optimizer.state[weight][name] = value.to(weight.device) if value.ndim or fused else value.clone()
