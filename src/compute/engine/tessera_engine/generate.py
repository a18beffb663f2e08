"""One `generate` job, from parameters to files."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from .condition import Condition, count_chunks, encode_prompts, join
from .denoise import guide, run_sampler
from .detect import detect_kind
from .engine import Engine
from .errors import EngineError
from .hashes import file_sha256, tensor_sha256
from .header import read_header
from .infotext import UsedFiles, write_infotext
from .job import Job
from .ladder import Ladder, Rung
from .load import Model, load_vae
from .lora_file import read_lora
from .lora_merge import LoraUse
from .noise import first_noise, make_generators
from .output import encode_png, write_whole
from .params import GenerateParams, LoraRef
from .preview import render_preview
from .prompt import find_unsupported
from .samplers import make_scheduler


def run_generate(engine: Engine, job: Job, params: GenerateParams) -> list[dict[str, Any]]:
    """The `images` of the result. Throws `Cancelled` between two evaluations of the model."""
    started = time.monotonic()
    for text in find_unsupported(params.prompt) + find_unsupported(params.negative):
        job.warn("prompt_syntax", text)
    job.phase("load", 0, 1)
    model = engine.load_model(params.model.file, params.model.sha256, job.check, "p.model.file")
    _check_size(params, model)
    files = _merge_loras(engine, job, params, model)
    vae = model.vae
    if params.vae:
        path = engine.roots.find("models", params.vae.file, "p.vae.file")
        vae = load_vae(path, model.family, engine.device, job.check)
    job.phase("load", 1, 1)
    run = _Run(engine, job, params, model, vae)
    images: list[dict[str, Any]] = []
    folder = engine.roots.folder("job")
    at = 0
    while at < params.count:
        start = at
        pixels = run.ladder.run(lambda start=start: run.batch(start))
        for row in pixels:
            seed = (params.seed + at) % (1 << 32)
            infotext = write_infotext(params, seed, files)
            data = encode_png(row, infotext if params.embed else None, params.record)
            job.phase("save", at + 1, params.count)
            name, digest = write_whole(folder, f"{job.id}-{at}", ".png", data)
            images.append({
                "index": at, "file": name, "w": params.width, "h": params.height, "seed": seed, "sha256": digest,
                "infotext": infotext, "params_resolved": _resolved(params, model),
                "ms": round((time.monotonic() - started) * 1000),
            })  # fmt: skip
            job.partial.append(name)
            at += 1
    return images


def _resolved(params: GenerateParams, model: Model) -> dict[str, Any]:
    kept = ("width", "height", "steps", "cfg", "cfg_rescale", "sampler", "schedule", "eta", "clip_skip")
    resolved = {name: value for name, value in asdict(params).items() if name in kept}
    return resolved | {"family": model.family.name, "prediction_type": model.prediction.kind, "rng": "CPU"}


def _check_size(params: GenerateParams, model: Model) -> None:
    family = model.family
    for name, size in (("width", params.width), ("height", params.height)):
        if not family.min_size <= size <= family.max_size or size % family.size_step:
            raise EngineError(
                "bad_params",
                f"{family.label} makes {family.min_size} to {family.max_size} pixels, in steps of {family.size_step}.",
                f"p.{name}",
            )


def _merge_loras(engine: Engine, job: Job, params: GenerateParams, model: Model) -> UsedFiles:
    autov3: dict[str, str] = {}
    uses: list[LoraUse] = []
    refs: dict[LoraUse, tuple[LoraRef, str]] = {}
    for i, lora in enumerate(params.loras):
        where = f"p.loras[{i}].file"
        path = engine.roots.find("loras", lora.file, where)
        header = read_header(path)
        if detect_kind(header) != "lora":
            raise EngineError("lora_mismatch", "This file is not a LoRA.", where)
        digest = file_sha256(path, job.check)
        if lora.sha256 and lora.sha256 != digest:
            raise EngineError("model_invalid", "The LoRA is not the one that was asked for.", where)
        autov3[lora.name] = tensor_sha256(path, header.data_offset, job.check)[:12]
        use = LoraUse(digest, lora.unet, lora.te)
        uses.append(use)
        refs[use] = (lora, where)

    def read(use: LoraUse) -> Any:
        lora, where = refs[use]
        found = read_lora(engine.roots.find("loras", lora.file, where), model.loras.targets, where)
        if found.skipped:
            job.warn("lora_keys_skipped", f"{lora.name}: {len(found.skipped)} keys skipped, such as {found.skipped[0]}")
        return found

    model.loras.merge(tuple(uses), read)
    vae_sha256 = None
    if params.vae:
        vae_sha256 = file_sha256(engine.roots.find("models", params.vae.file, "p.vae.file"), job.check)
        if params.vae.sha256 and params.vae.sha256 != vae_sha256:
            raise EngineError("model_invalid", "The VAE is not the one that was asked for.", "p.vae.file")
    return UsedFiles(model.sha256, vae_sha256, autov3)


class _Run:
    """What one job needs for all of its batches, and what the ladder may change between them."""

    def __init__(self, engine: Engine, job: Job, params: GenerateParams, model: Model, vae: Any) -> None:
        self.engine, self.job, self.params, self.model, self.vae = engine, job, params, model, vae
        self.batch_size = 1 if params.batch1 else min(params.count, engine.max_batch)
        self.sliced = False
        self.ladder = Ladder(
            [
                Rung("evict", lambda: engine.cache.drop_all_but(engine.key_of(model)) > 0),
                Rung("vae_tiling", self._tile),
                Rung("halve_batch", self._halve),
                Rung("text_encoders_to_cpu", self._move_texts),
            ],
            lambda name: job.warn("oom_step", name),
            lambda: f"Try {params.width // 2 // 8 * 8} × {params.height // 2 // 8 * 8}, or a GPU with more memory.",
            engine.device.is_cuda,
        )

    def _tile(self) -> bool:
        gain, self.sliced = not self.sliced, True
        self.vae.enable_slicing()
        self.vae.enable_tiling()
        return gain

    def _halve(self) -> bool:
        gain = self.batch_size > 1
        self.batch_size = max(1, self.batch_size // 2)
        return gain

    def _move_texts(self) -> bool:
        if not self.engine.device.is_cuda or next(self.model.texts[0].parameters()).device.type == "cpu":
            return False
        for text in self.model.texts:
            text.to("cpu", torch.float32)
        return True

    def batch(self, start: int) -> Tensor:
        """Pixels [n, 3, height, width] in -1..1 of the images from `start`; n is at most the batch size of the moment."""
        params, device = self.params, self.engine.device
        count = min(self.batch_size, params.count - start)
        self.job.phase("encode", start, params.count)
        plain, wanted = self._conditions()
        generators = make_generators([(params.seed + start + i) % (1 << 32) for i in range(count)])
        scale = self.model.family.vae_scale
        shape = (4, params.height // scale, params.width // scale)
        noise = first_noise(generators, shape).to(device.torch)
        scheduler = make_scheduler(params.sampler, params.schedule, self.model.prediction, params.steps, self.model.family.name)
        denoiser = self._denoiser(plain, wanted, count)
        started = time.monotonic()

        def on_step(done: int, total: int, clean: Callable[[], Tensor]) -> None:
            speed = done / max(1e-6, time.monotonic() - started)
            left = self.params.count - start - count
            eta = (total - done) / speed + left / count * total / speed
            self.job.phase("denoise", done, total, it_s=round(speed, 2), eta_s=round(eta, 1), image=start, images=params.count)
            if params.preview_every and done % params.preview_every == 0 and done < total:
                self.job.preview(start, count, done, clean, lambda z: render_preview(z, self.model.family, params.preview_max_px))

        latents = run_sampler(scheduler, noise, denoiser, generators, on_step, params.eta)
        return self._decode(latents, start)

    def _conditions(self) -> tuple[Condition, Condition]:
        params, model = self.params, self.model
        chunks = count_chunks(model, [params.prompt, params.negative])
        both = encode_prompts(model, [params.negative, params.prompt], params.clip_skip, self.engine.device, chunks)
        return both.rows(0, 1), both.rows(1, 2)

    def _denoiser(self, plain: Condition, wanted: Condition, count: int) -> Callable[[Tensor, Tensor], Tensor]:
        params, device = self.params, self.engine.device
        cfg = torch.full((count, 1, 1, 1), params.cfg, device=device.torch)
        rescale = torch.full_like(cfg, params.cfg_rescale) if params.cfg_rescale else None
        guided = params.cfg != 1
        both = join(_repeat(plain, count), _repeat(wanted, count)) if guided else _repeat(wanted, count)
        extra = None
        if both.pooled is not None:
            # SDXL is told the original size, the crop and the target size; A1111 says full size and no crop.
            ids = torch.tensor([params.height, params.width, 0, 0, params.height, params.width], device=device.torch)
            extra = {"text_embeds": both.pooled.to(device.dtype), "time_ids": ids.expand(len(both.pooled), 6)}
        context = both.context.to(device.dtype)

        def denoise(x: Tensor, t: Tensor) -> Tensor:
            self.job.check()
            twice = torch.cat([x, x]) if guided else x
            output = self.model.unet(
                twice.to(device.dtype), t.to(device.torch), encoder_hidden_states=context, added_cond_kwargs=extra
            ).sample.float()
            if not guided:
                return output
            return guide(*output.chunk(2), cfg, rescale)

        return denoise

    def _decode(self, latents: Tensor, start: int) -> Tensor:
        self.job.phase("decode", start, self.params.count)
        if not torch.isfinite(latents).all():
            raise EngineError("nan_output", "The model gave numbers that are not finite.")
        pixels = self._decode_in(latents, next(self.vae.parameters()).dtype)
        if not torch.isfinite(pixels).all():
            self.job.warn("nan_retry", "The VAE gave numbers that are not finite; decoding again in fp32.")
            self.vae.to(torch.float32)
            pixels = self._decode_in(latents, torch.float32)
        if not torch.isfinite(pixels).all():
            raise EngineError("nan_output", "The VAE gave numbers that are not finite, in fp32 too.")
        self.job.phase("decode", start + len(latents), self.params.count)
        return pixels

    @torch.no_grad()
    def _decode_in(self, latents: Tensor, dtype: torch.dtype) -> Tensor:
        rows = []
        for row in latents.split(1):  # one by one, so that an image does not depend on its neighbours
            self.job.check()
            rows.append(self.vae.decode((row / self.model.family.scaling_factor).to(dtype)).sample.float())
        return torch.cat(rows)


def _repeat(condition: Condition, count: int) -> Condition:
    pooled = None if condition.pooled is None else condition.pooled.expand(count, -1)
    return Condition(condition.context.expand(count, -1, -1), pooled)
