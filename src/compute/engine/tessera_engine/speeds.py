"""How long a generation will take and what it needs: measured on this device, else by the formula of a table.

Seconds = evaluations × FLOP of one / (u × peak) + decoding. FLOP of the forward pass of one sample: SD1.5 at 512² 0.68 T,
SDXL at 1024² 5.98 T, and in proportion to the pixels. u is what PyTorch reaches in the field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch

from .families import Family
from .params import GenerateParams
from .samplers import SAMPLERS

if TYPE_CHECKING:
    from .device import Device

#: Family → (pixels, 10¹² operations of one evaluation at that size, bytes of its weights in 16 bits).
_WORK = {"sd15": (512**2, 0.68, 2.1e9), "sdxl": (1024**2, 5.98, 7.0e9), "tiny": (32**2, 0.00005, 8e6)}
#: 10¹² operations a second, dense, in 16 bits, by a word in the card's name; the first that fits.
_PEAKS = (
    ("H200", 790), ("H100", 790), ("A100", 312), ("L40", 181), ("A6000", 155), ("A10", 125), ("T4", 65), ("4090", 165),
    ("4080", 97), ("4070", 60), ("4060", 35), ("3090", 71), ("3080", 60), ("3070", 41), ("3060", 26),
)  # fmt: skip
_OTHER_GPU, _CPU_THREAD = 30.0, 0.03
_USUAL, _SLOW = 0.2, 0.1
_DECODING_SHARE = 0.15
_KEPT = 0.8


@dataclass
class Speed:
    """Running means over jobs: seconds of one evaluation for one image, of what is beside it, and how far off they were."""

    evaluation_s: float
    beside_s: float
    spread: float
    vram_bytes: int


class Speeds:
    def __init__(self) -> None:
        self._known: dict[tuple[str, int, torch.dtype], Speed] = {}

    def learn(self, key: tuple[str, int, torch.dtype], evaluations: float, denoise_s: float, beside_s: float, vram: int) -> None:
        """From one job: `evaluations` counts each image's own, guidance included in one."""
        now, known = denoise_s / max(1.0, evaluations), self._known.get(key)
        if known is None:
            self._known[key] = Speed(now, beside_s, 0.25, vram)
            return
        off = abs(now - known.evaluation_s) / known.evaluation_s
        mix = lambda old, new: _KEPT * old + (1 - _KEPT) * new  # noqa: E731
        self._known[key] = Speed(
            mix(known.evaluation_s, now), mix(known.beside_s, beside_s), mix(known.spread, off), max(known.vram_bytes, vram)
        )

    def estimate(self, params: GenerateParams, family: Family, device: Device) -> dict[str, Any]:
        evaluations, pixels = count_evaluations(params), params.width * params.height
        known = self._known.get((family.name, pixels, device.dtype))
        # The sizes of one picture: 3 bytes a pixel, less in the end, and its metadata.
        disk_mb = max(1, round(params.count * final_pixels(params) * 3 / (1 << 20)))
        if known is not None:
            seconds = evaluations * known.evaluation_s + params.count * known.beside_s
            return {"seconds_p50": round(seconds, 2), "seconds_p90": round(seconds * (1 + 2 * known.spread), 2),
                    "vram_mb": known.vram_bytes >> 20, "disk_mb": disk_mb, "basis": "measured"}  # fmt: skip
        size, work, weights = _WORK.get(family.name, _WORK["sd15"])
        work *= pixels / size * (2 if params.cfg != 1 else 1)
        seconds = [evaluations * work / (u * _peak(device)) * (1 + _DECODING_SHARE) for u in (_USUAL, _SLOW)]
        vram = weights * (2 if device.dtype == torch.float32 else 1) + 3e-3 * 1e6 * pixels / 512
        return {"seconds_p50": round(seconds[0], 2), "seconds_p90": round(seconds[1], 2),
                "vram_mb": round(vram / (1 << 20)) if device.is_cuda else 0, "disk_mb": disk_mb, "basis": "table"}  # fmt: skip


def count_evaluations(params: GenerateParams) -> float:
    """Of all images; those of the second pass count by their pixels."""
    each = SAMPLERS[params.sampler].evaluations
    share = 1.0 if params.init is None else params.init.denoise
    total = params.steps * share
    if params.hires is not None and params.hires.denoise > 0:
        total += (params.hires.steps or params.steps) * final_pixels(params) / (params.width * params.height)
    return total * each * params.count


def final_pixels(params: GenerateParams) -> float:
    if params.hires is None:
        return params.width * params.height
    if params.hires.size:
        return params.hires.size[0] * params.hires.size[1]
    return params.width * params.height * (params.hires.scale or 1) ** 2


def _peak(device: Device) -> float:
    if not device.is_cuda:
        return _CPU_THREAD * torch.get_num_threads()
    name = torch.cuda.get_device_name(0)
    peak = next((peak for word, peak in _PEAKS if word in name), _OTHER_GPU)
    return peak / 4 if device.dtype == torch.float32 else peak
