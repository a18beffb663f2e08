"""SD1.5 and SDXL with their true topology but narrow and random, written in every layout that is read; and an engine
without a process to try them on."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from tessera_engine.clip import ClipText
from tessera_engine.engine import Engine
from tessera_engine.families import Family, load_family
from tessera_engine.generate import run_generate
from tessera_engine.job import Job
from tessera_engine.ldm_keys import ldm_names
from tessera_engine.params import read_generate

NARROW_TEXT = {"vocab_merges": 1000, "layers": 2, "heads": 2, "mlp": 64}


def narrow(name: str) -> Family:
    """Every count of blocks and layers as in the true family (but for SDXL's ten), few channels."""
    true = load_family(name)
    unet = {**true.unet, "norm_num_groups": 8, "attention_head_dim": 4}
    if name == "sd15":
        unet |= {"block_out_channels": [16, 16, 32, 32], "cross_attention_dim": 32}
        text: tuple[Any, ...] = (replace(true.text[0], width=32, **NARROW_TEXT),)
    else:
        unet |= {"block_out_channels": [16, 32, 32], "cross_attention_dim": 80, "transformer_layers_per_block": [1, 2, 3],
                 "addition_time_embed_dim": 8, "projection_class_embeddings_input_dim": 48 + 6 * 8}  # fmt: skip
        text = (
            replace(true.text[0], width=32, **NARROW_TEXT),
            replace(true.text[1], width=48, projection=48, **NARROW_TEXT),
        )
    vae = {**true.vae, "block_out_channels": [8, 8, 16, 16], "norm_num_groups": 8}
    return replace(true, unet=unet, vae=vae, text=text, context_dim=unet["cross_attention_dim"])


def openclip_state(state: dict[str, Tensor], layers: int) -> dict[str, Tensor]:
    """As open_clip writes it: q, k and v in one matrix, the projection the other way round."""
    out = {}
    base = "text_model.encoder.layers."
    out["token_embedding.weight"] = state["text_model.embeddings.token_embedding.weight"]
    out["positional_embedding"] = state["text_model.embeddings.position_embedding.weight"]
    out["text_projection"] = state["text_projection.weight"].t().contiguous()
    for leaf in ("weight", "bias"):
        out[f"ln_final.{leaf}"] = state[f"text_model.final_layer_norm.{leaf}"]
        for i in range(layers):
            block = f"transformer.resblocks.{i}."
            out[f"{block}attn.in_proj_{leaf}"] = torch.cat([state[f"{base}{i}.self_attn.{x}_proj.{leaf}"] for x in "qkv"])
            out[f"{block}attn.out_proj.{leaf}"] = state[f"{base}{i}.self_attn.out_proj.{leaf}"]
            pairs = (("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"))
            for ours, theirs in pairs:
                out[f"{block}{theirs}.{leaf}"] = state[f"{base}{i}.{ours}.{leaf}"]
    return out


Parts = dict[str, dict[str, Tensor]]


def make_parts(family: Family) -> Parts:
    torch.manual_seed(0)
    unet, vae = UNet2DConditionModel.from_config(family.unet), AutoencoderKL.from_config(family.vae)
    parts = {"unet": unet.state_dict(), "vae": vae.state_dict()}
    return parts | {f"te{i}": ClipText(config).state_dict() for i, config in enumerate(family.text)}


def write_checkpoint(family: Family, path: Path, skip: str = "", metadata: dict[str, str] | None = None) -> Parts:
    """A single file; the weights by part, as they were before they were written."""
    parts = make_parts(family)
    tensors: dict[str, Tensor] = {"cond_stage_extra.unknown": torch.zeros(3)}
    for part, config in (("unet", family.unet), ("vae", family.vae)):
        for own, ldm in ldm_names(list(parts[part]), part, config).items():
            value = parts[part][own]
            as_conv = part == "vae" and ".attentions." in own and value.ndim == 2
            tensors[ldm] = value[:, :, None, None] if as_conv else value
    for i, config in enumerate(family.text):
        state = parts[f"te{i}"] if config.kind == "hf" else openclip_state(parts[f"te{i}"], config.layers)
        tensors |= {config.prefix + name: value for name, value in state.items()}
    save_file({n: v.detach().clone() for n, v in tensors.items() if not skip or skip not in n}, path, metadata)
    return parts


class Silent:
    """Stands where the wire is, for calls without a process."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, kind: str, /, **_fields: Any) -> None:
        self.sent.append(kind)

    def progress(self, *_args: Any, **_fields: Any) -> None:
        self.sent.append("progress")

    def warn(self, _job: str | None, code: str, _text: str, _images: list[int] | None = None) -> None:
        self.sent.append(code)


def write_folder(family: Family, path: Path, old_names: bool = False, **scheduler: Any) -> Parts:
    """As diffusers saves a pipeline; `old_names` as it named the attention of a VAE before 0.12."""
    parts = make_parts(family)
    old = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}
    folders = {"unet": "unet", "vae": "vae", "te0": "text_encoder", "te1": "text_encoder_2"}
    for part, state in parts.items():
        (path / folders[part]).mkdir(parents=True)
        tensors = {n: v.detach().clone() for n, v in state.items()}
        if part == "vae" and old_names:
            for new, older in old.items():
                tensors = {n.replace(f".{new}.", f".{older}."): v for n, v in tensors.items()}
        name = "diffusion_pytorch_model" if part in ("unet", "vae") else "model"
        save_file(tensors, path / folders[part] / f"{name}.safetensors")
    (path / "scheduler").mkdir()
    (path / "scheduler" / "scheduler_config.json").write_text(json.dumps(scheduler))
    (path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    return parts


def engine_at(folder: Path, **configure: Any) -> Engine:
    engine = Engine()
    engine.configure({"roots": {root: str(folder) for root in ("models", "loras", "job")}, **configure})
    return engine


def make(engine: Engine, wire: Silent | None = None, **params: Any) -> list[dict[str, Any]]:
    """Runs one job; the images of its result."""
    defaults = {"model": {"file": "base.safetensors"}, "prompt": "a cat", "width": 64, "height": 64, "steps": 2, "seed": 1}
    job = Job(str(uuid.uuid4()), wire or Silent())  # type: ignore[arg-type]
    return run_generate(engine, job, read_generate({**defaults, **params}))


def pixels_of(folder: Path, images: list[dict[str, Any]]) -> np.ndarray:
    return np.stack([np.asarray(Image.open(folder / image["file"])) for image in images])
