"""Before the first job: the models of last time loaded, and one step at each size, so that kernels are chosen and
compiled by then."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from .engine import Engine
from .errors import EngineError
from .fields import Fields, FileRef
from .load import Model
from .params import read_generate
from .pictures.guided import Guided, encode_pair


@dataclass(frozen=True)
class Warm:
    model: FileRef
    sizes: tuple[tuple[int, int], ...]


def read_warm(fields: Fields) -> list[Warm]:
    """`warm` of `configure`: at most four models, each with at most four sizes. Throws `bad_params`."""
    return [
        Warm(one.file_ref(), tuple((size.count("w", 16, 2048), size.count("h", 16, 2048)) for size in one.items("sizes", 4)))
        for one in fields.items("warm", 4)
    ]


def warm_up(engine: Engine, wanted: list[Warm], warn: Callable[[str, str], None]) -> None:
    """What cannot be loaded is told by `warn` and left; the engine is ready all the same."""
    for one in wanted:
        try:
            model = engine.load_model(one.model.file, one.model.sha256, lambda: None, "warm")
            for size in one.sizes:
                _step(engine, model, size)
        except EngineError as error:
            warn("warm_start", f"{one.model.file}: {error.message}")


@torch.no_grad()
def _step(engine: Engine, model: Model, size: tuple[int, int]) -> None:
    params = read_generate({"model": {"file": "warm"}, "width": 64, "height": 64, "seed": 0})
    pair = encode_pair(model, "", "", 1, engine.device, None)
    guided = Guided(model, engine.device, [pair], [7.0], params, size, lambda: None)
    scale = model.family.vae_scale
    latents = torch.zeros(1, 4, size[1] // scale, size[0] // scale, device=engine.device.torch)
    guided(latents, torch.tensor(500.0))
    model.vae.decode(latents.to(engine.device.vae_dtype))
