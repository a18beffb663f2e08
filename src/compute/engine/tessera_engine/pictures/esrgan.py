"""The ESRGAN family of enlargers (RRDBNet), read from safetensors.

Two ways of naming the same network are about: the old one of ESRGAN's authors (`model.0`, `model.1.sub.…RDB1.conv1.0`)
and the new one of Real-ESRGAN (`conv_first`, `body.0.rdb1.conv1`). Widths, depth and scale are told from the shapes.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors import safe_open
from torch import Tensor, nn

from ..errors import EngineError
from ..header import Header, read_header

MAX_WIDTH, MAX_BLOCKS = 256, 64
_OLD_BODY = re.compile(r"model\.1\.sub\.(\d+)\.(?:RDB(\d)\.conv(\d)\.0|(weight|bias)$)")


class Dense(nn.Module):
    """Five convolutions, each of which sees all that came before."""

    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        for i in range(1, 6):
            out = growth if i < 5 else width
            setattr(self, f"conv{i}", nn.Conv2d(width + (i - 1) * growth, out, 3, padding=1))

    def forward(self, x: Tensor) -> Tensor:
        seen = [x]
        for i in range(1, 5):
            seen.append(F.leaky_relu(getattr(self, f"conv{i}")(torch.cat(seen, 1)), 0.2))
        return x + 0.2 * self.conv5(torch.cat(seen, 1))


class Block(nn.Module):
    def __init__(self, width: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (Dense(width, growth) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        return x + 0.2 * self.rdb3(self.rdb2(self.rdb1(x)))


class RrdbNet(nn.Module):
    """[n, 3, h, w] in 0..1 → [n, 3, h · scale, w · scale]. A scale under 4 folds pixels into channels first."""

    def __init__(self, width: int, growth: int, blocks: int, doublings: int, fold: int) -> None:
        super().__init__()
        self.fold, self.doublings = fold, doublings
        self.scale = 2**doublings // fold
        self.conv_first = nn.Conv2d(3 * fold * fold, width, 3, padding=1)
        self.body = nn.Sequential(*(Block(width, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(width, width, 3, padding=1)
        for i in range(1, doublings + 1):
            setattr(self, f"conv_up{i}", nn.Conv2d(width, width, 3, padding=1))
        self.conv_hr = nn.Conv2d(width, width, 3, padding=1)
        self.conv_last = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv_first(F.pixel_unshuffle(x, self.fold) if self.fold > 1 else x)
        x = x + self.conv_body(self.body(x))
        for i in range(1, self.doublings + 1):
            x = F.leaky_relu(getattr(self, f"conv_up{i}")(F.interpolate(x, scale_factor=2, mode="nearest")), 0.2)
        return self.conv_last(F.leaky_relu(self.conv_hr(x), 0.2))


def new_name(name: str) -> str | None:
    """Any name of a tensor in Real-ESRGAN's way, or None for what is no part of the network."""
    name = name.removeprefix("module.").removeprefix("params_ema.").removeprefix("params.")
    if not name.startswith("model."):
        return name if re.match(r"(conv_first|body\.\d+\.rdb[123]\.conv[1-5]|conv_\w+)\.(weight|bias)$", name) else None
    leaf = name.rpartition(".")[2]
    if name.startswith("model.0."):
        return f"conv_first.{leaf}"
    found = _OLD_BODY.match(name)
    if found is None:
        return name  # the tail, whose numbers depend on the scale: see `tail_names`
    block, dense, conv, _ = found.groups()
    return f"body.{block}.rdb{dense}.conv{conv}.{leaf}" if dense else f"conv_body.{leaf}"


def tail_names(numbers: list[int]) -> dict[int, str]:
    """Old files number their tail: the ups first, then hr, then last."""
    ups = numbers[:-2]
    return {n: f"conv_up{i + 1}" for i, n in enumerate(ups)} | {numbers[-2]: "conv_hr", numbers[-1]: "conv_last"}


def rename(names: list[str]) -> dict[str, str]:
    """Name in the file → name in the network. Throws `model_invalid` if it is no network of this family."""
    renamed = {name: new for name in names if (new := new_name(name))}
    tail = sorted({int(n.split(".")[1]) for n in renamed.values() if n.startswith("model.")})
    if tail and len(tail) >= 2:
        table = tail_names(tail)
        renamed = {
            old: f"{table[int(new.split('.')[1])]}.{new.rpartition('.')[2]}" if new.startswith("model.") else new
            for old, new in renamed.items()
        }
    if "conv_first.weight" not in renamed.values() or "conv_last.weight" not in renamed.values():
        raise EngineError("model_invalid", "This file is no enlarger of the ESRGAN family.")
    return renamed


def is_upscaler(header: Header) -> bool:
    try:
        return bool(rename(list(header.tensors)))
    except EngineError:
        return False


def load_upscaler(path: Path, device: torch.device, check: Callable[[], None]) -> RrdbNet:
    """In fp32. Throws `model_invalid`, `model_unsafe`, `arch_mismatch`."""
    header = read_header(path)
    renamed = rename(list(header.tensors))
    shapes = {new: header.tensors[old].shape for old, new in renamed.items()}
    blocks = 1 + max((int(n.split(".")[1]) for n in shapes if n.startswith("body.")), default=-1)
    first, inner = shapes["conv_first.weight"], shapes.get("body.0.rdb1.conv1.weight")
    doublings = sum(n.startswith("conv_up") and n.endswith("weight") for n in shapes)
    folds = {3: 1, 12: 2, 48: 4}
    if inner is None or len(first) != 4 or len(inner) != 4 or first[1] not in folds or not 1 <= doublings <= 3:
        raise EngineError("arch_mismatch", "This enlarger has another shape than ESRGAN's.")
    if max(first[0], inner[0]) > MAX_WIDTH or blocks > MAX_BLOCKS:
        raise EngineError("arch_mismatch", "This enlarger is larger than any of its family.")
    with torch.device("meta"):
        net = RrdbNet(first[0], inner[0], blocks, doublings, folds[first[1]])
    wanted = net.state_dict()
    if wanted.keys() != shapes.keys() or any(wanted[n].shape != shapes[n] for n in wanted):
        raise EngineError("arch_mismatch", "This enlarger has another shape than ESRGAN's.")
    state = {}
    with safe_open(path, framework="pt", device="cpu") as file:
        for old, new in renamed.items():
            check()
            state[new] = file.get_tensor(old).to(device, torch.float32)
            if not torch.isfinite(state[new]).all():
                raise EngineError("model_invalid", "The enlarger holds numbers that are not finite.")
    net.load_state_dict(state, assign=True)
    return net.requires_grad_(False).eval()
