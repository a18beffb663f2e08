"""LoRAs mixed exactly: a sum of low-rank products is a product of the factors side by side.

w₁·u₁d₁ + w₂·u₂d₂ = [w₁u₁ | w₂u₂] · [d₁ ; d₂], so ranks add up and nothing is lost. Cutting back to a rank is offered,
by the singular values of the whole, and is the best that this rank can do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from torch import Tensor

from ..detect import OTHER_ADAPTERS, detect_kind, lora_facts
from ..errors import EngineError
from ..families import Family
from ..header import Header, read_header
from ..job import Job
from ..lora_file import Factors, split_name
from .blocks import block_of_module, lora_blocks
from .checkpoints import TORCH, finite
from .params import MAX_RANK, MergeParams

_PREFIXES = ((re.compile(r"^(?:model_)?diffusion_model_"), "lora_unet_"), (re.compile(r"^(?:unet|transformer)_"), "lora_unet_"),
             (re.compile(r"^text_encoder_2_"), "lora_te2_"), (re.compile(r"^text_encoder_"), "lora_te_"))  # fmt: skip


@dataclass(frozen=True)
class LoraParts:
    header: Header
    factors: dict[str, Factors]


def read_parts(path: Path, where: str) -> LoraParts:
    """Throws `unsupported` for LoHa and the like and for LoCon with a middle part, `lora_mismatch` for what is no LoRA."""
    header = read_header(path)
    others = {OTHER_ADAPTERS.get(name.rpartition(".")[2]) for name in header.tensors} - {None}
    if others:
        raise EngineError("unsupported", f"{sorted(map(str, others))[0]} files cannot be mixed.", where)
    if detect_kind(header) != "lora":
        raise EngineError("lora_mismatch", "This file holds no LoRA that we can read.", where)
    found: dict[str, Factors] = {}
    with safe_open(path, framework="pt", device="cpu") as file:
        for name in header.tensors:
            split = split_name(name)
            if split is None:
                continue
            module, role = split
            tensor = file.get_tensor(name)
            if not bool(torch.isfinite(tensor.float()).all()):
                raise EngineError("model_invalid", "The LoRA holds numbers that are not finite.", where)
            setattr(found.setdefault(_kohya(module), Factors()), role, float(tensor) if role == "alpha" else tensor)
    whole = {name: f for name, f in found.items() if f.down is not None and f.up is not None}
    if any(factors.mid is not None for factors in whole.values()):
        raise EngineError("unsupported", "A LoCon with a middle part cannot be mixed.", where)
    if not whole:
        raise EngineError("lora_mismatch", "This file holds no LoRA that we can read.", where)
    return LoraParts(header, whole)


def _kohya(module: str) -> str:
    """Files of any common naming, under kohya's names."""
    for pattern, start in _PREFIXES:
        if pattern.match(module):
            return pattern.sub(start, module, count=1)
    return module


def check_family(parts: Sequence[LoraParts], family: Family) -> None:
    """Throws `arch_mismatch` for a LoRA that was made for another family."""
    for i, part in enumerate(parts):
        its = lora_facts(part.header)["family"]
        if its not in (None, family.name):
            message = f"This LoRA was made for another family than {family.label}."
            raise EngineError("arch_mismatch", message, f"p.models[{i}].file")


def mix_loras(parts: Sequence[LoraParts], params: MergeParams, family: Family, job: Job) -> tuple[dict[str, Tensor], int]:
    """(tensors in kohya's names, highest rank)"""
    table = lora_blocks(family)
    modules = sorted({name for part in parts for name in part.factors})
    tensors: dict[str, Tensor] = {}
    highest = 0
    for step, module in enumerate(modules):
        job.phase("merge", step, len(modules))
        factors = params.coefficients(block_of_module(module, table))
        used = [(part.factors[module], c) for part, c in zip(parts, factors, strict=True) if c != 0 and module in part.factors]
        if not used:
            continue
        down, up, alpha = _beside(module, used)
        if params.rank is not None and down.shape[0] > params.rank:
            down, up = _cut(down, up * (alpha / down.shape[0]), params.rank)
            alpha = float(down.shape[0])
        rank = down.shape[0]
        if rank > MAX_RANK:
            message = f"Together they have rank {rank}, and {MAX_RANK} is the most: cut them to a lower one."
            raise EngineError("bad_params", message, "p.rank")
        highest = max(highest, rank)
        dtype = TORCH[params.dtype]
        named = ((f"{module}.lora_down.weight", down), (f"{module}.lora_up.weight", up), (f"{module}.alpha", torch.tensor(alpha)))
        for name, tensor in named:
            tensors[name] = finite(name, tensor.to(dtype).contiguous(), params.dtype)
    job.phase("merge", len(modules), len(modules))
    if not tensors:
        raise EngineError("bad_params", "With these weights nothing is left.", "p.weights")
    return tensors, highest


def _beside(module: str, used: Sequence[tuple[Factors, float]]) -> tuple[Tensor, Tensor, float]:
    """(down, up, alpha). One alone with the weight 1 stays as it is."""
    first, weight = used[0]
    assert first.down is not None and first.up is not None
    if len(used) == 1 and weight == 1:
        return first.down, first.up, first.alpha if first.alpha is not None else float(first.down.shape[0])
    downs, ups = [], []
    for factors, share in used:
        assert factors.down is not None and factors.up is not None
        if factors.down.shape[1:] != first.down.shape[1:] or factors.up.shape[0] != first.up.shape[0]:
            raise EngineError("arch_mismatch", f"{module} has another shape.", "p.models")
        rank = factors.down.shape[0]
        scale = share * (factors.alpha if factors.alpha is not None else rank) / rank
        downs.append(factors.down.float())
        ups.append(factors.up.float() * scale)
    down, up = torch.cat(downs, 0), torch.cat(ups, 1)
    return down, up, float(down.shape[0])


def _cut(down: Tensor, up: Tensor, rank: int) -> tuple[Tensor, Tensor]:
    """The nearest product of this rank: singular values of the small cores, never of the whole matrix."""
    left, left_core = torch.linalg.qr(up.flatten(1).double())
    right, right_core = torch.linalg.qr(down.flatten(1).double().T)
    u, s, v = torch.linalg.svd(left_core @ right_core.T)
    root = s[:rank].sqrt()
    new_up = (left @ u[:, :rank]) * root
    new_down = (root[:, None] * v[:rank]) @ right.T
    kept = new_down.shape[0]
    return new_down.float().reshape(kept, *down.shape[1:]), new_up.float().reshape(up.shape[0], kept, *up.shape[2:])
