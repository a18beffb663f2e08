"""From a checkpoint, a single file or a folder of diffusers, to modules on the device."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models import AutoencoderKL, UNet2DConditionModel
from torch import Tensor, nn

from .clip import ClipText
from .detect import Prediction, detect_prediction, load_family_of
from .device import Device
from .errors import EngineError
from .families import Family, TextConfig
from .ldm_keys import UNET_PREFIX, VAE_PREFIX, ldm_names
from .lora_file import find_targets
from .lora_merge import LoraStack
from .tensors import Reader, open_source

#: Parameter names of a module → names in the file.
NamesOf = Callable[[list[str]], dict[str, str]]


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

    def move(self, device: torch.device) -> None:
        for module in (self.unet, self.vae, *self.texts):
            move_module(module, device)


@dataclass
class Part:
    """A VAE or an enlarger of its own."""

    sha256: str
    module: nn.Module

    @property
    def total_bytes(self) -> int:
        return count_bytes(self.module)

    def move(self, device: torch.device) -> None:
        move_module(self.module, device)


def move_module(module: nn.Module, device: torch.device) -> None:
    """In memory of the machine the weights are pinned where there is a GPU, so that the way back is one fast copy."""
    module.to(device)
    if device.type == "cpu" and torch.cuda.is_available():
        for parameter in module.parameters():
            parameter.data = parameter.data.pin_memory()


def _fill(module: nn.Module, names: dict[str, str], read: Reader, device: torch.device, dtype: torch.dtype) -> None:
    state = {
        own: read.get(names[own], empty.shape, device, dtype) if own in names else None
        for own, empty in module.state_dict().items()
    }
    missing = [name for name, value in state.items() if value is None]
    if missing:
        raise EngineError("model_invalid", f"The checkpoint has no place for {missing[0]}.")
    module.load_state_dict(state, assign=True)
    module.requires_grad_(False).eval()


#: What older diffusers called the attention of a VAE.
_OLD_ATTENTION = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def _folder_names(part: str, own_names: list[str], read: Reader) -> dict[str, str]:
    names = {}
    for own in own_names:
        name = f"{part}/{own}"
        for new, old in _OLD_ATTENTION.items():
            older = name.replace(f".{new}.", f".{old}.")
            name = older if name not in read and older in read else name
        names[own] = name
    return names


def _load_part(part: str, config: dict[str, Any], read: Reader, device: Device, names_of: NamesOf) -> nn.Module:
    with torch.device("meta"):
        module = (UNet2DConditionModel if part == "unet" else AutoencoderKL).from_config(config)
    _fill(module, names_of(list(module.state_dict())), read, device.torch, device.dtype if part == "unet" else device.vae_dtype)
    if part == "unet" and device.is_cuda:
        module.to(memory_format=torch.channels_last)
    return module


def _load_text(config: TextConfig, read: Reader, device: Device, folder: str | None) -> ClipText:
    """`folder`: the part of a diffusers folder, where both encoders have transformers' names; None in a single file."""
    with torch.device("meta"):
        text = ClipText(config)
    prefix = config.prefix if folder is None else f"{folder}/"
    if config.kind == "hf" or folder:
        names = {own: prefix + own for own in text.state_dict()}
        if any(name not in read for name in names.values()):
            # Files that were saved through transformers 5.6 or later have lost this part of the name.
            names = {own: prefix + own.removeprefix("text_model.") for own in names}
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


def _openclip(own: str, shape: torch.Size, config: TextConfig, read: Reader, device: Device) -> Tensor:
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
    source = open_source(path)
    family = load_family_of(source.header, test_families)
    with contextlib.ExitStack() as opened:
        # Hashing takes about as long as reading; on a thread of its own it costs nothing more.
        hashing = opened.enter_context(ThreadPoolExecutor(1, "hashing")).submit(source.sha256, check)
        read = Reader(source, check, opened)

        def load(part: str, config: dict[str, Any]) -> nn.Module:
            def names(own: list[str]) -> dict[str, str]:
                return _folder_names(part, own, read) if source.is_folder else ldm_names(own, part, config)

            return _load_part(part, config, read, device, names)

        unet, vae = load("unet", family.unet), load("vae", family.vae)
        folders = ("text_encoder", "text_encoder_2") if source.is_folder else (None, None)
        texts = [_load_text(config, read, device, folders[i]) for i, config in enumerate(family.text)]
        _refuse_strange_layers(read, "unet/" if source.is_folder else UNET_PREFIX)
        sha256 = hashing.result()
    if digest and sha256 != digest:
        raise EngineError("model_invalid", "The file is not the one that was asked for: its SHA-256 differs.")
    loras = LoraStack(find_targets(family, unet, list(texts)))
    total = count_bytes(unet, vae, *texts)
    return Model(family, detect_prediction(source.header, source.scheduler), sha256, unet, vae, texts, loras, total)


def _refuse_strange_layers(read: Reader, prefix: str) -> None:
    """A UNet with more layers than its family has is another architecture, and without them its pictures are wrong."""
    strange = sorted(name for name in read.header.tensors if name.startswith(prefix) and name not in read.used)
    if strange:
        raise EngineError("arch_mismatch", f"The UNet has {len(strange)} tensors that its family has not: {strange[0]}.")


def load_vae(path: Path, family: Family, device: Device, check: Callable[[], None]) -> AutoencoderKL:
    """A VAE of its own: with or without the prefix that checkpoints put before it, or with diffusers' names."""
    source = open_source(path)
    tensors = source.header.tensors
    with contextlib.ExitStack() as opened:
        read = Reader(source, check, opened)

        def names(own: list[str]) -> dict[str, str]:
            if "decoder.mid_block.resnets.0.norm1.weight" in tensors:
                return {name: name for name in own}
            bare = f"{VAE_PREFIX}decoder.conv_in.weight" not in tensors
            return {name: ldm.removeprefix(VAE_PREFIX if bare else "") for name, ldm in ldm_names(own, "vae", family.vae).items()}

        return _load_part("vae", family.vae, read, device, names)
