"""The finished file, as kohya's trainer writes it: tensor names, `ss_*` and `modelspec.*` metadata, hashes."""

from __future__ import annotations

import datetime
import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save
from torch import Tensor

from ..errors import EngineError
from ..load import Model
from .captions import count_tags
from .files import Written, write_tensors
from .layers import Lora
from .params import TrainParams
from .pictures import Picture
from .presets import load_training
from .state import Position

OWN_PREFIX = "tessera."
_DTYPES = {"fp16": torch.float16, "bf16": torch.bfloat16, "fp32": torch.float32}
_PRECISIONS = {torch.float32: "no", torch.float16: "fp16", torch.bfloat16: "bf16"}
_MODULES = {"adamw": "torch.optim.adamw.AdamW", "adamw8bit": "bitsandbytes.optim.adamw.AdamW8bit",
            "adafactor": "tessera.Adafactor", "prodigy": "tessera.Prodigy"}  # fmt: skip


def network_hashes(tensors: dict[str, Tensor], ss: dict[str, str]) -> tuple[str, str]:
    """(sshs_model_hash, sshs_legacy_hash), both of the file with the `ss_*` metadata alone.

    The first is of the bytes after the header, so an edit of the metadata does not change it; its first 12 digits are
    AutoV3. The second is of 64 KiB at 1 MiB, as the oldest programs knew a LoRA.
    """
    data = save(tensors, ss)
    start = 8 + int.from_bytes(data[:8], "little")
    return hashlib.sha256(data[start:]).hexdigest(), hashlib.sha256(data[0x100000:0x110000]).hexdigest()[:8]


def legacy_hash(path: Path) -> str:
    """What the oldest programs called the hash of a model: 8 digits of the SHA-256 of 64 KiB at 1 MiB."""
    with open(path, "rb") as file:
        file.seek(0x100000)
        return hashlib.sha256(file.read(0x10000)).hexdigest()[:8]


@dataclass(frozen=True)
class LoraWriter:
    folder: Path
    params: TrainParams
    model: Model
    pictures: list[Picture]
    base_legacy_hash: str

    def write(self, stem: str, lora: Lora, position: Position, epoch: int) -> tuple[Written, str]:
        """(the file, its sshs_model_hash)"""
        params = self.params
        dtype = _DTYPES[params.save.dtype]
        tensors = {name: value.to("cpu", dtype, copy=True).contiguous() for name, value in lora.tensors()}
        if not all(bool(torch.isfinite(value).all()) for value in tensors.values()):
            raise EngineError(
                "nan_output", f"The LoRA has numbers that {params.save.dtype} cannot hold. Try a lower learning rate."
            )
        ss = _ss(self, position, epoch)
        model_hash, old_hash = network_hashes(tensors, ss)
        metadata = ss | {"sshs_model_hash": model_hash, "sshs_legacy_hash": old_hash}
        metadata |= _modelspec(params, self.model, model_hash)
        metadata |= {f"{OWN_PREFIX}{key}": value for key, value in params.own_metadata.items()}
        return write_tensors(self.folder, stem, tensors, metadata), model_hash


def _ss(writer: LoraWriter, position: Position, epoch: int) -> dict[str, str]:
    params, pictures, model = writer.params, writer.pictures, writer.model
    training = load_training(params.family)
    assert training
    sizes: dict[tuple[int, int], int] = {}
    for picture, item in zip(pictures, params.dataset.items, strict=True):
        sizes[picture.bucket] = sizes.get(picture.bucket, 0) + item.repeats
    buckets = {str(i): {"resolution": list(size), "count": sizes[size]} for i, size in enumerate(sorted(sizes))}
    network_args = {"conv_dim": params.conv_rank, "conv_alpha": params.conv_alpha} if params.conv_rank else {}
    repeats = max(item.repeats for item in params.dataset.items)
    facts: dict[str, object] = {
        "v2": False,
        "base_model_version": training.base_model_version,
        "network_module": "networks.lora",
        "network_dim": params.rank,
        "network_alpha": params.alpha,
        "network_args": json.dumps({name: str(value) for name, value in network_args.items()}),
        "output_name": params.name,
        "sd_model_name": params.base.name,
        "sd_model_hash": writer.base_legacy_hash,
        "new_sd_model_hash": model.sha256,
        "resolution": f"({params.resolution}, {params.resolution})",
        "num_train_images": params.images_per_epoch,
        "num_reg_images": 0,
        "num_batches_per_epoch": params.steps_per_epoch,
        "num_epochs": params.epochs,
        "epoch": epoch,
        "steps": position.step,
        "max_train_steps": params.total_steps,
        "total_batch_size": params.batch * params.grad_accum,
        "gradient_accumulation_steps": params.grad_accum,
        "gradient_checkpointing": position.grad_checkpoint,
        "learning_rate": params.unet_lr,
        "unet_lr": params.unet_lr,
        "text_encoder_lr": params.te_lr,
        "optimizer": f"{_MODULES[position.optimizer]}(weight_decay={params.weight_decay:g})",
        "lr_scheduler": {"cosine_restarts": "cosine_with_restarts"}.get(params.lr_schedule, params.lr_schedule),
        "lr_warmup_steps": params.lr_warmup,
        "mixed_precision": _PRECISIONS[next(model.unet.parameters()).dtype],
        "clip_skip": params.clip_skip if params.clip_skip > 1 else None,
        "noise_offset": params.noise_offset or None,
        "min_snr_gamma": params.min_snr_gamma or None,
        "caption_dropout_rate": params.caption_dropout,
        "cache_latents": params.cache_latents,
        "seed": params.seed,
        "training_started_at": f"{position.started_at:.3f}",
        "training_finished_at": f"{time.time():.3f}",
        "bucket_info": json.dumps({"buckets": buckets}),
        # One made-up folder: the names of a person's own files are nobody's business.
        "dataset_dirs": json.dumps({"dataset": {"n_repeats": repeats, "img_count": len(pictures)}}),
        "tag_frequency": json.dumps({"dataset": count_tags(params.dataset)}, ensure_ascii=False),
        "enable_bucket": params.bucket.enable,
        "min_bucket_reso": params.bucket.min,
        "max_bucket_reso": params.bucket.max,
        "shuffle_caption": params.shuffle_tags,
        "keep_tokens": params.keep_tokens,
        "flip_aug": params.flip,
        "training_comment": params.metadata.get("comment"),
    }
    return {f"ss_{name}": str(value) for name, value in facts.items()}


def _modelspec(params: TrainParams, model: Model, model_hash: str) -> dict[str, str]:
    training = load_training(params.family)
    assert training
    given = {name: value for name, value in params.metadata.items() if name != "comment"}
    spec = {
        "sai_model_spec": "1.0.1",
        "architecture": f"{training.architecture}/lora",
        "implementation": "https://github.com/Stability-AI/generative-models" if training.unet_names == "sgm" else "diffusers",
        "title": params.name,
        "resolution": f"{params.resolution}x{params.resolution}",
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "prediction_type": "v" if model.prediction.kind == "v_prediction" else "epsilon",
        "hash_sha256": f"0x{model_hash}",
    }
    if params.dataset.trigger:
        spec["trigger_phrase"] = params.dataset.trigger
    return {f"modelspec.{name}": value for name, value in (spec | given).items()}
