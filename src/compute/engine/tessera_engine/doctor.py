"""What the engine runs on and how fast that is, for `npm run engine:doctor`. No model file is needed: the networks are
built from their shapes with random weights, whose work is the same."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from typing import Any

import torch
from diffusers.models import UNet2DConditionModel

from .device import Device, describe_device, pick_device
from .families import load_family
from .versions import find_missing, versions

_BENCH_S = 2.0
#: 10¹² operations of one step of SD1.5 at 512² with guidance.
_STEP_WORK = 2 * 0.68


def examine() -> dict[str, Any]:
    """`versions`, `device`, `speed` and `remarks` in words for the owner."""
    device = pick_device()
    tflops = measure_tflops(device)
    speed: dict[str, Any] = {"tflops": round(tflops, 2), "dtype": str(device.dtype).removeprefix("torch.")}
    name = "sd15" if device.is_cuda else "tiny"
    speed |= {"family": name, "steps_per_s": round(measure_steps(name, device), 2)}
    if not device.is_cuda:
        # A processor reaches about a third of what it does on large matrices.
        speed["sd15_step_s_estimate"] = round(_STEP_WORK / max(tflops / 3, 1e-3), 1)
    return {"versions": versions(), "device": describe_device(), "speed": speed, "remarks": _remarks(device)}


def _remarks(device: Device) -> list[str]:
    found = []
    missing = find_missing()
    if missing:
        found.append(f"The engine needs {missing}.")
    if not device.is_cuda:
        found.append("There is no GPU that torch can use. Pictures take minutes, and training takes days.")
    elif torch.cuda.get_device_properties(0).total_memory < 6 << 30:
        found.append("The GPU has less than 6 GB: SD1.5 works, SDXL will move its layers to and fro.")
    if os.name == "posix" and shutil.which("bwrap") is None:
        found.append("bubblewrap (bwrap) is not installed, so the engine is not in a sandbox of its own.")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if memory < 12 << 30:
        found.append("The machine has less than 12 GB of memory: loading SDXL may fail.")
    return found


def _per_second(work: Callable[[], object], device: Device) -> float:
    work()
    _wait(device)
    started, count = time.perf_counter(), 0
    while count < 2 or time.perf_counter() - started < _BENCH_S:
        work()
        _wait(device)
        count += 1
    return count / (time.perf_counter() - started)


def _wait(device: Device) -> None:
    if device.is_cuda:
        torch.cuda.synchronize()


def measure_tflops(device: Device) -> float:
    """10¹² operations a second on square matrices."""
    size = 8192 if device.is_cuda else 1024
    a, b = (torch.randn(size, size, device=device.torch, dtype=device.dtype) for _ in range(2))
    return _per_second(lambda: a @ b, device) * 2 * size**3 / 1e12


@torch.no_grad()
def measure_steps(name: str, device: Device) -> float:
    """Steps a second with guidance, at the family's own size."""
    family = load_family(name)
    with torch.device(device.torch):
        unet = UNet2DConditionModel.from_config(family.unet).to(device.dtype).eval()
    side = family.default_size // family.vae_scale
    x = torch.randn(2, 4, side, side, device=device.torch, dtype=device.dtype)
    context = torch.randn(2, 77, family.context_dim, device=device.torch, dtype=device.dtype)
    return _per_second(lambda: unet(x, 500, context).sample, device)
