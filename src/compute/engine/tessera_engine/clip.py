"""CLIP text encoders, named as transformers named them before 5.6 so that checkpoints and LoRA files fit."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .families import TextConfig
from .tokenizer import load_tokenizer

CHUNK = 77


class Attention(nn.Module):
    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj = nn.Linear(width, width)
        self.k_proj = nn.Linear(width, width)
        self.v_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = (
            proj(x).view(batch, length, self.heads, width // self.heads).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Mlp(nn.Module):
    def __init__(self, width: int, inner: int, activation: str) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, inner)
        self.fc2 = nn.Linear(inner, width)
        self.quick = activation == "quick_gelu"

    def forward(self, x: Tensor) -> Tensor:
        x = self.fc1(x)
        return self.fc2(x * torch.sigmoid(1.702 * x) if self.quick else F.gelu(x))


class Layer(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.layer_norm1 = nn.LayerNorm(config.width)
        self.self_attn = Attention(config.width, config.heads)
        self.layer_norm2 = nn.LayerNorm(config.width)
        self.mlp = Mlp(config.width, config.mlp, config.activation)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.layer_norm1(x))
        return x + self.mlp(self.layer_norm2(x))


class Embeddings(nn.Module):
    def __init__(self, vocab: int, width: int) -> None:
        super().__init__()
        self.token_embedding = nn.Embedding(vocab, width)
        self.position_embedding = nn.Embedding(CHUNK, width)

    def forward(self, ids: Tensor, extra: Tensor | None = None) -> Tensor:
        if extra is None:
            tokens = self.token_embedding(ids)
        else:
            table = torch.cat([self.token_embedding.weight, extra.to(self.token_embedding.weight)])
            tokens = F.embedding(ids, table)
        return tokens + self.position_embedding.weight[: ids.shape[1]]


class Encoder(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))


class TextTransformer(nn.Module):
    def __init__(self, config: TextConfig, vocab: int) -> None:
        super().__init__()
        self.embeddings = Embeddings(vocab, config.width)
        self.encoder = Encoder(config)
        self.final_layer_norm = nn.LayerNorm(config.width)


@dataclass(frozen=True)
class Encoded:
    #: After each layer, without the final norm; [0] is the embeddings. Each [batch, 77, width].
    hidden: list[Tensor]
    #: The final norm at the end-of-text token, projected where the encoder has a projection. [batch, width]
    pooled: Tensor


class ClipText(nn.Module):
    def __init__(self, config: TextConfig) -> None:
        super().__init__()
        self.config = config
        self.tokenizer = load_tokenizer(config.vocab_merges)
        self.text_model = TextTransformer(config, self.tokenizer.size)
        if config.projection:
            self.text_projection = nn.Linear(config.width, config.projection, bias=False)

    def forward(self, ids: Tensor, extra: Tensor | None = None) -> Encoded:
        """ids: [batch, 77], int64. `extra`: [n, width], the vectors of the ids past the vocabulary."""
        x = self.text_model.embeddings(ids, extra)
        hidden = [x]
        for layer in self.text_model.encoder.layers:
            x = layer(x)
            hidden.append(x)
        # argmax finds the first of the places where it is, even where padding repeats it.
        ends = (ids == self.tokenizer.end).int().argmax(dim=-1)
        pooled = self.text_model.final_layer_norm(x[torch.arange(len(ids), device=ids.device), ends])
        if self.config.projection:
            pooled = self.text_projection(pooled)
        return Encoded(hidden, pooled)

    def final_norm(self, x: Tensor) -> Tensor:
        return self.text_model.final_layer_norm(x)
