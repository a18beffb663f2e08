"""What a job needs from disk: the model with its LoRAs merged, a VAE, an enlarger, embeddings, pictures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from .detect import detect_kind
from .embeddings import Words, read_embedding
from .engine import Engine
from .errors import EngineError
from .hashes import file_sha256, tensor_sha256
from .header import Header, read_header
from .infotext import UsedFiles
from .job import Job
from .load import Model
from .lora_file import read_lora
from .lora_merge import LoraUse
from .params import GenerateParams, LoraRef
from .pictures.autoencoder import Autoencoder
from .pictures.source import fit, read_picture, to_mask, to_tensor


@dataclass
class Materials:
    model: Model
    vae: Autoencoder
    upscaler: Any
    words: Words | None
    #: [1, 3, height, width] in -1..1, and [1, height, width] in 0..1
    init: Tensor | None
    mask: Tensor | None
    files: UsedFiles
    #: Names in the cache of what must stay while the job runs.
    keys: tuple[str, ...]
    #: Width and height of the result.
    final: tuple[int, int]


def gather(engine: Engine, job: Job, params: GenerateParams) -> Materials:
    model = engine.load_model(params.model.file, params.model.sha256, job.check, "p.model.file")
    final = check_sizes(params, model)
    words, embedding_hashes = _read_words(engine, job, params, model)
    init, mask = _read_init(engine, params)
    loras = _merge_loras(engine, job, params, model)
    vae, vae_sha256, keys = model.vae, None, [engine.key_of(model)]
    if params.vae:
        part = engine.load_vae(params.vae, model.family, job.check, "p.vae.file")
        vae, vae_sha256 = part.module, part.sha256
        keys.append(f"{part.sha256}-{model.family.name}-vae")
    upscaler = None
    if params.hires and params.hires.upscaler_file:
        found = engine.load_upscaler(params.hires.upscaler_file, job.check, "p.hires.upscaler")
        upscaler = found.module
        keys.append(f"{found.sha256}-upscaler")
    files = UsedFiles(model.sha256, vae_sha256, loras, embedding_hashes)
    encoder = Autoencoder(vae, model.family, engine.device.torch, job)
    return Materials(model, encoder, upscaler, words, init, mask, files, tuple(keys), final)


def check_sizes(params: GenerateParams, model: Model) -> tuple[int, int]:
    """Width and height of the result, the second pass included. Throws `bad_params`."""
    family = model.family
    for name, size in (("width", params.width), ("height", params.height)):
        if not family.min_size <= size <= family.max_size or size % family.size_step:
            raise EngineError(
                "bad_params",
                f"{family.label} makes {family.min_size} to {family.max_size} pixels, in steps of {family.size_step}.",
                f"p.{name}",
            )
    if params.hires is None:
        return params.width, params.height
    if params.mask_and_redraw:
        raise EngineError("unsupported", "A mask and a second pass that redraws do not go together.", "p.hires")
    wanted = params.hires.size or tuple(round(s * (params.hires.scale or 1)) for s in (params.width, params.height))
    width, height = (size // family.size_step * family.size_step for size in wanted)
    longest = 2 * family.max_size
    if not family.min_size <= min(width, height) or max(width, height) > longest:
        raise EngineError("bad_params", f"A second pass makes at most {longest} pixels along a side.", "p.hires")
    return width, height


def _checked(engine: Engine, job: Job, root: str, ref: Any, where: str, what: str) -> tuple[Header, Any, str]:
    path = engine.roots.find(root, ref.file, where)
    header = read_header(path)
    digest = file_sha256(path, job.check)
    if ref.sha256 and ref.sha256 != digest:
        raise EngineError("model_invalid", f"The {what} is not the one that was asked for.", where)
    return header, path, digest


def _read_words(engine: Engine, job: Job, params: GenerateParams, model: Model) -> tuple[Words | None, dict[str, str]]:
    if not params.embeddings:
        return None, {}
    words, hashes = Words(model.texts[0].tokenizer.size), {}
    for i, ref in enumerate(params.embeddings):
        where = f"p.embeddings[{i}].file"
        _, path, digest = _checked(engine, job, "loras", ref, where, "embedding")
        words.add(ref.name, read_embedding(path, model.family, where))
        hashes[ref.name] = digest[:12]
    return words, hashes


def _read_init(engine: Engine, params: GenerateParams) -> tuple[Tensor | None, Tensor | None]:
    if params.init is None:
        return None, None
    size = params.width, params.height
    image = read_picture(engine.roots.find("job", params.init.file, "p.init.file"), "p.init.file")
    init, mask = to_tensor(fit(image, *size, params.init.resize))[None], None
    if params.init.mask is not None:
        drawn = read_picture(engine.roots.find("job", params.init.mask, "p.init.mask"), "p.init.mask")
        if drawn.size != image.size:
            raise EngineError("bad_params", "The mask has another size than its picture.", "p.init.mask")
        mask = to_mask(fit(drawn, *size, params.init.resize))
    return init, mask


def _merge_loras(engine: Engine, job: Job, params: GenerateParams, model: Model) -> dict[str, str]:
    """AutoV3 by name."""
    autov3: dict[str, str] = {}
    uses: list[LoraUse] = []
    refs: dict[LoraUse, tuple[LoraRef, str]] = {}
    for i, lora in enumerate(params.loras):
        where = f"p.loras[{i}].file"
        header, path, digest = _checked(engine, job, "loras", lora, where, "LoRA")
        if detect_kind(header) != "lora":
            raise EngineError("lora_mismatch", "This file is not a LoRA.", where)
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
    return autov3
