"""Which modules get a LoRA and what kohya calls them, on the true topologies without weights."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
import torch
from diffusers import UNet2DConditionModel
from test_train_params import read
from torch import nn

from tessera_engine.clip import ClipText
from tessera_engine.families import load_family
from tessera_engine.train.layers import Lora, LoraLayer, Place, find_places


@cache
def shapes_only(name: str) -> tuple[Any, Any, list[nn.Module]]:
    family = load_family(name)
    with torch.device("meta"):
        return family, UNet2DConditionModel.from_config(family.unet), [ClipText(c) for c in family.text]


def places(name: str, **changes: Any) -> list[Place]:
    return find_places(*shapes_only(name), read(name, **{"te_lr": 1e-5, **changes}))


@pytest.mark.parametrize(("name", "unet", "text"), [("sd15", 192, 72), ("sdxl", 722, 264)])
def test_there_are_as_many_modules_as_kohya_writes(name: str, unet: int, text: int) -> None:
    found = places(name)
    assert len({p.key for p in found}) == len(found)
    assert [sum(p.part == "unet" for p in found), sum(p.part != "unet" for p in found)] == [unet, text]
    assert len(places(name, te_lr=0)) == unet and len(places(name, unet_lr=0)) == text


def test_names_are_those_of_kohya() -> None:
    sd15 = {p.key for p in places("sd15")}
    for key in (
        "lora_unet_down_blocks_0_attentions_0_proj_in",
        "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q",
        "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0",
        "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_ff_net_0_proj",
        "lora_unet_up_blocks_3_attentions_2_transformer_blocks_0_ff_net_2",
        "lora_te_text_model_encoder_layers_0_self_attn_q_proj",
        "lora_te_text_model_encoder_layers_11_mlp_fc2",
    ):
        assert key in sd15, key
    sdxl = {p.key for p in places("sdxl")}
    for key in (
        "lora_unet_input_blocks_4_1_proj_in",
        "lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k",
        "lora_unet_input_blocks_8_1_transformer_blocks_9_ff_net_0_proj",
        "lora_unet_middle_block_1_transformer_blocks_9_attn1_to_out_0",
        "lora_unet_output_blocks_5_1_proj_out",
        "lora_te1_text_model_encoder_layers_11_self_attn_out_proj",
        "lora_te2_text_model_encoder_layers_31_mlp_fc1",
    ):
        assert key in sdxl, key
    assert not any("resnets" in key or "in_layers" in key for key in sd15 | sdxl)


def test_a_rank_for_convolutions_adds_the_residual_blocks_and_the_resizers() -> None:
    plain, found = places("sd15"), places("sd15", conv_rank=4, rank=8, alpha=4)
    added = {p.key: p for p in found if p.key not in {q.key for q in plain}}
    assert "lora_unet_down_blocks_0_downsamplers_0_conv" in added and "lora_unet_up_blocks_0_upsamplers_0_conv" in added
    conv = added["lora_unet_down_blocks_0_resnets_0_conv1"]
    assert (conv.rank, conv.alpha) == (4, 2)
    shortcut = added["lora_unet_down_blocks_1_resnets_0_conv_shortcut"]  # 1 × 1, so it has the rank of the linear layers
    assert (shortcut.rank, shortcut.alpha) == (8, 4)
    assert "lora_unet_conv_in" not in added and "lora_unet_time_embedding_linear_1" not in added
    assert "lora_unet_input_blocks_1_0_in_layers_2" in {p.key for p in places("sdxl", conv_rank=4)}


def test_a_fresh_layer_changes_nothing_and_a_trained_one_adds_what_the_formula_says() -> None:
    g = torch.Generator().manual_seed(1)
    for module, x in (
        (nn.Linear(6, 10), torch.randn(3, 6, generator=g)),
        (nn.Conv2d(6, 10, 3, stride=2, padding=1), torch.randn(2, 6, 8, 8, generator=g)),
        (nn.Conv2d(6, 10, 1), torch.randn(2, 6, 8, 8, generator=g)),
    ):
        before = module(x)
        layer = LoraLayer(Place("unet", "k", module, rank=4, alpha=2.0), g)
        assert torch.equal(module(x), before)
        with torch.no_grad():
            layer.up.copy_(torch.randn(layer.up.shape, generator=g))
            delta = (layer.up.flatten(1) @ layer.down.flatten(1)).view_as(module.weight) * 0.5
            got = module(x)
            layer.detach()
            assert torch.equal(module(x), before)
            module.weight += delta
            assert torch.allclose(got, module(x), atol=1e-5)


def test_a_low_precision_base_keeps_its_type_and_the_lora_learns_in_fp32() -> None:
    module = nn.Linear(8, 8).bfloat16().requires_grad_(False)
    layer = LoraLayer(Place("unet", "k", module, 2, 2.0), torch.Generator().manual_seed(1))
    output = module(torch.ones(1, 8, dtype=torch.bfloat16))
    assert output.dtype == torch.bfloat16
    output.float().sum().backward()
    assert layer.up.grad is not None and layer.up.grad.dtype == torch.float32 and layer.up.grad.abs().sum() > 0


def test_the_start_of_a_layer_depends_on_the_seed_and_its_name_alone() -> None:
    def down(seed: int, *keys: str) -> dict[str, torch.Tensor]:
        lora = Lora([Place("unet", key, nn.Linear(4, 4), 2, 2.0) for key in keys], seed)
        return {key: layer.down for key, layer in lora.layers.items()}

    assert torch.equal(down(1, "a", "b")["b"], down(1, "b")["b"])
    assert not torch.equal(down(1, "b")["b"], down(2, "b")["b"])
