"""The last resort of the memory ladder: the UNet's blocks live in the machine's memory and visit the GPU one by one."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


def blocks_of(unet: Any) -> list[nn.Module]:
    return [*unet.down_blocks, unet.mid_block, *unet.up_blocks]


def offload_blocks(unet: Any, device: torch.device, home: torch.device) -> list[Any]:
    """Handles to remove, by `bring_back`. Results do not change, only the time that they take."""
    handles: list[Any] = []
    for block in blocks_of(unet):
        block.to(home)
        handles.append(block.register_forward_pre_hook(lambda module, _args: module.to(device) and None))
        handles.append(block.register_forward_hook(lambda module, _args, _output: module.to(home) and None))
    return handles


def bring_back(unet: Any, device: torch.device, handles: list[Any]) -> None:
    for handle in handles:
        handle.remove()
    handles.clear()
    for block in blocks_of(unet):
        block.to(device)
