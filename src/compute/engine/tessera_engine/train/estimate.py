"""How long a training will take, and how much it needs: from runs of this process, else from a table.

Table: time = pictures × k × FLOP of one evaluation / (u × peak); k is 2, or 3 with gradient checkpointing, since the base
has no gradients of its weights; u is what trainers reach in practice.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import torch
from diffusers.models import UNet2DConditionModel

from ..clip import ClipText
from ..device import Device
from ..engine import Engine
from ..families import load_family
from .layers import find_places
from .params import TrainParams
from .presets import load_training
from .state import Position

MIB = 1 << 20
#: 10¹² operations a second in bf16 or fp16, dense, by a word in the GPU's name; the first that fits.
PEAKS = (
    ("H200", 790), ("H100", 790), ("A100", 312), ("L40", 181), ("A6000", 155), ("A10", 125), ("T4", 65), ("RTX 50", 120),
    ("4090", 165), ("4080", 97), ("4070", 60), ("4060", 35), ("3090", 71), ("3080", 60), ("3070", 41), ("3060", 26),
)  # fmt: skip
OTHER_GPU_PEAK = 30
CPU_PEAK_PER_THREAD = 0.03
#: Shares of the peak: as seen as a rule, and by the slow ones.
USUAL, SLOW = 0.2, 0.13
START_S = 20.0


def _key(params: TrainParams, device: Device, checkpointed: bool) -> tuple[Any, ...]:
    return params.family, params.resolution, params.rank, bool(params.te_lr), checkpointed, device.dtype


def remember_speed(engine: Engine, params: TrainParams, position: Position, seconds: deque[float]) -> None:
    """Seconds for each picture shown, of the last steps of a run."""
    if len(seconds) >= 5:
        shown = params.images_per_epoch / params.steps_per_epoch
        engine.train_speeds[_key(params, engine.device, position.grad_checkpoint)] = sum(seconds) / len(seconds) / shown


def _count_weights(params: TrainParams) -> int:
    """Of the LoRA, counted on a model that has shapes and no memory."""
    family = load_family(params.family)
    with torch.device("meta"):
        unet, texts = UNet2DConditionModel.from_config(family.unet), [ClipText(config) for config in family.text]
    shapes = ((place.rank, place.module.weight.shape) for place in find_places(family, unet, list(texts), params))
    return sum(rank * (shape[1:].numel() + shape[0]) for rank, shape in shapes)


def _peak(device: Device) -> float:
    if not device.is_cuda:
        return CPU_PEAK_PER_THREAD * torch.get_num_threads()
    name = torch.cuda.get_device_name(0)
    peak = next((peak for word, peak in PEAKS if word in name), OTHER_GPU_PEAK)
    return peak / 4 if device.dtype == torch.float32 else peak


def estimate_train(engine: Engine, params: TrainParams) -> dict[str, Any]:
    training = load_training(params.family)
    assert training
    shown = params.total_steps * params.images_per_epoch / params.steps_per_epoch
    measured = engine.train_speeds.get(_key(params, engine.device, params.grad_checkpoint))
    area = (params.resolution / training.forward_at) ** 2
    if measured:
        usual, slow = shown * measured, shown * measured * 1.3
    else:
        work = shown * (3 if params.grad_checkpoint else 2) * training.forward_tflop * area
        usual, slow = work / (USUAL * _peak(engine.device)), work / (SLOW * _peak(engine.device))
    pictures = len(params.samples.prompts) * -(-params.epochs // params.samples.every_epochs)
    sample_area = params.samples.w * params.samples.h / training.forward_at**2
    sampling = pictures * params.samples.steps * 2 * training.forward_tflop * sample_area / (USUAL * _peak(engine.device))
    weights = _count_weights(params)
    files = min(params.save.keep, -(-params.epochs // params.save.every_epochs))
    lora_mb = weights * (4 if params.save.dtype == "fp32" else 2) / MIB
    state_mb = weights * 12 / MIB
    each = training.checkpointed_mb_per_image if params.grad_checkpoint else training.activations_mb_per_image
    width = 2 if engine.device.dtype == torch.float32 else 1
    memory = training.weights_mb * width + weights * 16 / MIB + each * params.batch * area * width + 500
    return {
        "steps": params.total_steps,
        "steps_per_epoch": params.steps_per_epoch,
        "seconds_p50": round(START_S + usual + sampling, 1),
        "seconds_p90": round(START_S * 2 + slow + 1.5 * sampling, 1),
        "vram_mb": round(memory) if engine.device.is_cuda else 0,
        "ram_mb": round(memory) if not engine.device.is_cuda else 0,
        "disk_mb": round(files * lora_mb + 2 * state_mb + pictures * params.samples.w * params.samples.h * 2 / MIB) + 1,
        "lora_mb": round(lora_mb, 1),
        "basis": "measured" if measured else "table",
    }  # fmt: skip
