"""Model families: what the shapes of a checkpoint mean. One JSON file each, in families/."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "families"
#: Order in which they are tried and advertised.
NAMES = ("sd15", "sdxl", "tiny")


@dataclass(frozen=True)
class TextConfig:
    """One CLIP text encoder. `prefix` is where its tensors lie in a single-file checkpoint."""

    kind: str  # "hf" (transformers' names) or "openclip"
    vocab_merges: int
    width: int
    layers: int
    heads: int
    mlp: int
    activation: str  # "quick_gelu" or "gelu"
    pad: str  # "eos" or "zero"
    prefix: str
    lora_prefix: str
    peft_prefix: str
    projection: int | None = None


@dataclass(frozen=True)
class Family:
    name: str
    label: str
    civitai_base: str
    test_only: bool
    context_dim: int
    default_size: int
    size_step: int
    min_size: int
    max_size: int
    scaling_factor: float
    #: Pixels for each latent, along one side.
    vae_scale: int
    unet: dict[str, Any]
    vae: dict[str, Any]
    text: tuple[TextConfig, ...]
    #: "final_norm": layer -n, then the final LayerNorm. "penultimate": last but one, no norm, whatever clip skip is.
    context: str
    #: Linear map from latents to RGB for previews: {"factors": [channels][3], "bias": [3]}.
    latent_rgb: dict[str, Any]

    @property
    def max_pixels(self) -> int:
        return self.max_size * self.max_size


@cache
def load_family(name: str) -> Family:
    data = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    data["text"] = tuple(TextConfig(**text) for text in data["text"])
    return Family(**data)


def list_families(test_families: bool) -> list[Family]:
    """`tiny` exists only under a test setting."""
    return [f for f in map(load_family, NAMES) if test_families or not f.test_only]
