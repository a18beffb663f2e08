"""What a safetensors file is, told from its header alone."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .errors import EngineError
from .families import Family, list_families
from .hashes import tensor_sha256
from .header import Header
from .ldm_keys import UNET_PREFIX, VAE_PREFIX
from .pictures.esrgan import is_upscaler
from .tensors import open_source

CONV_IN = f"{UNET_PREFIX}input_blocks.0.0.weight"
FOLDER_CONV_IN = "unet/conv_in.weight"
#: Adapters that are recognised and refused by name, by the ending of their tensors.
OTHER_ADAPTERS = {"hada_w1_a": "LoHa", "lokr_w1": "LoKr", "dora_scale": "DoRA", "oft_blocks": "OFT", "oft_diag": "OFT"}


@dataclass(frozen=True)
class Prediction:
    kind: str  # "epsilon" or "v_prediction"
    zero_terminal_snr: bool


def detect_kind(header: Header) -> str:
    names = header.tensors
    if CONV_IN in names or FOLDER_CONV_IN in names:
        return "checkpoint"
    if any(".lora_" in n or ".lora." in n or "_lora." in n or n.rpartition(".")[2] in OTHER_ADAPTERS for n in names):
        return "lora"
    if f"{VAE_PREFIX}decoder.conv_in.weight" in names or "decoder.conv_in.weight" in names:
        return "vae"
    if any(n in names for n in ("emb_params", "clip_l", "clip_g")):
        return "embedding"
    if is_upscaler(header):
        return "upscaler"
    if len(names) == 1 and next(iter(names.values())).shape[-1:] in ((768,), (1024,), (1280,)):
        return "embedding"  # one matrix under the word itself
    return "unknown"


def detect_family(header: Header, test_families: bool) -> Family | None:
    """By the width of the first convolution, the depth of cross-attention, and where the text encoders lie."""
    first = header.shape(CONV_IN) or header.shape(FOLDER_CONV_IN)
    if first is None:
        return None
    depths = {
        info.shape[1] for name, info in header.tensors.items() if name.endswith("attn2.to_k.weight") and len(info.shape) == 2
    }
    for family in list_families(test_families):
        fits = first == (family.unet["block_out_channels"][0], family.unet["in_channels"], 3, 3)
        if fits and depths == {family.context_dim}:
            return family
    return None


def load_family_of(header: Header, test_families: bool) -> Family:
    """Throws `model_invalid` when it is no checkpoint, `unsupported` when it is of no family that we know."""
    if detect_kind(header) != "checkpoint":
        raise EngineError("model_invalid", "This file is not a checkpoint with a UNet.")
    family = detect_family(header, test_families)
    if family is None:
        shape = header.shape(CONV_IN) or header.shape(FOLDER_CONV_IN)
        if shape and len(shape) == 4 and shape[1] == 9:
            raise EngineError("unsupported", "Inpainting checkpoints are not supported yet.")
        raise EngineError("unsupported", "This family of models is not supported.")
    return family


def detect_prediction(header: Header, scheduler: Mapping[str, Any] | None = None) -> Prediction:
    """From metadata or the settings of a folder, else from marker tensors as Comfy and Forge read them, else epsilon."""
    scheduler = scheduler or {}
    stated = str(scheduler.get("prediction_type") or header.metadata.get("modelspec.prediction_type", "")).lower()
    zero = "ztsnr" in header.tensors or scheduler.get("rescale_betas_zero_snr") is True
    if stated.startswith("v"):
        return Prediction("v_prediction", zero)
    if stated.startswith("eps"):
        return Prediction("epsilon", zero)
    return Prediction("v_prediction" if "v_pred" in header.tensors else "epsilon", zero)


def lora_facts(header: Header) -> dict[str, Any]:
    downs = {
        name: info.shape
        for name, info in header.tensors.items()
        if name.endswith(("lora_down.weight", "lora_A.weight", "lora.down.weight")) and info.shape
    }
    ranks = [shape[0] for shape in downs.values()]
    depths = {shape[1] for name, shape in downs.items() if "attn2" in name and "to_k" in name and len(shape) == 2}
    family = {768: "sd15", 2048: "sdxl", 32: "tiny"}.get(next(iter(depths))) if len(depths) == 1 else None
    alpha = header.metadata.get("ss_network_alpha")
    facts: dict[str, Any] = {"family": family, "rank": max(ranks) if ranks else None}
    if alpha and alpha.replace(".", "", 1).isdigit():
        facts["alpha"] = float(alpha)
    return facts


def _embedding_facts(header: Header) -> dict[str, Any]:
    widths = {info.shape[-1] for info in header.tensors.values() if info.shape}
    family = "sdxl" if {768, 1280} <= widths else {768: "sd15", 32: "tiny"}.get(max(widths, default=0))
    return {
        "family": family,
        "vectors": max((info.shape[0] for info in header.tensors.values() if len(info.shape) == 2), default=1),
    }


def inspect_file(path: Path, test_families: bool) -> dict[str, Any]:
    """The answer to `inspect`. Nothing but headers and the hash is read. A folder of diffusers has no AutoV3."""
    source = open_source(path)
    header = source.header
    kind = detect_kind(header)
    family = detect_family(header, test_families)
    sha256 = source.sha256(lambda: None)
    kinds: dict[str, int] = {}
    for info in header.tensors.values():
        kinds[info.dtype] = kinds.get(info.dtype, 0) + math.prod(info.shape)
    problems = []
    if kind == "checkpoint" and family is None:
        problems.append("This family of models is not supported.")
    problems += sorted({f"{OTHER_ADAPTERS[n.rpartition('.')[2]]} is not supported." for n in header.tensors
                        if n.rpartition(".")[2] in OTHER_ADAPTERS})  # fmt: skip
    report: dict[str, Any] = {
        "kind": kind,
        "family": family.name if family else None,
        "prediction_type": detect_prediction(header, source.scheduler).kind if kind == "checkpoint" else None,
        "dtype": max(kinds, key=lambda k: kinds[k]) if kinds else None,
        "tensors": len(header.tensors),
        "params": sum(kinds.values()),
        "metadata": _short_metadata(header.metadata),
        "sha256": sha256,
        "autov2": sha256[:10],
        "autov3": None if source.is_folder else tensor_sha256(path, header.data_offset)[:12],
        "problems": problems,
    }
    if kind == "lora":
        report |= lora_facts(header)
    if kind == "embedding":
        report |= _embedding_facts(header)
    return report


def _short_metadata(metadata: dict[str, str], limit: int = 65_536) -> dict[str, str]:
    kept: dict[str, str] = {}
    for name, value in metadata.items():
        limit -= len((name + value).encode("utf-8"))
        if limit < 0:
            break
        kept[name] = value
    return kept
