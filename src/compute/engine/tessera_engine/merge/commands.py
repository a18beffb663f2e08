"""The command `merge`: files of the root `models` in, one file of the root `job` out, told of by `merged`."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..detect import lora_facts
from ..engine import Engine
from ..errors import EngineError
from ..families import Family, list_families
from ..job import End, Job
from ..train.files import Written
from ..wire import Events
from .blocks import block_names
from .checkpoints import Checkpoints
from .loras import LoraParts, check_family, mix_loras, read_parts
from .params import MergeParams, read_merge
from .recipe import recipe_metadata
from .stream import StreamWriter, in_file_order

#: Of the tensors, with what stands before it.
_HASH_KEYS = {"modelspec.hash_sha256": "0x"}


class MergeCommands:
    """The part of the server that knows of merging. What it stands on is the server's."""

    engine: Engine
    _events: Events
    _jobs: dict[str, Job]
    _later: Callable[..., None]
    _new_job_id: Callable[[dict[str, Any]], str]

    def _on_merge(self, message: dict[str, Any]) -> None:
        id = self._new_job_id(message)
        params = read_merge(message.get("p"))
        self.engine.roots.folder("job")
        paths = [self.engine.roots.find("models", ref.file, f"p.models[{i}].file") for i, ref in enumerate(params.models)]
        job = Job(id, self._events)
        self._jobs[id] = job
        started = time.monotonic()

        def run() -> End:
            written, tensor_hash, facts = self._merge(job, params, paths)
            self._events.send("merged", job=id, file=written.name, bytes=written.total_bytes, sha256=written.sha256,
                              autov3=tensor_hash[:12], **facts)  # fmt: skip
            return "result", {"ms": round((time.monotonic() - started) * 1000)}

        self._later(message, run, job)

    def _merge(self, job: Job, params: MergeParams, paths: list[Path]) -> tuple[Written, str, dict[str, Any]]:
        hashes = []
        for i, (ref, path) in enumerate(zip(params.models, paths, strict=True)):
            job.phase("load", i, len(paths))
            hashes.append(self.engine.checked_sha256(path, ref, job.check, f"p.models[{i}].sha256"))
        folder = self.engine.roots.folder("job")
        if params.kind == "checkpoint":
            mixed = Checkpoints(paths, params, job, self.engine.test_families)
            _check_blocks(params, mixed.family)
            metadata = recipe_metadata(params, mixed.family, hashes, mixed.prediction, 0)
            writer = StreamWriter(folder, job.id, mixed.shapes, metadata, _HASH_KEYS)
            return (*writer.write(mixed.tensors()), {"family": mixed.family.name})
        parts = [read_parts(path, f"p.models[{i}].file") for i, path in enumerate(paths)]
        family = self._family_of(parts)
        check_family(parts, family)
        _check_blocks(params, family)
        tensors, rank = mix_loras(parts, params, family, job)
        prediction = "v_prediction" if _spec(parts, "prediction_type").startswith("v") else "epsilon"
        metadata = recipe_metadata(params, family, hashes, prediction, rank)
        shapes = in_file_order({name: (t.dtype, tuple(t.shape)) for name, t in tensors.items()})
        writer = StreamWriter(folder, job.id, shapes, metadata, _HASH_KEYS | {"sshs_model_hash": ""})
        return (*writer.write((name, tensors[name]) for name in shapes), {"family": family.name, "rank": rank})

    def _family_of(self, parts: list[LoraParts]) -> Family:
        """Throws `unsupported` when no file tells what it was made for."""
        known = list_families(self.engine.test_families)
        for part in parts:
            its = lora_facts(part.header)["family"]
            for family in known:
                if family.name == its:
                    return family
        raise EngineError("unsupported", "None of these LoRAs tells which family it was made for.", "p.models")


def _spec(parts: list[LoraParts], key: str) -> str:
    return parts[0].header.metadata.get(f"modelspec.{key}", "").lower()


def _check_blocks(params: MergeParams, family: Family) -> None:
    unknown = params.blocks.keys() - {"BASE", *block_names(family)}
    if unknown:
        raise EngineError("bad_params", f"{family.label} has no block {min(unknown)[:40]!r}.", "p.blocks")
