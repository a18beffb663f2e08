"""Reading LoRA files of any common naming into factors for the modules of a loaded model.

kohya (`lora_unet_…`, with diffusers' or the older sgm names), PEFT (`lora_A`/`lora_B`), old diffusers (`_lora.up`,
`.lora.up`), and generic `diffusion_model.…`. All are reduced to one form: the path of the module with underscores.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor, nn

from .detect import OTHER_ADAPTERS
from .errors import EngineError
from .families import Family
from .header import read_header
from .ldm_keys import unet_blocks, unet_module_to_ldm

MAX_RANK = 512
_ENDINGS = {
    ".lora_down.weight": "down", ".lora_up.weight": "up", ".lora_mid.weight": "mid", ".alpha": "alpha",
    ".lora_A.weight": "down", ".lora_B.weight": "up",
    ".lora_A.default.weight": "down", ".lora_B.default.weight": "up",
    ".lora_linear_layer.down.weight": "down", ".lora_linear_layer.up.weight": "up",
    ".lora.down.weight": "down", ".lora.up.weight": "up",
    "_lora.down.weight": "down", "_lora.up.weight": "up",
}  # fmt: skip


@dataclass(frozen=True)
class Target:
    part: str  # "unet" or "te0", "te1"
    module: str
    parameter: nn.Parameter


@dataclass
class Factors:
    down: Tensor | None = None
    up: Tensor | None = None
    mid: Tensor | None = None
    alpha: float | None = None

    def delta(self, shape: torch.Size) -> Tensor:
        """(alpha / rank) · up · down in fp32, in the shape of the weight that it changes."""
        assert self.down is not None and self.up is not None
        down, up = self.down.float(), self.up.float()
        rank = down.shape[0]
        if self.mid is not None:
            product = torch.einsum("or,rshw,si->oihw", up.flatten(1), self.mid.float(), down.flatten(1))
        else:
            product = up.flatten(1) @ down.flatten(1)
        return product.reshape(shape) * ((self.alpha if self.alpha is not None else rank) / rank)


@dataclass
class LoraFile:
    factors: dict[str, Factors] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def _flat(path: str) -> str:
    return path.replace(".", "_")


def find_targets(family: Family, unet: nn.Module, texts: list[nn.Module]) -> dict[str, Target]:
    """Every name under which a file may speak of a module → the module's weight."""
    blocks = unet_blocks(family.unet)
    targets: dict[str, Target] = {}

    def add(part: str, module: str, weight: nn.Parameter, names: list[str]) -> None:
        target = Target(part, module, weight)
        for name in names:
            targets[_flat(name)] = target
            if module.endswith("to_out.0"):  # old diffusers wrote to_out without the index
                targets[_flat(name.removesuffix(".0"))] = target

    for name, module in unet.named_modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            ldm = unet_module_to_ldm(name, blocks)
            names = [f"lora_unet_{name}", f"unet.{name}", name]
            names += [f"{p}{ldm}" for p in ("lora_unet_", "diffusion_model.", "model.diffusion_model.")] if ldm else []
            add("unet", name, module.weight, names)
    for i, text in enumerate(texts):
        config = family.text[i]
        prefixes = [config.lora_prefix, config.peft_prefix]
        if len(texts) == 1:
            prefixes.append("lora_te1_")  # diffusers writes this for SD1.5 too
        for name, module in text.named_modules():
            if isinstance(module, nn.Linear):
                short = name.removeprefix("text_model.")
                add(f"te{i}", name, module.weight, [p + n for p in prefixes for n in (name, short)])
    return targets


def split_name(name: str) -> tuple[str, str] | None:
    for ending, role in _ENDINGS.items():
        if name.endswith(ending):
            module = name[: -len(ending)].removeprefix("base_model.model.").replace(".processor.", ".")
            return _flat(module), role
    return None


def read_lora(path: Path, targets: dict[str, Target], where: str) -> LoraFile:
    """Throws `lora_mismatch` when under 90 % of the modules are known or a shape differs, `unsupported` for LoHa etc."""
    header = read_header(path)
    for name in header.tensors:
        kind = OTHER_ADAPTERS.get(name.rpartition(".")[2])
        if kind:
            raise EngineError("unsupported", f"{kind} files are not supported yet.", where)
    found = LoraFile()
    modules: dict[str, Factors] = {}
    with safe_open(path, framework="pt", device="cpu") as file:
        for name in header.tensors:
            split = split_name(name)
            if split is None:
                found.skipped.append(name)
                continue
            module, role = split
            tensor = file.get_tensor(name)
            if not torch.isfinite(tensor.float()).all():
                raise EngineError("model_invalid", "The LoRA holds numbers that are not finite.", where)
            factors = modules.setdefault(module, Factors())
            setattr(factors, role, float(tensor) if role == "alpha" else tensor)
    whole = {name: f for name, f in modules.items() if f.down is not None and f.up is not None}
    if not whole:
        raise EngineError("lora_mismatch", "This file holds no LoRA that we can read.", where)
    for name, factors in whole.items():
        if name in targets:
            _check(name, factors, targets[name].parameter.shape, where)
            found.factors[name] = factors
        else:
            found.skipped.append(name)
    if len(found.factors) < 0.9 * len(whole):
        raise EngineError("lora_mismatch", f"Only {len(found.factors)} of {len(whole)} modules fit this model.", where)
    return found


def _check(name: str, factors: Factors, shape: torch.Size, where: str) -> None:
    assert factors.down is not None and factors.up is not None
    rank = factors.down.shape[0]
    if rank > MAX_RANK:
        raise EngineError("lora_mismatch", f"Rank {rank} is more than {MAX_RANK}.", where)
    columns = factors.down[0].numel() if factors.mid is None else factors.down.flatten(1).shape[1]
    wanted = shape[1:].numel() if factors.mid is None else shape[1]
    inner_fits = factors.mid is not None or factors.up.flatten(1).shape[1] == rank
    if factors.up.shape[0] != shape[0] or columns != wanted or not inner_fits:
        raise EngineError("lora_mismatch", f"{name} has another shape than this model.", where)
