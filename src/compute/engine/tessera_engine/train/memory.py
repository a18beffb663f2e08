"""What a training does when memory runs out, gentlest first. None of it changes what is learnt but for rounding."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..device import Device, free_unused
from ..ladder import Ladder, Rung
from ..load import Model
from .optimizers import find_bitsandbytes
from .params import TrainParams

if TYPE_CHECKING:
    from .run import Run


def park(model: Model, params: TrainParams) -> None:
    """To main memory with what no step needs: the VAE when latents are cached, the text encoders when text is."""
    if params.cache_latents:
        model.vae.to("cpu")
    if params.cache_text:
        for text in model.texts:
            text.to("cpu")
    free_unused()


def unpark(model: Model, device: Device) -> None:
    model.vae.to(device.torch)
    for text in model.texts:
        text.to(device.torch, device.dtype)


def make_ladder(run: Run) -> Ladder:
    engine, params, position = run.engine, run.params, run.position

    def park_once() -> bool:
        if run.parked or run.lora is None or not engine.device.is_cuda:
            return False
        park(run.model, params)
        run.parked = True
        return True

    def halve() -> bool:
        gain = run.lora is not None and position.micro_batch > 1
        position.micro_batch = max(1, position.micro_batch // 2) if gain else position.micro_batch
        return gain

    def checkpoint() -> bool:
        if run.lora is None or position.grad_checkpoint:
            return False
        position.grad_checkpoint = True
        run.model.unet.enable_gradient_checkpointing()
        return True

    def smaller_optimizer() -> bool:
        if run.lora is None or position.optimizer not in ("adamw",) or find_bitsandbytes() is None:
            return False
        position.optimizer = "adamw8bit"
        run.stepper.optimizer = run.make_optimizer()
        return True

    def hint() -> str:
        side = max(256, params.resolution // 2 // 64 * 64) if params.resolution > 256 else params.resolution
        return f"Try a resolution of {side}, rank {max(4, params.rank // 2)}, or a GPU with more memory."

    return Ladder(
        [
            Rung("evict", lambda: engine.cache.drop_all_but(engine.key_of(run.model)) > 0),
            Rung("encoders_to_cpu", park_once),
            Rung("halve_batch", halve),
            Rung("grad_checkpoint", checkpoint),
            Rung("optimizer_8bit", smaller_optimizer),
        ],
        lambda name: run.job.warn("oom_step", name),
        hint,
        engine.device.is_cuda,
    )
