"""What lives as long as the process: device, roots, loaded models."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from .cache import ModelCache
from .captioner.model import has_captioner
from .device import Device, pick_device
from .errors import EngineError
from .families import Family, list_families
from .fields import Fields, FileRef
from .hashes import file_sha256
from .load import Model, Part, load_model, load_vae
from .merge.blocks import describe_merging
from .noise import MODES
from .pictures.esrgan import load_upscaler
from .roots import Roots
from .samplers import AUTOMATIC, SAMPLERS, list_schedules
from .sampling.schedules import SCHEDULES
from .speeds import Speeds
from .tensors import open_source
from .train.params import OPTIMIZERS
from .train.presets import describe_training

MIB = 1 << 20


class Engine:
    def __init__(self) -> None:
        self.device: Device = pick_device()
        self.roots = Roots({})
        self.test_families = False
        self.max_batch = 4
        self.compiles = False
        gpu = self.device.is_cuda
        self.cache = ModelCache(
            _default_budget(self.device),
            _half_of_memory() if gpu else 0,
            self.device.torch,
            torch.cuda.memory_allocated if gpu else None,
        )
        #: What a size needed when memory ran out last: (family, pixels) → rungs of the ladder that were taken.
        self.known_rungs: dict[tuple[str, int], list[str]] = {}
        self.speeds = Speeds()
        #: Seconds for each picture that a training was shown, by what matters for it.
        self.train_speeds: dict[Any, float] = {}

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
        limits = [fields.count(name, 0, 1 << 24, 0) * MIB for name in ("vram_limit_mb", "ram_limit_mb")]
        near, far = limits if self.device.is_cuda else (limits[1], 0)
        self.cache.budget_bytes = near or self.cache.budget_bytes
        self.cache.ram_budget_bytes = far or self.cache.ram_budget_bytes
        self.compiles = fields.choice("compile", ("off", "on"), "off") == "on"

    @contextmanager
    def computing_in(self, dtype: str) -> Iterator[None]:
        """For the length of one job in another precision than that of `configure`: "fp32", "fp16" or "bf16"."""
        before, self.device = self.device, pick_device(dtype)
        try:
            yield
        finally:
            self.device = before

    def key_of(self, model: Model) -> str:
        return f"{model.sha256}-{self.device.dtype}"

    def load_model(self, file: str, digest: str | None, check: Callable[[], None], where: str) -> Model:
        """From the cache if it is there. Throws `model_not_found` and what `load_model` throws."""
        path = self.roots.find_model(file, where)
        source = open_source(path)
        digest = digest or source.sha256(check)
        size = source.header.total_bytes

        def load() -> Model:
            model = load_model(path, self.device, self.test_families, check, digest)
            if self.compiles:
                # Where no compiler is found the model runs as it is. LoRAs are merged in place, so graphs stay valid.
                torch._dynamo.config.suppress_errors = True
                model.unet.compile()
            return model

        return self.cache.get(f"{digest}-{self.device.dtype}", size, load)

    def load_vae(self, ref: FileRef, family: Family, check: Callable[[], None], where: str) -> Part:
        path = self.roots.find("models", ref.file, where)
        digest = self.checked_sha256(path, ref, check, where)
        load = lambda: Part(digest, load_vae(path, family, self.device, check))  # noqa: E731
        return self.cache.get(f"{digest}-{family.name}-vae", os.path.getsize(path), load)

    def load_upscaler(self, file: str, check: Callable[[], None], where: str) -> Part:
        path = self.roots.find("models", file, where)
        digest = file_sha256(path, check)
        load = lambda: Part(digest, load_upscaler(path, self.device.torch, check))  # noqa: E731
        return self.cache.get(f"{digest}-upscaler", os.path.getsize(path), load)

    def checked_sha256(self, path: Path, ref: FileRef, check: Callable[[], None], where: str) -> str:
        """Throws `model_invalid` when it is not what was asked for."""
        digest = file_sha256(path, check)
        if ref.sha256 and ref.sha256 != digest:
            raise EngineError("model_invalid", "The file is not the one that was asked for: its SHA-256 differs.", where)
        return digest

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
            "tasks": [
                *["txt2img", "img2img", "inpaint", "hires", "upscale", "train", "merge"],
                *(["caption"] if has_captioner(self.roots.maybe("captioner")) else []),
            ],
            "samplers": list(SAMPLERS),
            "schedules": [AUTOMATIC, *SCHEDULES],
            "sampler_schedules": {name: list_schedules(name) for name in SAMPLERS},
            "optimizers": list(OPTIMIZERS),
            "training": describe_training([*families]),
            "merging": describe_merging([*families]),
            "lora_formats": ["kohya", "locon", "peft", "diffusers"],
            "max_pixels": max(f["max_pixels"] for f in families.values()),
            "upscalers": ["latent", "lanczos", "model"],
            "formats": ["png", "webp", "jpeg"],
            "rng": list(MODES),
            "features": [
                "preview",
                "cancel",
                "clip_skip",
                "cfg_rescale",
                "eta",
                "subseed",
                "vae",
                "loras",
                "embeddings",
                "batch",
                "batch1",
            ],
        }


def _default_budget(device: Device) -> int:
    """What may stay loaded: 70 % of the GPU's memory, or half of the machine's."""
    if device.is_cuda:
        return int(torch.cuda.get_device_properties(0).total_memory * 0.7)
    return _half_of_memory()


def _half_of_memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
