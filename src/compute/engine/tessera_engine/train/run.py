"""One training from its parameters to its files, or from a state on."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from ..engine import Engine
from ..load import Model
from .buckets import plan_epoch
from .chance import rng_at
from .epoch_end import make_samples, save_epoch
from .estimate import remember_speed
from .jobs import Paused, TrainJob
from .latents import Latents
from .layers import Lora, find_places
from .lora_write import LoraWriter, legacy_hash
from .memory import make_ladder, park, unpark
from .meter import Meter
from .optimizers import make_optimizer
from .params import TrainParams
from .pictures import Picture, find_pictures
from .precision import choose_precision
from .start_from import start_from
from .state import Position, Resumed, StateKeeper, load_state
from .step import Stepper, list_captions
from .texts import CachedTexts, LiveTexts, cut_tokens


def run_train(engine: Engine, job: TrainJob, params: TrainParams, state_file: str | None = None) -> dict[str, Any]:
    """The `train` of the result. Throws `Cancelled` and `Paused` between steps."""
    with engine.computing_in(choose_precision(params, job.warn)):
        job.phase("load", 0, 1)
        base_path = engine.roots.find_model(params.base.file, "p.base.file")
        model = engine.load_model(params.base.file, params.base.sha256, job.check, "p.base.file")
        params = replace(params, base=replace(params.base, sha256=model.sha256))
        start = Resumed.read(engine, params, state_file) if state_file else None
        pictures = find_pictures(params, engine.roots, job.check)
        job.phase("load", 1, 1)
        run = Run(engine, job, params, model, pictures, start)
        try:
            return run.work(legacy_hash(base_path) if base_path.is_file() else "")
        finally:
            run.close()


class Run:
    def __init__(
        self, engine: Engine, job: TrainJob, params: TrainParams, model: Model, pictures: list[Picture], start: Resumed | None
    ) -> None:
        self.engine, self.job, self.params, self.model, self.pictures = engine, job, params, model, pictures
        self.folder = engine.roots.folder("job")
        self.start = start
        fresh = Position(started_at=time.time(), micro_batch=params.batch, grad_checkpoint=params.grad_checkpoint,
                         optimizer=params.optimizer)  # fmt: skip
        self.position = start.position if start else fresh
        self.position.files = [file for file in self.position.files if (self.folder / file["file"]).is_file()]
        job.partial[:] = [file["file"] for file in self.position.files]
        self.states = StateKeeper(self.folder, job.id, params, start.file if start else None)
        self.meter = Meter(self.position)
        self.lora: Lora | None = None
        self.parked = False

    def close(self) -> None:
        if self.lora:
            self.lora.detach()
        self.model.unet.disable_gradient_checkpointing()
        unpark(self.model, self.engine.device)
        # The ladder and this refer to each other, and the GPU's memory should not wait for the collector.
        vars(self).clear()

    def work(self, base_legacy_hash: str) -> dict[str, Any]:
        params, model, device = self.params, self.model, self.engine.device
        model.loras.restore()
        unpark(model, device)
        latents = Latents(model, self.pictures, device)
        self.ladder = make_ladder(self)
        if params.cache_latents:
            self.ladder.run(lambda: latents.cache(params.flip, lambda i, n: self._caching(i, 2 * n)))
        texts = self._texts()
        self._caching(1, 1)
        self.lora = Lora(find_places(model.family, model.unet, list(model.texts), params), params.seed)
        self.stepper = Stepper(params, model, device, self.pictures, latents, texts, self.lora, self.make_optimizer())
        if params.start_from and not self.start:
            start_from(self.engine, params.start_from, model, self.lora)
        if self.start:
            load_state(self.start.path, self.lora, self.stepper.optimizer, "p.state.file")
            if self.position.scaler:
                self.stepper.scaler.load_state_dict(self.position.scaler)
        if self.position.grad_checkpoint:
            model.unet.enable_gradient_checkpointing()
        writer = LoraWriter(self.folder, params, model, self.pictures, base_legacy_hash)
        self._learn(writer)
        best = {"best": self.position.best_epoch} if self.position.best_epoch else {}
        return {"files": self.position.files, **best, "steps": self.position.step, "ms": round(self.position.spent_s * 1000)}

    def make_optimizer(self) -> Any:
        assert self.lora
        return make_optimizer(self.params, self.lora, self.position.optimizer, self.job.warn)

    def _texts(self) -> CachedTexts | LiveTexts:
        params, model, device = self.params, self.model, self.engine.device
        captions = list_captions(params)
        cut = sum(cut_tokens(model.texts[0], caption)[1] for caption in captions)
        if cut:
            self.job.warn("caption_cut", f"{cut} captions are longer than 225 tokens; what follows is not learnt.")
        if not params.cache_text:
            return LiveTexts(model, params.clip_skip, device)
        return CachedTexts(model, captions, params.clip_skip, device, lambda i, n: self._caching(n + i, 2 * n))

    def _caching(self, done: int, total: int) -> None:
        self.job.phase("cache_latents", done, total)
        if self.job.pause.is_set():
            raise Paused(self.states.last, self.position.step, self._epoch_of(self.position.step))

    def _epoch_of(self, step: int) -> int:
        """Of the step that was done last; 1 is the first."""
        return max(1, -(-step // self.params.steps_per_epoch))

    def _learn(self, writer: LoraWriter) -> None:
        params, position = self.params, self.position
        plan: list[list[list[int]]] = []
        while True:
            at_end = position.step % params.steps_per_epoch == 0 or position.step == params.total_steps
            if position.step and at_end and not position.epoch_done:
                self._finish_epoch(writer)
            if position.step >= params.total_steps:
                return
            epoch, place = divmod(position.step, params.steps_per_epoch)
            if place == 0 or not plan:
                plan = self._plan(epoch)
            self._pause_here()
            self._one_step(plan[place], epoch + 1)
            if self.states.is_due:
                self.save_state()

    def _plan(self, epoch: int) -> list[list[list[int]]]:
        params = self.params
        buckets = [picture.bucket for picture in self.pictures]
        repeats = [item.repeats for item in params.dataset.items]
        return plan_epoch(buckets, repeats, params.batch, params.grad_accum, rng_at(params.seed, "epoch", epoch))

    def _one_step(self, batches: list[list[int]], epoch: int) -> None:
        position, stepper, meter = self.position, self.stepper, self.meter
        started = time.monotonic()
        self.job.check()
        loss = self.ladder.run(lambda: stepper.gradients(position.step, batches, position.micro_batch))
        rate = self.ladder.run(lambda: stepper.update(position.step))
        position.step += 1
        position.epoch_done = False
        total = self.params.total_steps
        meter.add(position.step, loss, time.monotonic() - started)
        if position.step == total or not self.engine.device.is_cuda:
            meter.read()
        facts = {} if position.loss_ema is None else {"loss_ema": round(position.loss_ema, 6)}
        self.job.phase("train", position.step, total, epoch=epoch, lr=rate, it_s=round(1 / max(meter.step_s, 1e-9), 3),
                       eta_s=round((total - position.step) * meter.step_s, 1), **facts)  # fmt: skip

    def _finish_epoch(self, writer: LoraWriter) -> None:
        params, position = self.params, self.position
        assert self.lora
        self.meter.read()
        epoch = self._epoch_of(position.step)
        is_last = position.step == params.total_steps
        remember_speed(self.engine, params, position, self.meter.seconds)
        if is_last or epoch % params.save.every_epochs == 0:
            save_epoch(self.job, writer, self.lora, position, epoch)
        if params.samples.prompts and (is_last or epoch % params.samples.every_epochs == 0):
            unpark(self.model, self.engine.device)
            make_samples(self.engine, self.job, params, self.model, position, epoch, self._pause_here)
            if self.parked:
                park(self.model, params)
            else:
                unpark(self.model, self.engine.device)  # sampling may have moved them when memory ran out
        position.epoch_done = True
        if not is_last:
            self.save_state()

    def _pause_here(self) -> None:
        if self.job.pause.is_set():
            self.save_state()
            raise Paused(self.states.last, self.position.step, self._epoch_of(self.position.step))

    def save_state(self) -> None:
        position, optimizer = self.position, self.stepper.optimizer
        assert self.lora
        self.meter.read()
        position.scaler = self.stepper.scaler.state_dict() or None
        self.job.phase("save", 0, 1)
        written = self.states.save(position, self.lora, optimizer)
        self.job.send("checkpoint", kind="state", epoch=self._epoch_of(position.step), step=position.step, file=written.name,
                      bytes=written.total_bytes, sha256=written.sha256, loss_ema=position.loss_ema)  # fmt: skip
