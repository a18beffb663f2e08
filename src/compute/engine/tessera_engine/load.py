"""From a single-file checkpoint to modules on the device. Tensors are read one by one, through a memory map."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models import AutoencoderKL, UNet2DConditionModel
from safetensors import safe_open
from torch import Tensor, nn

from .clip import ClipText
from .detect import Prediction, detect_prediction, load_family_of
from .device import Device
from .errors import EngineError
from .families import Family, TextConfig
from .hashes import file_sha256
from .header import Header, read_header
from .ldm_keys import VAE_PREFIX, ldm_names
from .lora_file import find_targets
from .lora_merge import LoraStack


@dataclass
class Model:
    family: Family
    prediction: Prediction
    sha256: str
    unet: UNet2DConditionModel
    vae: AutoencoderKL
    texts: list[ClipText]
    loras: LoraStack
    total_bytes: int


class _Reader:
    """Tensors of one file by name, made contiguous and cast; `check` may throw, to cancel."""

    def __init__(self, file: Any, header: Header, check: Callable[[], None]) -> None:
        self._file, self._header, self._check = file, header, check

    def __contains__(self, name: str) -> bool:
        return name in self._header.tensors

    def get(self, name: str, shape: torch.Size, device: torch.device, dtype: torch.dtype) -> Tensor:
        self._check()
        if name not in self:
            raise EngineError("model_invalid", f"The checkpoint lacks {name}.")
        tensor = self._file.get_tensor(name)
        if tensor.numel() != shape.numel():
            raise EngineError("arch_mismatch", f"{name} has another shape than its family.")
        return tensor.reshape(shape).to(device, dtype)


def _fill(module: nn.Module, names: dict[str, str], read: _Reader, device: torch.device, dtype: torch.dtype) -> None:
    state = {
        own: read.get(names[own], empty.shape, device, dtype) if own in names else None
        for own, empty in module.state_dict().items()
    }
    missing = [name for name, value in state.items() if value is None]
    if missing:
        raise EngineError("model_invalid", f"The checkpoint has no place for {missing[0]}.")
    module.load_state_dict(state, assign=True)
    module.requires_grad_(False).eval()


def _load_part(part: str, config: dict[str, Any], read: _Reader, device: Device, prefix_cut: str = "") -> nn.Module:
    with torch.device("meta"):
        module = (UNet2DConditionModel if part == "unet" else AutoencoderKL).from_config(config)
    names = ldm_names(list(module.state_dict()), part, config)
    names = {own: ldm.removeprefix(prefix_cut) for own, ldm in names.items()}
    _fill(module, names, read, device.torch, device.dtype if part == "unet" else device.vae_dtype)
    if part == "unet" and device.is_cuda:
        module.to(memory_format=torch.channels_last)
    return module


def _load_text(config: TextConfig, read: _Reader, device: Device) -> ClipText:
    with torch.device("meta"):
        text = ClipText(config)
    if config.kind == "hf":
        names = {own: config.prefix + own for own in text.state_dict()}
        if any(name not in read for name in names.values()):
            # Files that were saved through transformers 5.6 or later have lost this part of the name.
            names = {own: config.prefix + own.removeprefix("text_model.") for own in names}
        _fill(text, names, read, device.torch, device.dtype)
        return text
    state = {own: _openclip(own, empty.shape, config, read, device) for own, empty in text.state_dict().items()}
    text.load_state_dict(state, assign=True)
    text.requires_grad_(False).eval()
    return text


_OPENCLIP = {
    "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
    "text_model.embeddings.position_embedding.weight": "positional_embedding",
    "text_model.final_layer_norm.weight": "ln_final.weight",
    "text_model.final_layer_norm.bias": "ln_final.bias",
}
_OPENCLIP_LAYER = {
    "layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
    "self_attn.out_proj": "attn.out_proj",
}  # fmt: skip


def _openclip(own: str, shape: torch.Size, config: TextConfig, read: _Reader, device: Device) -> Tensor:
    """open_clip keeps q, k and v in one matrix, and the projection the other way round."""

    def get(name: str, size: torch.Size) -> Tensor:
        return read.get(config.prefix + name, size, device.torch, device.dtype)

    if own == "text_projection.weight":
        return get("text_projection", torch.Size((shape[1], shape[0]))).t().contiguous()
    if own in _OPENCLIP:
        return get(_OPENCLIP[own], shape)
    rest = own.removeprefix("text_model.encoder.layers.")
    index, _, path = rest.partition(".")
    module, _, leaf = path.rpartition(".")
    block = f"transformer.resblocks.{index}"
    if module in _OPENCLIP_LAYER:
        return get(f"{block}.{_OPENCLIP_LAYER[module]}.{leaf}", shape)
    third = ("q_proj", "k_proj", "v_proj").index(module.removeprefix("self_attn."))
    whole = get(f"{block}.attn.in_proj_{leaf}", torch.Size((3 * shape[0], *shape[1:])))
    return whole[third * shape[0] : (third + 1) * shape[0]].clone()


def count_bytes(*modules: nn.Module) -> int:
    return sum(p.numel() * p.element_size() for m in modules for p in m.parameters())


def load_model(path: Path, device: Device, test_families: bool, check: Callable[[], None], digest: str | None) -> Model:
    """Throws `model_invalid`, `model_unsafe`, `arch_mismatch`, `unsupported`. `digest`: the SHA-256 that it must have."""
    header = read_header(path)
    family = load_family_of(header, test_families)
    sha256 = file_sha256(path, check)
    if digest and sha256 != digest:
        raise EngineError("model_invalid", "The file is not the one that was asked for: its SHA-256 differs.")
    with safe_open(path, framework="pt", device="cpu") as file:
        read = _Reader(file, header, check)
        unet = _load_part("unet", family.unet, read, device)
        vae = _load_part("vae", family.vae, read, device)
        texts = [_load_text(config, read, device) for config in family.text]
    loras = LoraStack(find_targets(family, unet, list(texts)))
    total = count_bytes(unet, vae, *texts)
    return Model(family, detect_prediction(header), sha256, unet, vae, texts, loras, total)


def load_vae(path: Path, family: Family, device: Device, check: Callable[[], None]) -> AutoencoderKL:
    """A VAE of its own, with or without the prefix that checkpoints put before it."""
    header = read_header(path)
    bare = f"{VAE_PREFIX}decoder.conv_in.weight" not in header.tensors
    with safe_open(path, framework="pt", device="cpu") as file:
        read = _Reader(file, header, check)
        return _load_part("vae", family.vae, read, device, VAE_PREFIX if bare else "")
