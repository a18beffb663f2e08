"""Captions → what the UNet is conditioned on while it is trained.

Captions are taken literally: brackets are no emphasis here. Up to three chunks of 75 tokens; a batch is padded with
empty chunks to its longest caption.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..clip import ClipText
from ..condition import Condition, pick_layer
from ..device import Device
from ..load import Model
from ..prompt import CHUNK_TOKENS

MAX_CHUNKS = 3


def cut_tokens(text: ClipText, caption: str) -> tuple[list[list[int]], bool]:
    """(chunks of at most 75 ids, whether something was cut off)"""
    ids = text.tokenizer.encode(caption)
    kept = ids[: MAX_CHUNKS * CHUNK_TOKENS]
    chunks = [kept[at : at + CHUNK_TOKENS] for at in range(0, len(kept), CHUNK_TOKENS)]
    return chunks or [[]], len(kept) < len(ids)


def encode_captions(model: Model, captions: list[str], clip_skip: int, device: Device) -> Condition:
    """One row for each caption. Gradients flow if layers of a LoRA are on the encoders."""
    split = [cut_tokens(model.texts[0], caption)[0] for caption in captions]
    longest = max(map(len, split))
    rows = [chunk for chunks in split for chunk in chunks + [[]] * (longest - len(chunks))]
    contexts, pooled = [], None
    for text, config in zip(model.texts, model.family.text, strict=True):
        t = text.tokenizer
        pad = t.end if config.pad == "eos" else 0
        ids = [[t.begin, *chunk, t.end] + [pad] * (CHUNK_TOKENS - len(chunk)) for chunk in rows]
        encoded = text(torch.tensor(ids, device=next(text.parameters()).device))
        layer = pick_layer(model.family, config, text, encoded.hidden, clip_skip)
        contexts.append(layer.reshape(len(captions), longest * layer.shape[1], -1).to(device.torch))
        if config.projection:
            pooled = encoded.pooled.view(len(captions), longest, -1)[:, 0].to(device.torch)
    return Condition(torch.cat(contexts, dim=-1), pooled)


class CachedTexts:
    """Each caption encoded once, kept in main memory; for encoders that stay as they are."""

    @torch.no_grad()
    def __init__(self, model: Model, captions: list[str], clip_skip: int, device: Device, on_text: Callable[[int, int], None]):
        self._device = device
        self._rows: dict[str, Condition] = {}
        wanted = sorted({*captions, ""})
        for i, caption in enumerate(wanted):
            on_text(i, len(wanted))
            row = encode_captions(model, [caption], clip_skip, device)
            self._rows[caption] = Condition(row.context.cpu(), None if row.pooled is None else row.pooled.cpu())

    def encode(self, captions: list[str]) -> Condition:
        rows = [self._rows[caption] for caption in captions]
        longest = max(row.context.shape[1] for row in rows)
        empty = self._rows[""].context

        def padded(context: Tensor) -> Tensor:
            return torch.cat([context, *[empty] * ((longest - context.shape[1]) // empty.shape[1])], dim=1)

        context = torch.cat([padded(row.context) for row in rows]).to(self._device.torch)
        pools = [row.pooled for row in rows if row.pooled is not None]
        return Condition(context, torch.cat(pools).to(self._device.torch) if pools else None)


class LiveTexts:
    """Captions encoded in each step, for encoders that are trained or for memory's sake."""

    def __init__(self, model: Model, clip_skip: int, device: Device) -> None:
        self._model, self._clip_skip, self._device = model, clip_skip, device

    def encode(self, captions: list[str]) -> Condition:
        return encode_captions(self._model, captions, self._clip_skip, self._device)
