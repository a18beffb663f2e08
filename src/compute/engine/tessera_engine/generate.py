"""One `generate` job, from parameters to files."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from .engine import Engine
from .infotext import write_infotext
from .job import Job
from .load import Model
from .materials import gather
from .output import SUFFIXES, encode_picture, write_whole
from .params import GenerateParams
from .pictures.passes import Run
from .prompt import find_unsupported
from .speeds import count_evaluations


def run_generate(
    engine: Engine, job: Job, params: GenerateParams, timings: dict[str, float] | None = None
) -> list[dict[str, Any]]:
    """The `images` of the result. Throws `Cancelled` between two evaluations of the model.

    `timings` is filled with the seconds that each phase took.
    """
    started = time.monotonic()
    timings = {} if timings is None else timings
    asked: dict[str, list[int]] = {}
    for index, sample in enumerate(params.samples):
        for prompt in {sample.prompt, sample.negative}:
            asked.setdefault(prompt, []).append(index)
    for prompt, images in asked.items():
        for text in find_unsupported(prompt):
            job.warn("prompt_syntax", text, images)  # their words are not for others of the batch
    job.phase("load", 0, 1)
    materials = gather(engine, job, params)
    timings["load"] = time.monotonic() - started
    job.phase("load", 1, 1)
    run = Run(engine, job, params, materials, timings)
    try:
        images = _make_images(run, started)
    finally:
        run.close()
    peak_bytes = round(timings.pop("peak_mb", 0)) << 20
    beside = sum(timings.get(name, 0.0) for name in ("encode", "decode", "upscale", "save")) / params.count
    key = (materials.model.family.name, params.width * params.height, engine.device.dtype)
    if timings.get("denoise"):
        engine.speeds.learn(key, count_evaluations(params), timings["denoise"], beside, peak_bytes)
    return images


def _make_images(run: Run, started: float) -> list[dict[str, Any]]:
    job, params, materials = run.job, run.params, run.materials
    folder = run.engine.roots.folder("job")
    width, height = materials.final
    images: list[dict[str, Any]] = []
    while (at := len(images)) < params.count:
        for row in run.rungs.ladder.run(lambda at=at: run.batch(at)):
            index, saving = len(images), time.monotonic()
            sample = params.samples[index]
            infotext = write_infotext(params, sample, materials.files)
            data = encode_picture(row, params.format, params.quality, infotext if params.embed else None, sample.record)
            job.phase("save", index + 1, params.count)
            name, digest = write_whole(folder, f"{job.id}-{index}", SUFFIXES[params.format], data)
            run.timings["save"] = run.timings.get("save", 0.0) + time.monotonic() - saving
            images.append({
                "index": index, "file": name, "w": width, "h": height, "seed": sample.seed, "sha256": digest,
                "infotext": infotext, "params_resolved": _resolved(params, materials.model),
                "ms": round((time.monotonic() - started) * 1000),
            })  # fmt: skip
            job.partial.append(name)
    return images


def _resolved(params: GenerateParams, model: Model) -> dict[str, Any]:
    kept = (
        "width",
        "height",
        "steps",
        "cfg",
        "cfg_rescale",
        "sampler",
        "schedule",
        "eta",
        "clip_skip",
        "rng",
        "subseed_strength",
    )
    resolved = {name: value for name, value in asdict(params).items() if name in kept}
    return resolved | {"family": model.family.name, "prediction_type": model.prediction.kind}
