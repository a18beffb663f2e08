"""What the engine computes on, and what it costs."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from typing import Any

import torch

MIB = 1 << 20


@dataclass(frozen=True)
class Device:
    torch: torch.device
    #: Of the UNet and the text encoders.
    dtype: torch.dtype
    #: Of the VAE: SDXL's overflows in fp16, so never that.
    vae_dtype: torch.dtype

    @property
    def is_cuda(self) -> bool:
        return self.torch.type == "cuda"


def pick_device(dtype: str = "auto") -> Device:
    """dtype: "auto", "fp32", "fp16" or "bf16". A CPU always computes in fp32."""
    if not torch.cuda.is_available():
        return Device(torch.device("cpu"), torch.float32, torch.float32)
    brain = torch.cuda.is_bf16_supported(including_emulation=False)
    chosen = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}.get(dtype)
    chosen = chosen or (torch.bfloat16 if brain else torch.float16)
    torch.backends.cuda.matmul.allow_tf32 = True
    torch.backends.cudnn.allow_tf32 = True
    return Device(torch.device("cuda", 0), chosen, torch.bfloat16 if brain and dtype != "fp32" else torch.float32)


def describe_device() -> dict[str, Any]:
    """The `device` of `hello`; memory in MiB."""
    if not torch.cuda.is_available():
        return {"kind": "cpu", "name": platform.processor() or platform.machine(), "threads": torch.get_num_threads(),
                "vram_total": 0, "vram_free": 0, "bf16": False, "fp8": False}  # fmt: skip
    found = torch.cuda.get_device_properties(0)
    free, total = torch.cuda.mem_get_info(0)
    return {
        "kind": "cuda", "name": found.name, "uuid": str(getattr(found, "uuid", "")),
        "vram_total": total // MIB, "vram_free": free // MIB, "cc": f"{found.major}.{found.minor}",
        "bf16": torch.cuda.is_bf16_supported(including_emulation=False), "fp8": (found.major, found.minor) >= (8, 9),
    }  # fmt: skip


def memory_use() -> dict[str, int]:
    """MiB: what this process holds now, and its peak on the GPU."""
    use = {"rss_mb": _resident_bytes() // MIB, "vram_mb": 0, "vram_peak_mb": 0}
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        use |= {"vram_mb": torch.cuda.memory_allocated() // MIB, "vram_peak_mb": torch.cuda.max_memory_allocated() // MIB}
    return use


def _resident_bytes() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def free_unused() -> None:
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    return isinstance(error, torch.OutOfMemoryError | MemoryError) or "DefaultCPUAllocator: can't allocate" in str(error)


def is_broken_gpu(error: BaseException) -> bool:
    """A "sticky" error: every later call would fail too, so the process must end."""
    text = str(error)
    return isinstance(error, RuntimeError) and "CUDA error" in text and "out of memory" not in text
