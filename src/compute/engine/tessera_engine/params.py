"""The parameters of `generate`, checked field by field. Nothing else reads them unchecked."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from .errors import EngineError
from .prompt import parse_prompt
from .samplers import resolve_names

MAX_SEED = 4_294_967_295
_SHA256 = re.compile(r"[0-9a-f]{64}")
#: Names that Civitai's reader accepts inside `<lora:…>`.
_LORA_NAME = re.compile(r"[A-Za-z0-9_.-]{1,200}")


@dataclass(frozen=True)
class FileRef:
    file: str
    sha256: str | None
    name: str


@dataclass(frozen=True)
class LoraRef:
    file: str
    sha256: str | None
    name: str
    unet: float
    te: float


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
    count: int
    clip_skip: int
    loras: tuple[LoraRef, ...]
    embed: bool
    preview_every: int
    preview_max_px: int
    batch1: bool
    #: Written into the infotext as they are: Civitai's list of resources, and the name and version of the node.
    resources: list[Any]
    version: str
    #: Goes into a chunk of its own under our key.
    record: dict[str, Any] | None


class Fields:
    """An object from the wire; each getter says where a mistake is."""

    def __init__(self, data: object, path: str) -> None:
        if not isinstance(data, dict):
            raise EngineError("bad_params", "An object is expected.", path)
        self.data: dict[str, Any] = data
        self.path = path

    def _bad(self, name: str, message: str) -> EngineError:
        return EngineError("bad_params", message, f"{self.path}.{name}")

    def text(self, name: str, default: str | None = None, longest: int = 1024) -> str:
        value = self.data.get(name, default)
        if not isinstance(value, str) or len(value) > longest:
            raise self._bad(name, f"A text of at most {longest} characters is expected.")
        return value

    def number(self, name: str, low: float, high: float, default: float | None = None) -> float:
        value = self.data.get(name, default)
        if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
            raise self._bad(name, "A number is expected.")
        if not low <= value <= high:
            raise self._bad(name, f"It must be from {low:g} to {high:g}.")
        return float(value)

    def count(self, name: str, low: int, high: int, default: int | None = None) -> int:
        value = self.number(name, low, high, default)
        if value != int(value):
            raise self._bad(name, "A whole number is expected.")
        return int(value)

    def flag(self, name: str, default: bool) -> bool:
        value = self.data.get(name, default)
        if not isinstance(value, bool):
            raise self._bad(name, "true or false is expected.")
        return value

    def choice(self, name: str, allowed: tuple[str, ...], default: str) -> str:
        value = self.data.get(name, default)
        if value not in allowed:
            raise self._bad(name, f"One of {', '.join(allowed)} is expected.")
        return str(value)

    def inner(self, name: str) -> Fields:
        return Fields(self.data.get(name, {}), f"{self.path}.{name}")

    def sha256(self) -> str | None:
        value = self.data.get("sha256")
        if value is not None and not (isinstance(value, str) and _SHA256.fullmatch(value)):
            raise self._bad("sha256", "64 lower case hex digits are expected.")
        return value


def _file(fields: Fields) -> FileRef:
    file = fields.text("file")
    stem = file.rpartition("/")[2].removesuffix(".safetensors")
    return FileRef(file, fields.sha256(), fields.text("name", stem, 200))


def _lora(data: object, path: str) -> LoraRef:
    fields = Fields(data, path)
    ref = _file(fields)
    if not _LORA_NAME.fullmatch(ref.name):
        raise EngineError("bad_params", "The name of a LoRA has letters, digits, _ . and - only.", f"{path}.name")
    unet = fields.number("unet", -10, 10, 1.0)
    return LoraRef(ref.file, ref.sha256, ref.name, unet, fields.number("te", -10, 10, unet))


def read_generate(data: object) -> GenerateParams:
    """Throws `bad_params` with the path of the mistake, or `unsupported` for what this engine cannot do yet."""
    p = Fields(data, "p")
    for name in ("init", "hires", "subseed", "embeddings"):
        if p.data.get(name):
            raise EngineError("unsupported", f"{name} is not supported yet.", f"p.{name}")
    output, preview = p.inner("output"), p.inner("preview")
    if output.choice("format", ("png", "webp", "jpeg"), "png") != "png":
        raise EngineError("unsupported", "Only PNG is written so far.", "p.output.format")
    loras = p.data.get("loras", [])
    if not isinstance(loras, list) or len(loras) > 16:
        raise EngineError("bad_params", "A list of at most 16 LoRAs is expected.", "p.loras")
    sizes = [p.count(name, 16, 2048) for name in ("width", "height")]
    if any(size % 8 for size in sizes):
        raise EngineError("bad_params", "Width and height are multiples of 8.", "p.width")
    sampler, schedule = resolve_names(p.text("sampler", "Euler", 60), p.text("schedule", "Automatic", 60))
    prompts = p.text("prompt", "", 10_000), p.text("negative", "", 10_000)
    for name, prompt in zip(("p.prompt", "p.negative"), prompts, strict=True):
        parse_prompt(prompt, name)
    resources, record = p.data.get("resources", []), p.data.get("record")
    if not isinstance(resources, list) or not isinstance(record, dict | None):
        raise EngineError("bad_params", "resources is a list and record an object.", "p.resources")
    return GenerateParams(
        model=_file(p.inner("model")),
        vae=_file(p.inner("vae")) if p.data.get("vae") else None,
        prompt=prompts[0],
        negative=prompts[1],
        width=sizes[0],
        height=sizes[1],
        steps=p.count("steps", 1, 150, 20),
        cfg=p.number("cfg", 0, 30, 7.0),
        cfg_rescale=p.number("cfg_rescale", 0, 1, 0.0),
        sampler=sampler,
        schedule=schedule,
        eta=p.number("eta", 0, 1) if p.data.get("eta") is not None else None,
        seed=p.count("seed", 0, MAX_SEED),
        count=p.count("count", 1, 64, 1),
        clip_skip=p.count("clip_skip", 1, 12, 1),
        loras=tuple(_lora(lora, f"p.loras[{i}]") for i, lora in enumerate(loras)),
        embed=output.flag("embed", True),
        preview_every=preview.count("every", 0, 150, 1),
        preview_max_px=preview.count("max_px", 32, 1024, 256),
        batch1=p.choice("determinism", ("fast", "batch1"), "fast") == "batch1",
        resources=resources,
        version=p.text("version", "Tessera", 100),
        record=record,
    )
