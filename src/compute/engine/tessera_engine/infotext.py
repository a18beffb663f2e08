"""The text that A1111 writes under `parameters`, which every other program reads."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

from .params import LANCZOS, LATENT, GenerateParams, Sample


@dataclass(frozen=True)
class UsedFiles:
    """Hashes of what was loaded: SHA-256 of the model and VAE, AutoV3 (12 digits) of each LoRA by name."""

    model_sha256: str
    vae_sha256: str | None
    lora_autov3: dict[str, str]
    #: First 12 digits of the SHA-256 of each embedding, by name.
    embeddings: dict[str, str] = field(default_factory=dict)


def _quote(value: object) -> str:
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if re.search(r'[,:\n"]', text) else text


def _number(value: float) -> str:
    return f"{value:g}"


def _with_lora_tags(params: GenerateParams, prompt: str) -> str:
    """The prompt, with a tag for each LoRA that it does not name itself: strength is read from there."""
    for lora in params.loras:
        if f"<lora:{lora.name}:" not in prompt:
            weights = _number(lora.unet) if lora.unet == lora.te else f"{_number(lora.te)}:{_number(lora.unet)}"
            prompt = f"{prompt} <lora:{lora.name}:{weights}>".strip()
    return prompt


def _of_passes(params: GenerateParams, sample: Sample) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    if params.subseed_strength:
        found += [("Variation seed", str(sample.subseed)), ("Variation seed strength", _number(params.subseed_strength))]
    hires = params.hires
    if params.init or (hires and hires.denoise):
        denoise = params.init.denoise if params.init else hires.denoise if hires else 0
        found.append(("Denoising strength", _number(denoise)))
    if hires:
        if hires.size:
            found.append(("Hires resize", f"{hires.size[0]}x{hires.size[1]}"))
        else:
            found.append(("Hires upscale", _number(hires.scale or 1)))
        if hires.steps:
            found.append(("Hires steps", str(hires.steps)))
        if hires.cfg is not None:
            found.append(("Hires CFG Scale", _number(hires.cfg)))
        if params.init and hires.denoise:
            found.append(("Hires denoising strength", _number(hires.denoise)))
        names = {LATENT: "Latent", LANCZOS: "Lanczos"}
        stem = hires.upscaler.rpartition("/")[2].removeprefix("model:").removesuffix(".safetensors")
        found.append(("Hires upscaler", _quote(names.get(hires.upscaler, stem))))
    return found


def write_infotext(params: GenerateParams, sample: Sample, files: UsedFiles) -> str:
    settings: list[tuple[str, str]] = [
        ("Steps", str(params.steps)),
        ("Sampler", _quote(params.sampler)),
        ("Schedule type", _quote(params.schedule)),
        ("CFG scale", _number(sample.cfg)),
        ("Seed", str(sample.seed)),
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
    settings += _of_passes(params, sample)
    settings.append(("RNG", params.rng))
    if files.lora_autov3:
        settings.append(("Lora hashes", _quote(", ".join(f"{n}: {h}" for n, h in files.lora_autov3.items()))))
        hashes |= {f"lora:{name}": digest for name, digest in files.lora_autov3.items()}
    if files.embeddings:
        settings.append(("TI hashes", _quote(", ".join(f"{n}: {h}" for n, h in files.embeddings.items()))))
        hashes |= {f"embed:{name}": digest[:10] for name, digest in files.embeddings.items()}
    # Readers cut these two out by matching braces, so they are never quoted.
    settings.append(("Hashes", json.dumps(hashes, separators=(",", ":"))))
    if params.resources:
        settings.append(("Civitai resources", json.dumps(params.resources, separators=(",", ":"))))
    settings.append(("Version", _quote(params.version)))
    lines = [_with_lora_tags(params, sample.prompt)]
    if sample.negative:
        lines.append(f"Negative prompt: {sample.negative}")
    lines.append(", ".join(f"{name}: {value}" for name, value in settings))
    return "\n".join(lines)
