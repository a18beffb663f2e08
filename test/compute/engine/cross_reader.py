"""Runs in an environment of its own: reads a LoRA file as diffusers' pipelines do, through diffusers' converter, PEFT and
transformers' text encoders, and says what UNet and encoders then give. Knows nothing of our engine.

Its imports take ten seconds, so it stays: the path of an order on stdin, `done` on stdout when its outputs are written.
"""

from __future__ import annotations

import json
import sys

import torch
from diffusers import UNet2DConditionModel
from diffusers.loaders import StableDiffusionLoraLoaderMixin, StableDiffusionXLLoraLoaderMixin
from safetensors.torch import load_file, save_file
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection


def carry_out(order: dict) -> None:
    inputs, outputs = load_file(order["inputs"]), {}
    unet = UNet2DConditionModel.from_config(order["unet"])
    unet.load_state_dict(load_file(order["unet_weights"]))
    texts = []
    for text in order["texts"]:
        kind = CLIPTextModelWithProjection if "projection_dim" in text["config"] else CLIPTextModel
        model = kind(CLIPTextConfig(**text["config"]))
        model.load_state_dict(load_file(text["weights"]), strict=False)
        texts.append(model.eval())
    if order["lora"]:
        if len(texts) == 2:
            mixin = StableDiffusionXLLoraLoaderMixin
            state, alphas, *_ = mixin.lora_state_dict(order["lora"], unet_config=unet.config, use_safetensors=True)
        else:
            mixin = StableDiffusionLoraLoaderMixin
            state, alphas, *_ = mixin.lora_state_dict(order["lora"], use_safetensors=True)
        mixin.load_lora_into_unet(state, alphas, unet)
        for i, model in enumerate(texts):
            prefix = "text_encoder" if i == 0 else "text_encoder_2"
            mixin.load_lora_into_text_encoder(state, alphas, model, prefix=prefix)
    extra = {name: inputs[name] for name in ("text_embeds", "time_ids") if name in inputs}
    with torch.no_grad():
        outputs["unet"] = unet(inputs["x"], inputs["t"], inputs["context"], added_cond_kwargs=extra).sample
        for i, model in enumerate(texts):
            outputs[f"te{i}"] = model(inputs["ids"], output_hidden_states=True).hidden_states[-1]
    save_file({name: value.contiguous() for name, value in outputs.items()}, order["outputs"])


for line in sys.stdin:
    with open(line.strip(), encoding="utf-8") as file:
        carry_out(json.load(file))
    sys.stderr.flush()
    print("done", flush=True)
