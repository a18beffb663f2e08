"""Reads the parameters of `train`, field by field; each mistake is `bad_params` with its path."""

from __future__ import annotations

import re
from typing import Any

from ..errors import EngineError
from ..families import Family
from ..params import MAX_SEED, Fields, FileRef
from ..prompt import parse_prompt
from ..samplers import resolve_names
from .params import (
    LR_SCHEDULES,
    MAX_STEPS,
    OPTIMIZERS,
    PRECISIONS,
    BucketRules,
    Dataset,
    Item,
    Samples,
    Save,
    TrainParams,
)
from .presets import Training, load_training

MAX_ITEMS = 1000
MAX_CAPTION = 2000
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_OWN_KEY = re.compile(r"[a-z_]{1,40}")
_METADATA = ("title", "author", "license", "description", "tags", "usage_hint", "comment")


def _bad(path: str, message: str, **detail: Any) -> EngineError:
    return EngineError("bad_params", message, path, **detail)


def read_base(data: object) -> FileRef:
    """Which file is trained on; read first, because the defaults hang on its family."""
    base = Fields(data, "p").inner("base")
    file = base.text("file")
    return FileRef(file, base.sha256(), base.text("name", file.rpartition("/")[2].removesuffix(".safetensors"), 200))


def read_train(data: object, base: FileRef, family: Family) -> TrainParams:
    """Throws `bad_params` with the path of the mistake, or `unsupported` for a family that cannot be trained."""
    training = load_training(family.name)
    if training is None:
        raise EngineError("unsupported", f"{family.label} cannot be trained yet.", "p.base.file")
    raw = Fields(data, "p")
    name = raw.choice("preset", tuple(training.presets), "standard")
    p = Fields({**training.presets[name], **raw.data}, "p")
    dataset = _dataset(p, training)
    rank = p.count("rank", 1, 512)
    alpha = p.number("alpha", 0.01, 1024, float(rank))
    conv_rank = p.count("conv_rank", 0, 512, 0)
    te_lr = p.number("te_lr", 0, 10)
    low, high = training.resolution
    params = TrainParams(
        base=base,
        family=family.name,
        preset=name,
        name=p.text("name", "lora", 100),
        start_from=_start_from(p) if p.data.get("start_from") is not None else None,
        dataset=dataset,
        resolution=p.count("resolution", low, high),
        bucket=_bucket(p, training, low),
        epochs=p.count("epochs", 1, 1000),
        max_steps=p.count("max_steps", 1, MAX_STEPS) if p.data.get("max_steps") is not None else None,
        batch=p.count("batch", 1, 64),
        grad_accum=p.count("grad_accum", 1, 64, 1),
        rank=rank,
        alpha=alpha,
        conv_rank=conv_rank,
        conv_alpha=p.number("conv_alpha", 0.01, 1024, max(0.01, alpha * conv_rank / rank)),
        unet_lr=p.number("unet_lr", 0, 10),
        te_lr=te_lr,
        optimizer=p.choice("optimizer", OPTIMIZERS, "adamw"),
        weight_decay=p.number("weight_decay", 0, 1, 0.01),
        lr_schedule=p.choice("lr_schedule", LR_SCHEDULES, "constant"),
        lr_warmup=p.count("lr_warmup", 0, MAX_STEPS, 0),
        lr_cycles=p.count("lr_cycles", 1, 20, 1),
        min_snr_gamma=p.number("min_snr_gamma", 0, 20, 0),
        noise_offset=p.number("noise_offset", 0, 1, 0),
        flip=p.flag("flip", False),
        shuffle_tags=p.flag("shuffle_tags", False),
        keep_tokens=p.count("keep_tokens", 0, 100, 0),
        caption_dropout=p.number("caption_dropout", 0, 1, 0),
        clip_skip=p.count("clip_skip", 1, 12, 1),
        precision=p.choice("precision", PRECISIONS, "bf16"),
        grad_checkpoint=p.flag("grad_checkpoint", False),
        cache_latents=p.flag("cache_latents", True),
        cache_text=p.flag("cache_text", te_lr == 0),
        seed=p.count("seed", 0, MAX_SEED, 0),
        samples=_samples(p, family),
        save=_save(p),
        state_every_s=p.number("state_every_s", 0, 3600, 300),
        metadata=_metadata(p),
        own_metadata=_own_metadata(p),
    )
    _check_together(params, training)
    return params


def _start_from(p: Fields) -> FileRef:
    inner = p.inner("start_from")
    return FileRef(inner.text("file"), inner.sha256(), "")


def _dataset(p: Fields, training: Training) -> Dataset:
    inner = p.inner("dataset")
    items = inner.data.get("items")
    if not isinstance(items, list) or not 1 <= len(items) <= MAX_ITEMS:
        raise _bad("p.dataset.items", f"A list of 1 to {MAX_ITEMS} pictures is expected.")
    repeats = p.count("repeats", 1, 1000) if p.data.get("repeats") else -(-training.images_per_epoch // len(items))
    read = [Fields(item, f"p.dataset.items[{i}]") for i, item in enumerate(items)]
    return Dataset(
        tuple(Item(f.text("file"), f.text("caption", "", MAX_CAPTION), f.count("repeats", 1, 1000, repeats)) for f in read),
        inner.text("trigger", "", 100).strip(),
        inner.choice("caption_mode", ("tags", "sentence"), str(p.data.get("caption_mode"))),
    )


def _bucket(p: Fields, training: Training, low: int) -> BucketRules:
    inner = p.inner("bucket")
    step = inner.count("step", training.bucket_step, 256, training.bucket_step)
    if step % training.bucket_step:
        raise _bad("p.bucket.step", f"A multiple of {training.bucket_step} is expected.")
    return BucketRules(
        inner.flag("enable", True), step,
        inner.count("min", training.bucket_step, training.bucket_max, max(low, step)),
        inner.count("max", training.bucket_step, training.bucket_max, training.bucket_max),
        inner.flag("no_upscale", True),
    )  # fmt: skip


def _samples(p: Fields, family: Family) -> Samples:
    inner = p.inner("samples")
    prompts = inner.data.get("prompts", [])
    if not isinstance(prompts, list) or len(prompts) > 4 or not all(isinstance(x, str) and len(x) <= 2000 for x in prompts):
        raise _bad("p.samples.prompts", "A list of at most 4 prompts is expected.")
    for i, prompt in enumerate(prompts):
        parse_prompt(prompt, f"p.samples.prompts[{i}]")
    sizes = [inner.count(side, family.min_size, family.max_size, family.default_size) for side in ("w", "h")]
    if any(size % family.size_step for size in sizes):
        raise _bad("p.samples.w", f"Sizes are multiples of {family.size_step}.")
    try:
        sampler, _ = resolve_names(inner.text("sampler", "Euler", 60), "Automatic")
    except EngineError as error:
        raise EngineError(error.code, error.message, "p.samples.sampler") from error
    return Samples(
        tuple(prompts), inner.text("negative", "", 2000), inner.count("every_epochs", 1, 1000, 1),
        inner.count("steps", 1, 150, 20), inner.number("cfg", 0, 30, 7), sampler,
        inner.count("seed", 0, MAX_SEED, 0), *sizes,
    )  # fmt: skip


def _save(p: Fields) -> Save:
    inner = p.inner("save")
    return Save(
        inner.count("every_epochs", 1, 1000, 1), inner.count("keep", 1, 20, 20),
        inner.choice("dtype", ("fp16", "bf16", "fp32"), "fp16"),
    )  # fmt: skip


def _metadata(p: Fields) -> dict[str, str]:
    inner = p.inner("metadata")
    return {name: text for name in _METADATA if (text := inner.text(name, "", 10_000))}


def _own_metadata(p: Fields) -> dict[str, str]:
    own = p.inner("metadata").inner("own")
    if len(own.data) > 20 or not all(_OWN_KEY.fullmatch(key) for key in own.data):
        raise _bad("p.metadata.own", "At most 20 keys of lower case letters and _ are expected.")
    return {key: own.text(key, "", 2000) for key in own.data}


def _check_together(params: TrainParams, training: Training) -> None:
    if not _NAME.fullmatch(params.name):
        raise _bad("p.name", "The name of a LoRA has letters, digits, _ . and - only.")
    if params.resolution % training.bucket_step:
        raise _bad("p.resolution", f"A multiple of {training.bucket_step} is expected.")
    if params.bucket.min > params.resolution or params.bucket.max < params.resolution:
        raise _bad("p.bucket", "The resolution lies between the least and the largest side of a bucket.")
    if not params.unet_lr and not params.te_lr:
        raise _bad("p.unet_lr", "Both learning rates are 0: nothing would be learnt.")
    if params.shuffle_tags and params.dataset.caption_mode != "tags":
        raise _bad("p.shuffle_tags", "Only tags can be shuffled; captions are sentences here.")
    if params.cache_text and params.te_lr:
        raise _bad("p.cache_text", "Text can be cached only while the text encoder is frozen (te_lr 0).")
    if params.lr_warmup > params.total_steps:
        raise _bad("p.lr_warmup", "The warm-up is longer than the training.")
    if params.total_steps > MAX_STEPS:
        raise _bad(
            "p.epochs", f"That is {params.total_steps} steps, and {MAX_STEPS} are allowed: fewer epochs or repeats, a larger "
            "batch, or max_steps.", steps=params.total_steps, max_steps=MAX_STEPS,
        )  # fmt: skip
