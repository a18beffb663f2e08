"""What an epoch leaves behind: a LoRA file and sample pictures made with it as it is in memory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..engine import Engine
from ..generate import run_generate
from ..load import Model
from ..params import read_generate
from .jobs import SampleJob, TrainJob
from .layers import Lora
from .lora_write import LoraWriter
from .params import TrainParams
from .state import Position


def save_epoch(job: TrainJob, writer: LoraWriter, lora: Lora, position: Position, epoch: int) -> None:
    """Writes the LoRA, tells of it, and deletes the oldest files beyond `keep`."""
    params = writer.params
    if any((file["epoch"], file["step"]) == (epoch, position.step) for file in position.files):
        return  # it was paused after this
    job.phase("save", 0, 1, epoch=epoch)
    stem = f"{job.id}-e{epoch:04d}"
    written, model_hash = writer.write(stem, lora, position, epoch)
    entry = {
        "epoch": epoch, "step": position.step, "file": written.name, "bytes": written.total_bytes, "sha256": written.sha256,
        "autov2": written.sha256[:10], "autov3": model_hash[:12], "loss_ema": position.loss_ema,
    }  # fmt: skip
    # A run that was killed may come to the end of an epoch a second time.
    removed = [path.name for path in writer.folder.glob(f"{stem}-*.safetensors") if path.name != written.name]
    files = [file for file in position.files if file["epoch"] != epoch] + [entry]
    removed += [file["file"] for file in files[: -params.save.keep]]
    position.files = files[-params.save.keep :]
    for name in removed:
        (writer.folder / name).unlink(missing_ok=True)
    job.partial[:] = [file["file"] for file in position.files]
    if position.loss_ema is not None and (position.best_loss is None or position.loss_ema < position.best_loss):
        position.best_epoch, position.best_loss = epoch, position.loss_ema
    job.send("checkpoint", kind="lora", **entry, removed=removed)


@torch.no_grad()
def make_samples(
    engine: Engine, job: TrainJob, params: TrainParams, model: Model, position: Position, epoch: int, check: Callable[[], None]
) -> None:
    """Through the code of `generate`, which finds the model in the cache, with the LoRA's layers on it."""
    samples = params.samples
    for i, prompt in enumerate(samples.prompts):
        check()
        request: dict[str, Any] = {
            "model": {"file": params.base.file, "sha256": model.sha256, "name": params.base.name}, "prompt": prompt,
            "negative": samples.negative, "width": samples.w, "height": samples.h, "steps": samples.steps, "cfg": samples.cfg,
            "sampler": samples.sampler, "seed": samples.seed, "clip_skip": params.clip_skip, "preview": {"every": 0},
        }  # fmt: skip
        inner = SampleJob(job, f"{job.id}-e{epoch:04d}-s{i}", i, len(samples.prompts))
        for image in run_generate(engine, inner, read_generate(request)):
            job.send("sample", epoch=epoch, step=position.step, prompt_index=i, seed=image["seed"], file=image["file"],
                     w=image["w"], h=image["h"], sha256=image["sha256"])  # fmt: skip
    if samples.prompts:
        job.phase("sample", len(samples.prompts), len(samples.prompts))
