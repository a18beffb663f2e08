"""The parameters of `generate`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from .errors import EngineError
from .fields import Fields as Fields
from .fields import FileRef as FileRef
from .noise import MODES
from .prompt import parse_prompt
from .samplers import resolve_names

MAX_SEED = 4_294_967_295
#: Names that Civitai's reader accepts inside `<lora:…>`.
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")
LATENT, LANCZOS, MODEL = "latent", "lanczos", "model:"


@dataclass(frozen=True)
class LoraRef:
    file: str
    sha256: str | None
    name: str
    unet: float
    te: float


@dataclass(frozen=True)
class Init:
    """A picture in the root `job` to go on from; `mask` is white where it may change."""

    file: str
    mask: str | None
    denoise: float
    resize: str


@dataclass(frozen=True)
class Hires:
    #: Times the size of the first pass, or the size itself.
    scale: float | None
    size: tuple[int, int] | None
    #: "latent", "lanczos", or a file under `models`.
    upscaler: str
    upscaler_file: str | None
    steps: int
    denoise: float
    cfg: float | None


@dataclass(frozen=True)
class Sample:
    """One image: what may differ between images of a batch."""

    prompt: str
    negative: str
    seed: int
    subseed: int
    cfg: float
    #: Goes into a chunk of its own under our key.
    record: dict[str, Any] | None = None


@dataclass(frozen=True)
class GenerateParams:
    model: FileRef
    vae: FileRef | None
    prompt: str
    negative: str
    width: int
    height: int
    steps: int
    cfg: float
    cfg_rescale: float
    sampler: str
    schedule: str
    eta: float | None
    seed: int
    subseed: int
    subseed_strength: float
    rng: str
    count: int
    clip_skip: int
    loras: tuple[LoraRef, ...]
    embeddings: tuple[FileRef, ...]
    init: Init | None
    hires: Hires | None
    format: str
    quality: int
    embed: bool
    preview_every: int
    preview_max_px: int
    batch1: bool
    samples: tuple[Sample, ...]
    #: Written into the infotext as they are: Civitai's list of resources, and the name and version of the node.
    resources: list[Any]
    version: str

    @property
    def mask_and_redraw(self) -> bool:
        return bool(self.init and self.init.mask and self.hires and self.hires.denoise > 0)


def _named(fields: Fields, what: str) -> FileRef:
    ref = fields.file_ref()
    if not _NAME.fullmatch(ref.name):
        raise EngineError("bad_params", f"The name of {what} has letters, digits, _ . and - only.", f"{fields.path}.name")
    return ref


def _lora(fields: Fields) -> LoraRef:
    ref = _named(fields, "a LoRA")
    unet = fields.number("unet", -10, 10, 1.0)
    return LoraRef(ref.file, ref.sha256, ref.name, unet, fields.number("te", -10, 10, unet))


def _init(fields: Fields) -> Init:
    mask = fields.text("mask") if fields.data.get("mask") is not None else None
    resize = fields.choice("resize", ("crop", "fill", "stretch"), "crop")
    return Init(fields.text("file"), mask, fields.number("denoise", 0, 1, 0.75), resize)


def _hires(fields: Fields) -> Hires:
    upscaler = fields.text("upscaler", LATENT)
    if upscaler not in (LATENT, LANCZOS) and not (upscaler.startswith(MODEL) and len(upscaler) > len(MODEL)):
        raise EngineError("bad_params", "latent, lanczos or model:<file> is expected.", f"{fields.path}.upscaler")
    size = fields.data.get("size")
    if size is not None and not (isinstance(size, list) and len(size) == 2):
        raise EngineError("bad_params", "A width and a height are expected.", f"{fields.path}.size")
    axes = Fields(dict(zip(("w", "h"), size, strict=True)), f"{fields.path}.size") if size else None
    return Hires(
        scale=None if axes else fields.number("scale", 1, 8, 2.0),
        size=(axes.count("w", 16, 8192), axes.count("h", 16, 8192)) if axes else None,
        upscaler=upscaler,
        upscaler_file=upscaler.removeprefix(MODEL) if upscaler.startswith(MODEL) else None,
        steps=fields.count("steps", 0, 150, 0),
        denoise=fields.number("denoise", 0, 1, 0.7),
        cfg=fields.number("cfg", 0, 30) if fields.data.get("cfg") is not None else None,
    )


def _prompts(fields: Fields, prompt: str = "", negative: str = "") -> tuple[str, str]:
    found = fields.text("prompt", prompt, 10_000), fields.text("negative", negative, 10_000)
    for name, text in zip(("prompt", "negative"), found, strict=True):
        parse_prompt(text, f"{fields.path}.{name}")
    return found


def _record(fields: Fields, default: dict[str, Any] | None = None) -> dict[str, Any] | None:
    found = fields.data.get("record", default)
    if not isinstance(found, dict | None):
        raise EngineError("bad_params", "An object is expected.", f"{fields.path}.record")
    return found


def _samples(p: Fields, prompts: tuple[str, str], cfg: float, seed: int, subseed: int) -> tuple[Sample, ...]:
    """`count` images that differ in their seeds, or one for each of `batch`, which says what differs."""
    batch, record = p.items("batch", 64), _record(p)
    if not batch:
        count = p.count("count", 1, 64, 1)
        return tuple(Sample(*prompts, (seed + i) % (1 << 32), (subseed + i) % (1 << 32), cfg, record) for i in range(count))
    return tuple(
        Sample(*_prompts(one, *prompts), one.count("seed", 0, MAX_SEED), one.count("subseed", 0, MAX_SEED, subseed),
               one.number("cfg", 0, 30, cfg), _record(one, record))
        for one in batch
    )  # fmt: skip


def read_generate(data: object) -> GenerateParams:
    """Throws `bad_params` with the path of the mistake, or `unsupported` for what this engine cannot do."""
    p = Fields(data, "p")
    output, preview, init, hires = p.inner("output"), p.inner("preview"), p.maybe("init"), p.maybe("hires")
    sizes = [p.count(name, 16, 2048) for name in ("width", "height")]
    if any(size % 8 for size in sizes):
        raise EngineError("bad_params", "Width and height are multiples of 8.", "p.width")
    sampler, schedule = resolve_names(p.text("sampler", "Euler", 60), p.text("schedule", "Automatic", 60))
    prompts = _prompts(p)
    resources = p.data.get("resources", [])
    if not isinstance(resources, list):
        raise EngineError("bad_params", "A list is expected.", "p.resources")
    cfg = p.number("cfg", 0, 30, 7.0)
    seed, subseed = p.count("seed", 0, MAX_SEED), p.count("subseed", 0, MAX_SEED, 0)
    samples = _samples(p, prompts, cfg, seed, subseed)
    return GenerateParams(
        model=p.inner("model").file_ref(),
        vae=p.inner("vae").file_ref() if p.data.get("vae") else None,
        prompt=prompts[0],
        negative=prompts[1],
        width=sizes[0],
        height=sizes[1],
        steps=p.count("steps", 1, 150, 20),
        cfg=cfg,
        cfg_rescale=p.number("cfg_rescale", 0, 1, 0.0),
        sampler=sampler,
        schedule=schedule,
        eta=p.number("eta", 0, 1) if p.data.get("eta") is not None else None,
        seed=seed,
        subseed=subseed,
        subseed_strength=p.number("subseed_strength", 0, 1, 0.0),
        rng=p.choice("rng", MODES, "CPU"),
        count=len(samples),
        clip_skip=p.count("clip_skip", 1, 12, 1),
        loras=tuple(_lora(lora) for lora in p.items("loras", 16)),
        embeddings=tuple(_named(e, "an embedding") for e in p.items("embeddings", 32)),
        init=_init(init) if init else None,
        hires=_hires(hires) if hires else None,
        format=output.choice("format", ("png", "webp", "jpeg"), "png"),
        quality=output.count("quality", 1, 100, 90),
        embed=output.flag("embed", True),
        preview_every=preview.count("every", 0, 150, 1),
        preview_max_px=preview.count("max_px", 32, 1024, 256),
        batch1=p.choice("determinism", ("fast", "batch1"), "fast") == "batch1",
        samples=samples,
        resources=resources,
        version=p.text("version", "Tessera", 100),
    )
