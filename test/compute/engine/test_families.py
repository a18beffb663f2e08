"""SD1.5 and SDXL with their true topology and layout but narrow and random: written as a single file, loaded, run."""

from __future__ import annotations

import uuid
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor

from tessera_engine import detect
from tessera_engine.clip import ClipText
from tessera_engine.condition import encode_prompts
from tessera_engine.engine import Engine
from tessera_engine.errors import EngineError
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


def openclip_state(text: ClipText) -> dict[str, Tensor]:
    """As open_clip writes it: q, k and v in one matrix, the projection the other way round."""
    state, out = text.state_dict(), {}
    base = "text_model.encoder.layers."
    out["token_embedding.weight"] = state["text_model.embeddings.token_embedding.weight"]
    out["positional_embedding"] = state["text_model.embeddings.position_embedding.weight"]
    out["text_projection"] = state["text_projection.weight"].t().contiguous()
    for leaf in ("weight", "bias"):
        out[f"ln_final.{leaf}"] = state[f"text_model.final_layer_norm.{leaf}"]
        for i in range(text.config.layers):
            block = f"transformer.resblocks.{i}."
            out[f"{block}attn.in_proj_{leaf}"] = torch.cat([state[f"{base}{i}.self_attn.{x}_proj.{leaf}"] for x in "qkv"])
            out[f"{block}attn.out_proj.{leaf}"] = state[f"{base}{i}.self_attn.out_proj.{leaf}"]
            pairs = (("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj"))
            for ours, theirs in pairs:
                out[f"{block}{theirs}.{leaf}"] = state[f"{base}{i}.{ours}.{leaf}"]
    return out


def write_checkpoint(family: Family, path: Path, skip: str = "") -> dict[str, dict[str, Tensor]]:
    """The weights by part, as they were before they were written."""
    torch.manual_seed(0)
    unet, vae = UNet2DConditionModel.from_config(family.unet), AutoencoderKL.from_config(family.vae)
    texts = [ClipText(config) for config in family.text]
    parts: dict[str, dict[str, Tensor]] = {"unet": unet.state_dict(), "vae": vae.state_dict()}
    tensors: dict[str, Tensor] = {"cond_stage_extra.unknown": torch.zeros(3)}
    for part, config in (("unet", family.unet), ("vae", family.vae)):
        for own, ldm in ldm_names(list(parts[part]), part, config).items():
            value = parts[part][own]
            as_conv = part == "vae" and ".attentions." in own and value.ndim == 2
            tensors[ldm] = value[:, :, None, None] if as_conv else value
    for i, (text, config) in enumerate(zip(texts, family.text, strict=True)):
        parts[f"te{i}"] = text.state_dict()
        state = text.state_dict() if config.kind == "hf" else openclip_state(text)
        tensors |= {config.prefix + name: value for name, value in state.items()}
    save_file({n: v.detach().clone() for n, v in tensors.items() if not skip or skip not in n}, path)
    return parts


class Silent:
    """Stands where the wire is, for calls without a process."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def send(self, kind: str, /, **_fields: Any) -> None:
        self.sent.append(kind)

    def progress(self, *_args: Any, **_fields: Any) -> None:
        self.sent.append("progress")

    def warn(self, _job: str | None, code: str, _text: str) -> None:
        self.sent.append(code)


@pytest.mark.parametrize("name", ["sd15", "sdxl"])
def test_a_single_file_is_loaded_bit_for_bit_and_makes_a_picture(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = narrow(name)
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    before = write_checkpoint(family, tmp_path / "base.safetensors")
    engine, wire = Engine(), Silent()
    engine.configure({"roots": {root: str(tmp_path) for root in ("models", "loras", "job")}})

    model = engine.load_model("base.safetensors", None, lambda: None, "p.model.file")

    after = {"unet": model.unet.state_dict(), "vae": model.vae.state_dict()}
    after |= {f"te{i}": text.state_dict() for i, text in enumerate(model.texts)}
    for part, state in before.items():
        assert state.keys() == after[part].keys()
        assert all(torch.equal(value, after[part][key]) for key, value in state.items()), part

    condition = encode_prompts(model, ["a cat", "a dog"], 2, engine.device)
    assert condition.context.shape == (2, 77, family.context_dim)
    assert (condition.pooled is None) == (name == "sd15")

    params = read_generate({"model": {"file": "base.safetensors"}, "prompt": "a (red:1.2) circle", "negative": "bad", "width": 64,
                            "height": 128, "steps": 2, "seed": 1, "count": 2, "sampler": "DPM++ 2M"})  # fmt: skip
    images = run_generate(engine, Job(str(uuid.uuid4()), wire), params)  # type: ignore[arg-type]
    assert [Image.open(tmp_path / image["file"]).size for image in images] == [(64, 128)] * 2


def test_a_checkpoint_that_lacks_a_tensor_is_named_invalid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    write_checkpoint(family, tmp_path / "base.safetensors", skip="middle_block.1.norm.weight")
    engine = Engine()
    engine.configure({"roots": {"models": str(tmp_path)}})
    with pytest.raises(EngineError, match=r"middle_block\.1\.norm\.weight"):
        engine.load_model("base.safetensors", None, lambda: None, "p.model.file")


def test_a_vae_that_overflows_is_decoded_again_in_fp32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    write_checkpoint(family, tmp_path / "base.safetensors")
    engine, wire = Engine(), Silent()
    engine.configure({"roots": {root: str(tmp_path) for root in ("models", "loras", "job")}})
    model = engine.load_model("base.safetensors", None, lambda: None, "p.model.file")
    # Weights at the top of fp16's range: their sums overflow, as the activations of SDXL's VAE do.
    model.vae.to(torch.float16)
    request = {"model": {"file": "base.safetensors"}, "prompt": "", "width": 64, "height": 64, "steps": 1, "seed": 1}
    model.vae.decoder.conv_out.weight.copy_(torch.full_like(model.vae.decoder.conv_out.weight, 6e4))
    images = run_generate(engine, Job(str(uuid.uuid4()), wire), read_generate(request))  # type: ignore[arg-type]
    assert "nan_retry" in wire.sent and len(images) == 1


def test_a_text_encoder_that_lost_part_of_its_name_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    family = narrow("sd15")
    monkeypatch.setattr(detect, "list_families", lambda _test: [family])
    before = write_checkpoint(family, tmp_path / "a.safetensors")
    renamed = {n.replace("transformer.text_model.", "transformer."): v for n, v in load_file(tmp_path / "a.safetensors").items()}
    save_file(renamed, tmp_path / "base.safetensors")
    engine = Engine()
    engine.configure({"roots": {"models": str(tmp_path)}})
    model = engine.load_model("base.safetensors", None, lambda: None, "p.model.file")
    assert all(torch.equal(value, model.texts[0].state_dict()[key]) for key, value in before["te0"].items())
