"""Pictures → latents, kept in main memory or made anew in each step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..device import Device
from ..errors import EngineError
from ..load import Model
from .pictures import Picture, load_pixels


class Latents:
    """Scaled latents of each picture, [4, height, width], and of its mirror image where wanted."""

    def __init__(self, model: Model, pictures: list[Picture], device: Device) -> None:
        self._model, self._pictures, self._device = model, pictures, device
        self._kept: dict[tuple[int, bool], Tensor] = {}

    def cache(self, flip: bool, on_picture: Callable[[int, int], None]) -> None:
        for i in range(len(self._pictures)):
            on_picture(i, len(self._pictures))
            for mirrored in (False, True) if flip else (False,):
                if (i, mirrored) not in self._kept:
                    self._kept[i, mirrored] = self._encode(i, mirrored).cpu()
        on_picture(len(self._pictures), len(self._pictures))

    def batch(self, items: list[tuple[int, bool]]) -> Tensor:
        """[batch, 4, height, width] in fp32 on the device. items: (index, mirrored), all of one bucket."""
        rows = [self._kept[item] if item in self._kept else self._encode(*item) for item in items]
        return torch.stack([row.to(self._device.torch) for row in rows])

    @torch.no_grad()
    def _encode(self, i: int, mirrored: bool) -> Tensor:
        pixels = load_pixels(self._pictures[i])
        pixels = pixels.flip(-1) if mirrored else pixels
        vae = self._model.vae
        weight = next(vae.parameters())
        # The mean, not a draw: the deviation of these encoders is far below the noise of any step.
        latent = vae.encode(pixels[None].to(weight.device, weight.dtype)).latent_dist.mean[0].float()
        if not torch.isfinite(latent).all():
            raise EngineError("nan_output", f"The VAE gave numbers that are not finite for {self._pictures[i].file}.")
        return latent * self._model.family.scaling_factor
