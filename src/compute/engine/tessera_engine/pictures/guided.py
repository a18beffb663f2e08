"""The UNet with its prompts: what a sampler calls at each noise level."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..condition import Condition, count_chunks, encode_prompts, join
from ..denoise import guide
from ..device import Device
from ..embeddings import Words
from ..load import Model
from ..params import GenerateParams
from ..samplers import SAMPLERS

Pair = tuple[Condition, Condition]


def encode_pair(model: Model, negative: str, prompt: str, clip_skip: int, device: Device, words: Words | None) -> Pair:
    """Both padded to as many chunks. SDXL learnt the absence of words as zeros, so its empty negative prompt is that."""
    chunks = count_chunks(model, [negative, prompt], words)
    both = encode_prompts(model, [negative, prompt], clip_skip, device, chunks, words)
    plain, wanted = both.rows(0, 1), both.rows(1, 2)
    if model.family.context == "penultimate" and not negative.strip():
        pooled = None if plain.pooled is None else torch.zeros_like(plain.pooled)
        plain = Condition(torch.zeros_like(plain.context), pooled)
    return plain, wanted


class Guided:
    def __init__(
        self, model: Model, device: Device, pairs: list[Pair], cfgs: list[float], params: GenerateParams,
        size: tuple[int, int], check: Callable[[], None],
    ) -> None:  # fmt: skip
        self._model, self._device, self._check = model, device, check
        self._dtype = self._own_dtype = device.dtype
        divisor = SAMPLERS[params.sampler].cfg_divisor
        self._cfg = torch.tensor(cfgs, device=device.torch).view(-1, 1, 1, 1) / divisor
        self._rescale = torch.full_like(self._cfg, params.cfg_rescale) if params.cfg_rescale else None
        self._both_ways = divisor != 1 or any(cfg != 1 for cfg in cfgs)
        wanted = _stack([pair[1] for pair in pairs])
        condition = join(_stack([pair[0] for pair in pairs]), wanted) if self._both_ways else wanted
        self._context, self._pooled = condition.context, condition.pooled
        width, height = size
        # SDXL is told the original size, the crop and the target size; A1111 says full size and no crop.
        self._ids = torch.tensor([height, width, 0, 0, height, width], device=device.torch)
        #: The last output without the prompt.
        self.plain: Tensor | None = None

    def __call__(self, x: Tensor, t: Tensor) -> Tensor:
        self._check()
        dtype = self._dtype
        extra = None
        if self._pooled is not None:
            extra = {"text_embeds": self._pooled.to(dtype), "time_ids": self._ids.expand(len(self._pooled), 6)}
        twice = torch.cat([x, x]) if self._both_ways else x
        output = self._model.unet(
            twice.to(dtype), t.to(self._device.torch), encoder_hidden_states=self._context.to(dtype), added_cond_kwargs=extra
        ).sample.float()
        if not self._both_ways:
            self.plain = output
            return output
        self.plain, wanted = output.chunk(2)
        return guide(self.plain, wanted, self._cfg, self._rescale)

    def raise_precision(self) -> bool:
        """To fp32; False if it is that already. 16 bits fit into 32, so the way back loses nothing."""
        if self._dtype == torch.float32:
            return False
        self._dtype = torch.float32
        self._model.unet.to(torch.float32)
        return True

    def restore_precision(self) -> None:
        self._dtype = self._own_dtype
        self._model.unet.to(self._own_dtype)


def _stack(conditions: list[Condition]) -> Condition:
    pooled = [c.pooled for c in conditions if c.pooled is not None]
    return Condition(torch.cat([c.context for c in conditions]), torch.cat(pooled) if pooled else None)
