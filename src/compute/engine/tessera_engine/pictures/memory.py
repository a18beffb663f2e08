"""The rungs of the memory ladder for a generation, and which of them a size has needed before."""

from __future__ import annotations

from typing import Any

import torch

from ..engine import Engine
from ..job import Job
from ..ladder import Ladder, Rung
from ..materials import Materials
from ..offload import bring_back, offload_blocks
from ..params import GenerateParams


class Rungs:
    def __init__(self, engine: Engine, job: Job, params: GenerateParams, materials: Materials, batch_size: int) -> None:
        self._engine, self._materials = engine, materials
        self.batch_size = batch_size
        self._key = (materials.model.family.name, materials.final[0] * materials.final[1])
        self._offloaded: list[Any] = []
        self._texts_moved = False
        width, height = (side // 2 // 8 * 8 for side in (params.width, params.height))
        rungs = [
            Rung("evict", lambda: engine.cache.drop_all_but(*materials.keys) > 0),
            Rung("vae_tiling", materials.vae.tile),
            Rung("halve_batch", self._halve),
            Rung("text_encoders_to_cpu", self._move_texts),
            Rung("offload_layers", self._offload),
        ]

        def took(name: str) -> None:
            job.warn("oom_step", name)
            engine.known_rungs.setdefault(self._key, []).append(name)

        hint = f"Try {width} × {height}, or a GPU with more memory."
        self.ladder = Ladder(rungs, took, lambda: hint, engine.device.is_cuda)
        # What this size needed the last time is done at once, but for others' models: they may be gone already.
        known = engine.known_rungs.get(self._key, [])
        for rung in rungs[1:]:
            for _ in range(known.count(rung.name)):
                rung.take()

    def close(self) -> None:
        """The model goes back to the cache as it came."""
        self._materials.vae.close()
        model, device = self._materials.model, self._engine.device
        if self._offloaded:
            bring_back(model.unet, device.torch, self._offloaded)
        if self._texts_moved:
            for text in model.texts:
                text.to(device.torch, device.dtype)

    def _halve(self) -> bool:
        gain = self.batch_size > 1
        self.batch_size = max(1, self.batch_size // 2)
        return gain

    def _move_texts(self) -> bool:
        """Both text encoders to the machine's memory, in fp32 because a CPU knows little else."""
        if not self._engine.device.is_cuda or self._texts_moved:
            return False
        self._texts_moved = True
        for text in self._materials.model.texts:
            text.to("cpu", torch.float32)
        return True

    def _offload(self) -> bool:
        if not self._engine.device.is_cuda or self._offloaded:
            return False
        self._offloaded = offload_blocks(self._materials.model.unet, self._engine.device.torch, torch.device("cpu"))
        return True
