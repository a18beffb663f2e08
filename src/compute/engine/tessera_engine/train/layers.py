"""The LoRA that is trained: two small fp32 matrices beside each module of the base, which itself stays as it is.

y = base(x) + alpha / rank · up(down(x))
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..families import Family
from ..ldm_keys import unet_blocks, unet_module_to_ldm
from .chance import generator_at
from .params import TrainParams
from .presets import load_training

#: Modules inside which kohya looks for convolutions.
_CONV_PARENTS = (".resnets.", ".downsamplers.", ".upsamplers.")


@dataclass(frozen=True)
class Place:
    """A module that gets a LoRA."""

    part: str  # "unet", "te0", "te1"
    #: What kohya calls it, for instance lora_unet_down_blocks_1_attentions_0_proj_in.
    key: str
    module: nn.Module
    rank: int
    alpha: float


def find_places(family: Family, unet: nn.Module, texts: list[nn.Module], params: TrainParams) -> list[Place]:
    """Linear layers and 1 × 1 convolutions of the transformers; with a rank for them, the other convolutions too."""
    training = load_training(family.name)
    assert training
    blocks = unet_blocks(family.unet)
    places = []
    for name, module in unet.named_modules() if params.unet_lr else ():
        in_conv = params.conv_rank > 0 and any(part in f".{name}" for part in _CONV_PARENTS)
        if not isinstance(module, nn.Linear | nn.Conv2d) or not (".attentions." in name or in_conv):
            continue
        path = unet_module_to_ldm(name, blocks) if training.unet_names == "sgm" else name
        wide = isinstance(module, nn.Conv2d) and module.kernel_size != (1, 1)
        rank, alpha = (params.conv_rank, params.conv_alpha) if wide else (params.rank, params.alpha)
        places.append(Place("unet", f"lora_unet_{path}".replace(".", "_"), module, rank, alpha))
    for i, text in enumerate(texts if params.te_lr else ()):
        for name, module in text.named_modules():
            if isinstance(module, nn.Linear) and ".layers." in name:
                key = family.text[i].lora_prefix + name.replace(".", "_")
                places.append(Place(f"te{i}", key, module, params.rank, params.alpha))
    return places


class LoraLayer:
    def __init__(self, place: Place, generator: torch.Generator) -> None:
        base = place.module
        device = base.weight.device
        self.place = place
        self.scale = place.alpha / place.rank
        down: Tensor = torch.empty(place.rank, *base.weight.shape[1:])
        up_shape = (base.weight.shape[0], place.rank, *(1,) * (base.weight.ndim - 2))
        nn.init.kaiming_uniform_(down, a=math.sqrt(5), generator=generator)
        self.down = nn.Parameter(down.to(device))
        self.up = nn.Parameter(torch.zeros(up_shape, device=device))
        self._handle = base.register_forward_hook(self._add)

    def _add(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        x = inputs[0]
        down, up = self.down.to(x.device, x.dtype), self.up.to(x.device, x.dtype)
        if isinstance(module, nn.Conv2d):
            return output + F.conv2d(F.conv2d(x, down, None, module.stride, module.padding), up) * self.scale
        return output + F.linear(F.linear(x, down), up) * self.scale

    def detach(self) -> None:
        self._handle.remove()


class Lora:
    """All layers of a run; while it is entered, the base computes with them."""

    def __init__(self, places: list[Place], seed: int) -> None:
        self.layers = {p.key: LoraLayer(p, generator_at(seed, "init", p.key)) for p in places}
        assert len(self.layers) == len(places)

    def parameters(self, part: str = "") -> list[nn.Parameter]:
        return [p for layer in self.layers.values() if layer.place.part.startswith(part) for p in (layer.down, layer.up)]

    def tensors(self) -> Iterator[tuple[str, Tensor]]:
        """Names as kohya writes them."""
        for key, layer in self.layers.items():
            yield f"{key}.lora_down.weight", layer.down.detach()
            yield f"{key}.lora_up.weight", layer.up.detach()
            yield f"{key}.alpha", torch.tensor(layer.place.alpha)

    @torch.no_grad()
    def load(self, key: str, down: Tensor, up: Tensor) -> None:
        layer = self.layers[key]
        layer.down.copy_(down)
        layer.up.copy_(up)

    def detach(self) -> None:
        for layer in self.layers.values():
            layer.detach()
