"""Prompts → what the UNet is conditioned on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .clip import ClipText
from .device import Device
from .embeddings import Words
from .families import Family, TextConfig
from .load import Model
from .prompt import CHUNK_TOKENS, Chunk, chunk_prompt


@dataclass(frozen=True)
class Condition:
    #: [batch, 77 × chunks, width]
    context: Tensor
    #: SDXL's pooled text, [batch, 1280]; None elsewhere.
    pooled: Tensor | None

    def rows(self, start: int, end: int) -> Condition:
        return Condition(self.context[start:end], None if self.pooled is None else self.pooled[start:end])


def join(first: Condition, second: Condition) -> Condition:
    pooled = None
    if first.pooled is not None and second.pooled is not None:
        pooled = torch.cat([first.pooled, second.pooled])
    return Condition(torch.cat([first.context, second.context]), pooled)


def _ids(chunk: Chunk, text: ClipText) -> list[int]:
    t = text.tokenizer
    pad = t.end if text.config.pad == "eos" else 0
    return [t.begin, *chunk.ids, t.end] + [pad] * (CHUNK_TOKENS - len(chunk.ids))


def _weights(chunk: Chunk) -> list[float]:
    return [1.0, *chunk.weights] + [1.0] * (CHUNK_TOKENS + 1 - len(chunk.weights))


def emphasise(context: Tensor, weights: Tensor) -> Tensor:
    """Each token times its weight, then the whole back to its former mean: A1111's "Original" emphasis.

    context: [batch, tokens, width]; weights: [batch, tokens]. The mean is each prompt's own, so that a neighbour in the
    batch changes nothing.
    """
    if bool((weights == 1).all()):
        return context
    before = context.mean((1, 2), keepdim=True)
    weighed = context * weights.unsqueeze(-1).to(context)
    after = weighed.mean((1, 2), keepdim=True)
    return weighed * torch.where(after == 0, torch.ones_like(after), before / after)


def pick_layer(family: Family, config: TextConfig, text: ClipText, hidden: list[Tensor], clip_skip: int) -> Tensor:
    if family.context == "penultimate":
        return hidden[-2]
    return text.final_norm(hidden[-min(clip_skip, config.layers)])


@torch.no_grad()
def encode_prompts(
    model: Model, prompts: list[str], clip_skip: int, device: Device, chunks: int | None = None, words: Words | None = None
) -> Condition:
    """One row for each prompt, all padded with empty chunks to the same length (at least `chunks`).

    clip_skip counts as A1111 does: 1 is the last layer.
    """
    tokenizer = model.texts[0].tokenizer
    split = [chunk_prompt(prompt, tokenizer, words) for prompt in prompts]
    longest = max(chunks or 1, *(len(c) for c in split))
    split = [c + [Chunk([], [])] * (longest - len(c)) for c in split]
    weights = torch.tensor([[_weights(chunk) for chunk in row] for row in split], device=device.torch)
    contexts, pooled = [], None
    for i, (text, config) in enumerate(zip(model.texts, model.family.text, strict=True)):
        place = next(text.parameters()).device
        ids = torch.tensor([_ids(chunk, text) for row in split for chunk in row], device=place)
        encoded = text(ids, words.table(i) if words else None)
        layer = pick_layer(model.family, config, text, encoded.hidden, clip_skip).to(device.torch)
        per_chunk = emphasise(layer, weights.flatten(0, 1))
        contexts.append(per_chunk.view(len(prompts), longest * (CHUNK_TOKENS + 2), -1))
        if config.projection:
            pooled = encoded.pooled.view(len(prompts), longest, -1)[:, 0].to(device.torch)
    return Condition(torch.cat(contexts, dim=-1), pooled)


def count_chunks(model: Model, prompts: list[str], words: Words | None = None) -> int:
    return max(len(chunk_prompt(prompt, model.texts[0].tokenizer, words)) for prompt in prompts)
