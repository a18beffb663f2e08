"""Names of a single-file ("LDM") checkpoint against diffusers' names, module by module, in both directions.

The maps are derived from a family's config, so one rule serves SD1.5, SDXL and the tiny test family, the reading of
checkpoints, the writing of fixtures, and LoRA files that use the old names.
"""

from __future__ import annotations

from typing import Any

UNET_PREFIX = "model.diffusion_model."
VAE_PREFIX = "first_stage_model."

_RESNET = {
    "in_layers.0": "norm1",
    "in_layers.2": "conv1",
    "emb_layers.1": "time_emb_proj",
    "out_layers.0": "norm2",
    "out_layers.3": "conv2",
    "skip_connection": "conv_shortcut",
}
_RESNET_BACK = {new: old for old, new in _RESNET.items()}
_VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_blocks(config: dict[str, Any]) -> dict[str, str]:
    """Block path in diffusers → block path in LDM, for instance `down_blocks.0.resnets.1` → `input_blocks.2.0`."""
    down, up, layers = config["down_block_types"], config["up_block_types"], config["layers_per_block"]
    blocks = {
        "conv_in": "input_blocks.0.0",
        "time_embedding.linear_1": "time_embed.0",
        "time_embedding.linear_2": "time_embed.2",
        "add_embedding.linear_1": "label_emb.0.0",
        "add_embedding.linear_2": "label_emb.0.2",
        "conv_norm_out": "out.0",
        "conv_out": "out.2",
        "mid_block.resnets.0": "middle_block.0",
        "mid_block.attentions.0": "middle_block.1",
        "mid_block.resnets.1": "middle_block.2",
    }
    at = 1
    for i, kind in enumerate(down):
        for j in range(layers):
            blocks[f"down_blocks.{i}.resnets.{j}"] = f"input_blocks.{at}.0"
            if kind.startswith("CrossAttn"):
                blocks[f"down_blocks.{i}.attentions.{j}"] = f"input_blocks.{at}.1"
            at += 1
        if i < len(down) - 1:
            blocks[f"down_blocks.{i}.downsamplers.0.conv"] = f"input_blocks.{at}.0.op"
            at += 1
    at = 0
    for i, kind in enumerate(up):
        attention = kind.startswith("CrossAttn")
        for j in range(layers + 1):
            blocks[f"up_blocks.{i}.resnets.{j}"] = f"output_blocks.{at}.0"
            if attention:
                blocks[f"up_blocks.{i}.attentions.{j}"] = f"output_blocks.{at}.1"
            if j == layers and i < len(up) - 1:
                blocks[f"up_blocks.{i}.upsamplers.0.conv"] = f"output_blocks.{at}.{2 if attention else 1}.conv"
            at += 1
    return blocks


def vae_blocks(config: dict[str, Any]) -> dict[str, str]:
    levels, layers = len(config["block_out_channels"]), config["layers_per_block"]
    blocks = {"quant_conv": "quant_conv", "post_quant_conv": "post_quant_conv"}
    for side in ("encoder", "decoder"):
        blocks |= {f"{side}.conv_in": f"{side}.conv_in", f"{side}.conv_out": f"{side}.conv_out"}
        blocks[f"{side}.conv_norm_out"] = f"{side}.norm_out"
        blocks |= {f"{side}.mid_block.resnets.{i}": f"{side}.mid.block_{i + 1}" for i in (0, 1)}
        blocks[f"{side}.mid_block.attentions.0"] = f"{side}.mid.attn_1"
    for i in range(levels):
        for j in range(layers):
            blocks[f"encoder.down_blocks.{i}.resnets.{j}"] = f"encoder.down.{i}.block.{j}"
        for j in range(layers + 1):
            blocks[f"decoder.up_blocks.{i}.resnets.{j}"] = f"decoder.up.{levels - 1 - i}.block.{j}"
        if i < levels - 1:
            blocks[f"encoder.down_blocks.{i}.downsamplers.0.conv"] = f"encoder.down.{i}.downsample.conv"
            blocks[f"decoder.up_blocks.{i}.upsamplers.0.conv"] = f"decoder.up.{levels - 1 - i}.upsample.conv"
    return blocks


def _split(path: str, blocks: dict[str, str]) -> tuple[str, str] | None:
    """(block, rest) of a path, by the longest block that it begins with."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        head = ".".join(parts[:end])
        if head in blocks:
            return head, ".".join(parts[end:])
    return None


def unet_module_to_ldm(module: str, blocks: dict[str, str]) -> str | None:
    """LDM's name of a module of diffusers' UNet, or None."""
    found = _split(module, blocks)
    if not found:
        return None
    head, rest = found
    if ".resnets." in head:
        rest = _RESNET_BACK.get(rest, rest)
    return f"{blocks[head]}.{rest}" if rest else blocks[head]


def vae_module_to_ldm(module: str, blocks: dict[str, str]) -> str | None:
    found = _split(module, blocks)
    if not found:
        return None
    head, rest = found
    if ".attentions." in head:
        rest = _VAE_ATTENTION.get(rest, rest)
    elif rest == "conv_shortcut":
        rest = "nin_shortcut"
    return f"{blocks[head]}.{rest}" if rest else blocks[head]


def ldm_names(parameters: list[str], part: str, config: dict[str, Any]) -> dict[str, str]:
    """Parameter name in diffusers → tensor name in a single file, prefix included. `part` is "unet" or "vae"."""
    blocks = unet_blocks(config) if part == "unet" else vae_blocks(config)
    translate = unet_module_to_ldm if part == "unet" else vae_module_to_ldm
    prefix = UNET_PREFIX if part == "unet" else VAE_PREFIX
    names = {}
    for parameter in parameters:
        module, _, leaf = parameter.rpartition(".")
        ldm = translate(module, blocks)
        if ldm is not None:
            names[parameter] = f"{prefix}{ldm}.{leaf}"
    return names
