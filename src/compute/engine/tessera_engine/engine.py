"""What lives as long as the process: device, roots, loaded models."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import torch

from .cache import ModelCache
from .device import Device, pick_device
from .errors import EngineError
from .families import list_families
from .load import Model, load_model
from .params import Fields
from .roots import Roots
from .samplers import AUTOMATIC, SAMPLERS, SCHEDULES, list_schedules
from .tensors import open_source

MIB = 1 << 20


class Engine:
    def __init__(self) -> None:
        self.device: Device = pick_device()
        self.roots = Roots({})
        self.test_families = False
        self.max_batch = 4
        self.cache = ModelCache(_default_budget(self.device))

    def configure(self, message: dict[str, Any]) -> None:
        """Takes a `configure` message. Throws `bad_params`."""
        fields = Fields(message, "configure")
        roots = message.get("roots", {})
        if not isinstance(roots, dict) or not all(isinstance(v, str) for v in roots.values()):
            raise EngineError("bad_params", "roots is a map of folders.", "roots")
        self.roots = Roots(roots)
        self.test_families = fields.flag("test_families", False)
        threads = fields.count("threads", 0, 1024, 0)
        if threads:
            torch.set_num_threads(threads)
        if fields.flag("deterministic", False):
            torch.use_deterministic_algorithms(True, warn_only=True)
        self.max_batch = fields.count("max_batch", 1, 64, self.max_batch)
        self.device = pick_device(fields.choice("dtype", ("auto", "fp32", "fp16", "bf16"), "auto"))
        limit = fields.count("vram_limit_mb" if self.device.is_cuda else "ram_limit_mb", 0, 1 << 24, 0)
        if limit:
            self.cache.budget_bytes = limit * MIB

    def key_of(self, model: Model) -> str:
        return f"{model.sha256}-{self.device.dtype}"

    def load_model(self, file: str, digest: str | None, check: Callable[[], None], where: str) -> Model:
        """From the cache if it is there. Throws `model_not_found` and what `load_model` throws."""
        path = self.roots.find_model(file, where)
        source = open_source(path)
        digest = digest or source.sha256(check)
        size = source.header.total_bytes
        load = lambda: load_model(path, self.device, self.test_families, check, digest)  # noqa: E731
        return self.cache.get(f"{digest}-{self.device.dtype}", size, load)

    def caps(self) -> dict[str, Any]:
        """What menus are built from."""
        families = {
            f.name: {
                "label": f.label, "base_model": f.civitai_base, "min_size": f.min_size, "max_size": f.max_size,
                "size_step": f.size_step, "default_size": f.default_size, "max_pixels": f.max_pixels,
            }
            for f in list_families(self.test_families)
        }  # fmt: skip
        return {
            "families": families,
            "tasks": ["txt2img"],
            "samplers": list(SAMPLERS),
            "schedules": [AUTOMATIC, *SCHEDULES],
            "sampler_schedules": {name: list_schedules(name) for name in SAMPLERS},
            "optimizers": [],
            "lora_formats": ["kohya", "locon", "peft", "diffusers"],
            "max_pixels": max(f["max_pixels"] for f in families.values()),
            "features": ["preview", "cancel", "clip_skip", "cfg_rescale", "vae", "loras", "batch1"],
        }


def _default_budget(device: Device) -> int:
    """What may stay loaded: 70 % of the GPU's memory, or half of the machine's."""
    if device.is_cuda:
        return int(torch.cuda.get_device_properties(0).total_memory * 0.7)
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
