"""One step of the optimizer over the pictures of that step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..device import Device
from ..load import Model
from .captions import CACHED_ORDERS, shuffled, with_trigger
from .chance import generator_at, normal, rng_at
from .latents import Latents
from .layers import Lora
from .loss import TIMESTEPS, alphas_cumprod, min_snr_weight, noised, target
from .optimizers import set_lr
from .params import TrainParams
from .pictures import Picture
from .schedules import lr_factor
from .texts import CachedTexts, LiveTexts

MAX_GRAD_NORM = 1.0


def caption_of(params: TrainParams, item: int, order: int) -> str:
    """The caption of a picture with its tags in the given order."""
    caption = with_trigger(params.dataset.items[item].caption, params.dataset)
    return shuffled(caption, params, rng_at(params.seed, "tags", item, order))


def list_captions(params: TrainParams) -> list[str]:
    """All that may be asked for when text is cached."""
    orders = CACHED_ORDERS if params.shuffle_tags else 1
    return [caption_of(params, item, order) for item in range(len(params.dataset.items)) for order in range(orders)]


def split_batches(batches: list[list[int]], size: int) -> Iterator[tuple[int, list[int]]]:
    """(place of the first picture in the step, pictures), at most `size` at once."""
    at = 0
    for batch in batches:
        for start in range(0, len(batch), size):
            yield at + start, batch[start : start + size]
        at += len(batch)


class Stepper:
    def __init__(
        self, params: TrainParams, model: Model, device: Device, pictures: list[Picture], latents: Latents,
        texts: CachedTexts | LiveTexts, lora: Lora, optimizer: Optimizer,
    ) -> None:  # fmt: skip
        self.params, self.model, self.device = params, model, device
        self.pictures, self.latents, self.texts, self.lora = pictures, latents, texts, lora
        self.optimizer = optimizer
        self.scaler = torch.amp.GradScaler(device.torch.type, enabled=device.dtype == torch.float16)
        self._alphas = alphas_cumprod(model.prediction)

    def gradients(self, step: int, batches: list[list[int]], micro_batch: int) -> Tensor:
        """Leaves the gradients of the mean loss over all pictures of the step; that loss. May run out of memory."""
        self.optimizer.zero_grad(set_to_none=True)
        total = sum(map(len, batches))
        loss = torch.zeros((), device=self.device.torch)
        for first, items in split_batches(batches, micro_batch):
            part = self._loss(step, first, items) * (len(items) / total)
            self.scaler.scale(part).backward()
            loss += part.detach()
        return loss

    def update(self, step: int) -> float:
        """Moves the weights; the learning rate."""
        params = self.params
        factor = lr_factor(params.lr_schedule, step, params.total_steps, params.lr_warmup, params.lr_cycles)
        rate = set_lr(self.optimizer, factor)
        self.scaler.unscale_(self.optimizer)
        torch.nn.utils.clip_grad_norm_(self.lora.parameters(), MAX_GRAD_NORM)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return rate

    def _loss(self, step: int, first: int, items: list[int]) -> Tensor:
        params, device = self.params, self.device
        mirrored, captions, times, noises = [], [], [], []
        for i, item in enumerate(items, first):
            rng = rng_at(params.seed, "pick", step, i)
            mirrored.append(params.flip and rng.random() < 0.5)
            dropped = rng.random() < params.caption_dropout
            order = rng.randrange(CACHED_ORDERS if params.cache_text else 1 << 30)
            captions.append("" if dropped else caption_of(params, item, order if params.shuffle_tags else 0))
            times.append(rng.randrange(TIMESTEPS))
            noises.append(self._noise(item, generator_at(params.seed, "noise", step, i)))
        z = self.latents.batch(list(zip(items, mirrored, strict=True)))
        noise = torch.stack(noises).to(device.torch)
        kind = self.model.prediction.kind
        alpha = self._alphas[times].view(-1, 1, 1, 1).to(device.torch)
        condition = self.texts.encode(captions)
        output = self.model.unet(
            noised(z, noise, alpha).to(device.dtype),
            torch.tensor(times, device=device.torch),
            encoder_hidden_states=condition.context.to(device.dtype),
            added_cond_kwargs=self._sizes(items, condition.pooled),
        ).sample.float()
        weight = min_snr_weight(alpha, params.min_snr_gamma, kind)
        return (weight * (output - target(z, noise, alpha, kind)) ** 2).mean()

    def _noise(self, item: int, generator: torch.Generator) -> Tensor:
        scale = self.model.family.vae_scale
        width, height = (side // scale for side in self.pictures[item].bucket)
        noise = normal((4, height, width), generator)
        if self.params.noise_offset:
            noise += self.params.noise_offset * normal((4, 1, 1), generator)
        return noise

    def _sizes(self, items: list[int], pooled: Tensor | None) -> dict[str, Any] | None:
        """What SDXL is told besides the text: original size, crop, target size, each as height and width."""
        if pooled is None:
            return None
        rows = []
        for picture in (self.pictures[item] for item in items):
            (width, height), (left, top), (w, h) = picture.size, picture.crop, picture.bucket
            rows.append([height, width, top, left, h, w])
        ids = torch.tensor(rows, device=self.device.torch, dtype=self.device.dtype)
        return {"text_embeds": pooled.to(self.device.dtype), "time_ids": ids}
