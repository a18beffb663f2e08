"""One batch of a `generate` job, from noise or a picture to pixels, and what the memory ladder may change about it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..condition import Condition, count_chunks
from ..denoise import Start, run_sampler
from ..device import memory_use
from ..engine import Engine
from ..errors import EngineError
from ..job import Job
from ..materials import Materials
from ..noise import Noise, first_noise, make_generators, vary
from ..params import LATENT, GenerateParams, Sample
from ..preview import render_preview
from ..samplers import SAMPLERS, Plan, make_scheduler
from .guided import Guided, encode_pair
from .memory import Rungs
from .source import mask_of_latents
from .upscale import upscale_lanczos, upscale_latents, upscale_with_network


class Run:
    def __init__(self, engine: Engine, job: Job, params: GenerateParams, materials: Materials, timings: dict[str, float]) -> None:
        self.engine, self.job, self.params, self.materials = engine, job, params, materials
        self.model, self.vae, self.timings = materials.model, materials.vae, timings
        one = params.batch1 or SAMPLERS[params.sampler].one_by_one
        self.rungs = Rungs(engine, job, params, materials, 1 if one else min(params.count, engine.max_batch))
        self._pairs: dict[tuple[str, str], tuple[Condition, Condition]] = {}
        self._plans = self._plan()

    def close(self) -> None:
        self.rungs.close()

    def batch(self, start: int) -> Tensor:
        """Pixels [n, 3, height, width] in -1..1 of the images from `start`; n is at most the batch size of the moment."""
        params, samples = self.params, self._alike(start)
        self._start, self._count, self._steps_before = start, len(samples), 0
        self.job.phase("encode", start, params.count)
        first, second = self._plans
        init = self.materials.init
        latents: Tensor | None = None
        pixels = init.expand(len(samples), -1, -1, -1) if init is not None else None
        if init is None or first is not None:
            latents, pixels = self._first_pass(samples, first, pixels), None
        if params.hires is not None:
            latents, pixels = self._second_pass(samples, second, latents, pixels)
        if pixels is None:
            assert latents is not None
            pixels = self._timed("decode", lambda: self._decode(latents))
        mask = self.materials.mask
        if mask is not None and init is not None:
            # Outside the mask the picture is the very one that came.
            pixels = mask.to(pixels) * pixels + (1 - mask.to(pixels)) * init.to(pixels)
        return pixels

    def _plan(self) -> tuple[Plan | None, Plan | None]:
        """The two passes; None for one that has no step. Image to image runs a share of the steps, as in A1111."""
        params = self.params

        def make(steps: int) -> Plan:
            return make_scheduler(params.sampler, params.schedule, self.model.prediction, steps, self.model.family.name)

        first: Plan | None = make(params.steps)
        if params.init is not None:
            kept = int(min(params.init.denoise, 0.999) * params.steps) + 1
            first = make(params.steps).last(kept) if params.init.denoise > 0 else None
        second = None
        if params.hires is not None and params.hires.denoise > 0:
            # The second pass runs as many steps as it is told, out of a schedule that is longer for it.
            wanted = params.hires.steps or params.steps
            second = make(max(wanted, int(wanted / min(params.hires.denoise, 0.999)))).last(wanted)
        return first, second

    def _alike(self, start: int) -> list[Sample]:
        """Images in a row whose prompts take as many chunks: padding one for another's sake would change it."""
        samples = self.params.samples[start : start + self.rungs.batch_size]
        words, lengths = self.materials.words, []
        for sample in samples:
            lengths.append(count_chunks(self.model, [sample.negative, sample.prompt], words))
        alike = next((i for i, n in enumerate(lengths) if n != lengths[0]), len(lengths))
        return list(samples[:alike])

    def _first_pass(self, samples: list[Sample], plan: Plan | None, pixels: Tensor | None) -> Tensor:
        assert plan is not None
        shape = self._latent_shape(self.params.width, self.params.height)
        generators, noise = self._noise(samples, shape)
        start = None
        if pixels is not None:
            mask = self.materials.mask
            kept = None if mask is None else mask_of_latents(mask, self.model.family.vae_scale).to(self.engine.device.torch)
            latents = self._timed("encode", lambda: self.vae.encode(pixels[:1])).expand(len(samples), -1, -1, -1)
            start = Start(latents, kept)
        return self._denoise(samples, plan, noise, generators, start, None)

    def _second_pass(
        self, samples: list[Sample], plan: Plan | None, latents: Tensor | None, pixels: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None]:
        hires = self.params.hires
        assert hires is not None
        width, height = self.materials.final
        shape = self._latent_shape(width, height)
        if hires.upscaler == LATENT:
            if latents is None:
                assert pixels is not None
                latents = self._timed("encode", lambda: self.vae.encode(pixels))
            latents, pixels = upscale_latents(latents, *shape[1:]), None
        else:
            if pixels is None:
                assert latents is not None
                pixels = self._timed("decode", lambda: self._decode(latents))
            pixels = self._timed("upscale", lambda: self._enlarge(pixels, width, height))
        if plan is None:
            return latents, pixels
        if pixels is not None:
            latents = self._timed("encode", lambda: self.vae.encode(pixels))
        assert latents is not None
        generators, noise = self._noise(samples, shape)
        return self._denoise(samples, plan, noise, generators, Start(latents), hires.cfg), None

    def _enlarge(self, pixels: Tensor, width: int, height: int) -> Tensor:
        if self.materials.upscaler is None:
            return upscale_lanczos(pixels, width, height)
        return upscale_with_network(pixels, self.materials.upscaler, width, height, self.job.check)

    def _latent_shape(self, width: int, height: int) -> tuple[int, int, int]:
        scale = self.model.family.vae_scale
        return 4, height // scale, width // scale

    def _noise(self, samples: list[Sample], shape: tuple[int, int, int]) -> tuple[list[Noise], Tensor]:
        params = self.params
        generators = make_generators([s.seed for s in samples], params.rng)
        noise = first_noise(generators, shape)
        if params.subseed_strength > 0:
            others = first_noise(make_generators([s.subseed for s in samples], params.rng), shape)
            rows = zip(noise, others, strict=True)
            noise = torch.stack([vary(own, other, params.subseed_strength) for own, other in rows])
        return generators, noise.to(self.engine.device.torch)

    def _denoise(
        self, samples: list[Sample], plan: Plan, noise: Tensor, generators: list[Noise], start: Start | None, cfg: float | None
    ) -> Tensor:
        pairs = [self._pair(sample) for sample in samples]
        values = [cfg if cfg is not None else sample.cfg for sample in samples]
        size = noise.shape[3] * self.model.family.vae_scale, noise.shape[2] * self.model.family.vae_scale
        guided = Guided(self.model, self.engine.device, pairs, values, self.params, size, self.job.check)
        state = [g.state() for g in generators]

        def run() -> Tensor:
            for generator, before in zip(generators, state, strict=True):
                generator.rewind(before)
            return run_sampler(plan, noise, guided, generators, self._on_step(plan), self.params.eta, start)

        latents = self._timed("denoise", run)
        if not torch.isfinite(latents).all() and guided.raise_precision():
            self.job.warn("nan_retry", "The model gave numbers that are not finite; once more in fp32.")
            try:
                latents = self._timed("denoise", run)
            finally:
                guided.restore_precision()
        if not torch.isfinite(latents).all():
            raise EngineError("nan_output", "The model gave numbers that are not finite.")
        self._steps_before += len(plan.sigmas) - 1
        return latents

    def _pair(self, sample: Sample) -> tuple[Condition, Condition]:
        key = (sample.negative, sample.prompt)
        if key not in self._pairs:
            args = (self.model, *key, self.params.clip_skip, self.engine.device, self.materials.words)
            self._pairs[key] = self._timed("encode", lambda: encode_pair(*args))
        return self._pairs[key]

    def _on_step(self, plan: Plan) -> Callable[[int, int, Callable[[], Tensor]], None]:
        started, params = time.monotonic(), self.params
        rest = sum(len(p.sigmas) - 1 for p in self._plans if p is not None) - self._steps_before - (len(plan.sigmas) - 1)

        def on_step(done: int, total: int, clean: Callable[[], Tensor]) -> None:
            speed = done / max(1e-6, time.monotonic() - started)
            whole, left = self._steps_before + total + rest, params.count - self._start - self._count
            eta = (total - done + rest) / speed + left / self._count * whole / speed
            self.job.phase("denoise", self._steps_before + done, whole, it_s=round(speed, 2), eta_s=round(eta, 1),
                           image=self._start, images=params.count)  # fmt: skip
            if params.preview_every and done % params.preview_every == 0 and self._steps_before + done < whole:
                render = lambda z: render_preview(z, self.model.family, params.preview_max_px)  # noqa: E731
                self.job.preview(self._start, self._count, self._steps_before + done, clean, render)

        return on_step

    def _decode(self, latents: Tensor) -> Tensor:
        self.job.phase("decode", self._start, self.params.count)
        pixels = self.vae.decode(latents)
        self.job.phase("decode", self._start + len(latents), self.params.count)
        return pixels

    def _timed(self, phase: str, work: Callable[[], Any]) -> Any:
        started = time.monotonic()
        result = work()
        if self.engine.device.is_cuda:
            torch.cuda.synchronize()
        self.timings[phase] = self.timings.get(phase, 0.0) + time.monotonic() - started
        self.timings["peak_mb"] = max(self.timings.get("peak_mb", 0), memory_use()["vram_peak_mb"])
        return result
