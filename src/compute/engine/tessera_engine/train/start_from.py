"""Learning on from a finished LoRA, for instance from an epoch of another training, with a fresh optimizer."""

from __future__ import annotations

from ..engine import Engine
from ..errors import EngineError
from ..hashes import file_sha256
from ..load import Model
from ..lora_file import read_lora
from ..params import FileRef
from .layers import Lora

WHERE = "p.start_from.file"


def start_from(engine: Engine, ref: FileRef, model: Model, lora: Lora) -> None:
    """Throws `lora_mismatch` when the file has other modules or ranks than this training, `model_invalid`."""
    path = engine.roots.find("job", ref.file, WHERE)
    if ref.sha256 and file_sha256(path) != ref.sha256:
        raise EngineError("model_invalid", "The LoRA is not the one that was asked for.", WHERE)
    factors = read_lora(path, model.loras.targets, WHERE).factors
    if factors.keys() != lora.layers.keys():
        raise EngineError("lora_mismatch", "This LoRA changes other modules than this training would.", WHERE)
    for key, layer in lora.layers.items():
        found = factors[key]
        if found.down is None or found.up is None or found.down.shape != layer.down.shape or found.mid is not None:
            raise EngineError("lora_mismatch", "This LoRA has another rank than this training.", WHERE)
        rank = found.down.shape[0]
        scale = (found.alpha if found.alpha is not None else rank) / rank
        lora.load(key, found.down, found.up.float() * (scale / layer.scale))
