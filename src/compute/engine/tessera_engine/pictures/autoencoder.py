"""Pixels ↔ latents, one picture at a time, so that an image does not depend on its neighbours."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..errors import EngineError
from ..families import Family
from ..job import Job


class Autoencoder:
    def __init__(self, vae: Any, family: Family, device: torch.device, job: Job) -> None:
        self.vae, self._family, self._device, self._job = vae, family, device, job
        self.tiled = False

    @property
    def _dtype(self) -> torch.dtype:
        return next(self.vae.parameters()).dtype

    def tile(self) -> bool:
        """In pieces that overlap, for large pictures; False if it is so already."""
        gain, self.tiled = not self.tiled, True
        self.vae.enable_slicing()
        self.vae.enable_tiling()
        return gain

    def close(self) -> None:
        """The VAE goes back to the cache as it came."""
        self.vae.disable_slicing()
        self.vae.disable_tiling()

    def encode(self, pixels: Tensor) -> Tensor:
        """[n, 3, h, w] in -1..1 → the mean of the latents, scaled, float32. The mean, so that chance has no part in it."""
        return self._in_two_precisions(pixels, self._encode, "encoding")

    def decode(self, latents: Tensor) -> Tensor:
        """Pixels [n, 3, h, w] in -1..1, float32, on the device. Throws `nan_output`."""
        if not torch.isfinite(latents).all():
            raise EngineError("nan_output", "The model gave numbers that are not finite.")
        return self._in_two_precisions(latents, self._decode, "decoding")

    def _in_two_precisions(self, values: Tensor, work: Any, name: str) -> Tensor:
        result = self._each(values, work)
        if not torch.isfinite(result).all() and self._dtype != torch.float32:
            self._job.warn("nan_retry", f"The VAE gave numbers that are not finite; {name} again in fp32.")
            self.vae.to(torch.float32)
            result = self._each(values, work)
        if not torch.isfinite(result).all():
            raise EngineError("nan_output", "The VAE gave numbers that are not finite, in fp32 too.")
        return result

    @torch.no_grad()
    def _each(self, values: Tensor, work: Any) -> Tensor:
        rows = []
        for row in values.split(1):
            self._job.check()
            rows.append(work(row.to(self._device, self._dtype)).float())
        return torch.cat(rows)

    def _encode(self, row: Tensor) -> Tensor:
        return self.vae.encode(row).latent_dist.mode() * self._family.scaling_factor

    def _decode(self, row: Tensor) -> Tensor:
        return self.vae.decode(row / self._family.scaling_factor).sample
