"""The text that A1111 writes under `parameters`, which every other program reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from .params import GenerateParams


@dataclass(frozen=True)
class UsedFiles:
    """Hashes of what was loaded: SHA-256 of the model and VAE, AutoV3 (12 digits) of each LoRA by name."""

    model_sha256: str
    vae_sha256: str | None
    lora_autov3: dict[str, str]


def _quote(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n"]', text) else text


def _number(value: float) -> str:
    return f"{value:g}"


def _with_lora_tags(params: GenerateParams) -> str:
    """The prompt, with a tag for each LoRA that it does not name itself: strength is read from there."""
    prompt = params.prompt
    for lora in params.loras:
        if f"<lora:{lora.name}:" not in prompt:
            weights = _number(lora.unet) if lora.unet == lora.te else f"{_number(lora.te)}:{_number(lora.unet)}"
            prompt = f"{prompt} <lora:{lora.name}:{weights}>".strip()
    return prompt


def write_infotext(params: GenerateParams, seed: int, files: UsedFiles) -> str:
    settings: list[tuple[str, str]] = [
        ("Steps", str(params.steps)),
        ("Sampler", _quote(params.sampler)),
        ("Schedule type", _quote(params.schedule)),
        ("CFG scale", _number(params.cfg)),
        ("Seed", str(seed)),
        ("Size", f"{params.width}x{params.height}"),
        ("Model hash", files.model_sha256[:10]),
        ("Model", _quote(params.model.name)),
    ]
    hashes = {"model": files.model_sha256[:10]}
    if params.vae and files.vae_sha256:
        settings += [("VAE hash", files.vae_sha256[:10]), ("VAE", _quote(params.vae.name))]
        hashes["vae"] = files.vae_sha256[:10]
    if params.clip_skip > 1:
        settings.append(("Clip skip", str(params.clip_skip)))
    if params.cfg_rescale:
        settings.append(("CFG Rescale", _number(params.cfg_rescale)))
    if params.eta is not None:
        settings.append(("Eta", _number(params.eta)))
    settings.append(("RNG", "CPU"))
    if files.lora_autov3:
        settings.append(("Lora hashes", _quote(", ".join(f"{n}: {h}" for n, h in files.lora_autov3.items()))))
        hashes |= {f"lora:{name}": digest for name, digest in files.lora_autov3.items()}
    # Readers cut these two out by matching braces, so they are never quoted.
    settings.append(("Hashes", json.dumps(hashes, separators=(",", ":"))))
    if params.resources:
        settings.append(("Civitai resources", json.dumps(params.resources, separators=(",", ":"))))
    settings.append(("Version", _quote(params.version)))
    lines = [_with_lora_tags(params)]
    if params.negative:
        lines.append(f"Negative prompt: {params.negative}")
    lines.append(", ".join(f"{name}: {value}" for name, value in settings))
    return "\n".join(lines)
