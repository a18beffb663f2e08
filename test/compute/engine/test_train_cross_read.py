"""T4: what our trainer writes means the same to diffusers as to our engine.

diffusers' LoRA loading needs transformers and PEFT, which the engine's environment does not have; they live in
.venv/cross-reader, made by `npm run engine:install -- --cross-reader`. TESSERA_CROSS_READER names another Python;
under TESSERA_REQUIRE_CROSS_READER, which .ci/run sets, a missing one is a failure.
"""

from __future__ import annotations

import json
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_client import FIXTURES, ROOT
from safetensors.torch import load_file, save_file
from narrow_family import Silent, narrow, write_checkpoint
from train_style import write_style

from tessera_engine import detect
from tessera_engine.engine import Engine
from tessera_engine.families import Family, load_family
from tessera_engine.load import Model
from tessera_engine.lora_file import read_lora
from tessera_engine.lora_merge import LoraUse
from tessera_engine.train.jobs import TrainJob
from tessera_engine.train.read import read_base, read_train
from tessera_engine.train.run import run_train

PYTHON = Path(os.environ.get("TESSERA_CROSS_READER") or ROOT / ".venv" / "cross-reader" / "bin" / "python")
needs_reader = pytest.mark.skipif(
    not PYTHON.exists() and not os.environ.get("TESSERA_REQUIRE_CROSS_READER"),
    reason=f"no second reader at {PYTHON}: npm run engine:install -- --cross-reader makes it",
)


class Reader:
    """The process of the other environment, and what it complains about."""

    def __init__(self, complaints: Path) -> None:
        self.complaints = complaints
        command = [str(PYTHON), "-W", "ignore", str(Path(__file__).parent / "cross_reader.py")]
        with complaints.open("w") as stderr:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr, text=True,
                env={**os.environ, "HF_HUB_OFFLINE": "1"},
            )  # fmt: skip

    def read(self, order: Path) -> str:
        """What it complained about meanwhile."""
        assert self.process.stdin and self.process.stdout
        known = len(self.complaints.read_text())
        self.process.stdin.write(f"{order}\n")
        self.process.stdin.flush()
        done = self.process.stdout.readline()
        said = self.complaints.read_text()[known:]
        assert done == "done\n", said[-3000:]
        return said


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    reader = Reader(tmp_path_factory.mktemp("reader") / "complaints")
    yield reader
    reader.process.kill()
    reader.process.wait()


def train_file(family: Family, folder: Path, base: str, **changes: Any) -> tuple[Engine, Path]:
    """A few steps at a high rate: a file whose every module says something."""
    engine = Engine()
    roots = {"models": str(FIXTURES if family.name == "tiny" else folder), "loras": str(folder), "job": str(folder)}
    engine.configure({"roots": roots, "test_families": True, "threads": 1})
    data = {
        "base": {"file": base}, "dataset": {"items": write_style(folder, 2)}, "repeats": 1, "epochs": 1, "batch": 1, "rank": 4,
        "alpha": 3, "unet_lr": 0.05, "te_lr": 0.05, "optimizer": "adamw", "lr_schedule": "constant", "save": {"dtype": "fp32"},
        "cache_text": False, "bucket": {"enable": False}, **changes,
    }  # fmt: skip
    job = TrainJob(str(uuid.uuid4()), Silent())  # type: ignore[arg-type]
    result = run_train(engine, job, read_train(data, read_base(data), family))
    return engine, folder / result["files"][0]["file"]


def make_inputs(family: Family) -> dict[str, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    inputs = {
        "x": torch.randn(2, 4, 16, 16, generator=g), "t": torch.tensor([7, 700]),
        "context": torch.randn(2, 77, family.context_dim, generator=g), "ids": torch.randint(0, 1500, (2, 77), generator=g),
    }  # fmt: skip
    if family.text[-1].projection:
        inputs["text_embeds"] = torch.randn(2, family.text[-1].projection, generator=g)
        inputs["time_ids"] = torch.tensor([[64.0, 64, 0, 0, 64, 64]] * 2)
    return inputs


@torch.no_grad()
def read_here(model: Model, inputs: dict[str, torch.Tensor], lora: Path) -> dict[str, torch.Tensor]:
    model.loras.merge((LoraUse("x", 1.0, 1.0),), lambda _: read_lora(lora, model.loras.targets, "p"))
    extra = {name: inputs[name] for name in ("text_embeds", "time_ids") if name in inputs}
    outputs = {"unet": model.unet(inputs["x"], inputs["t"], inputs["context"], added_cond_kwargs=extra).sample}
    return outputs | {f"te{i}": text(inputs["ids"]).hidden[-1] for i, text in enumerate(model.texts)}


def read_there(
    reader: Reader, family: Family, model: Model, inputs: dict[str, torch.Tensor], lora: Path | None, folder: Path
) -> dict[str, Any]:
    save_file(inputs, folder / "inputs")
    model.loras.restore()
    save_file({n: v.contiguous() for n, v in model.unet.state_dict().items()}, folder / "unet")
    texts = []
    for i, (text, config) in enumerate(zip(model.texts, family.text, strict=True)):
        save_file(dict(text.state_dict()), folder / f"te{i}")
        facts = {
            "hidden_size": config.width, "num_hidden_layers": config.layers, "num_attention_heads": config.heads,
            "intermediate_size": config.mlp, "hidden_act": config.activation, "vocab_size": text.tokenizer.size,
            "eos_token_id": text.tokenizer.end,
        }  # fmt: skip
        facts |= {"projection_dim": config.projection} if config.projection else {}
        texts.append({"config": facts, "weights": str(folder / f"te{i}")})
    order = {
        "unet": family.unet, "unet_weights": str(folder / "unet"), "texts": texts, "lora": str(lora) if lora else None,
        "inputs": str(folder / "inputs"), "outputs": str(folder / "outputs"),
    }  # fmt: skip
    (folder / "order.json").write_text(json.dumps(order))
    said = reader.read(folder / "order.json")
    # diffusers tells of keys that it could not use, and goes on.
    assert "unexpected" not in said.lower() and "No LoRA keys" not in said, said[-3000:]
    return load_file(folder / "outputs")


@needs_reader
@pytest.mark.parametrize(
    ("name", "changes"),
    [("sd15", {"resolution": 256}), ("sdxl", {"resolution": 512}), ("tiny", {"resolution": 32, "conv_rank": 4, "conv_alpha": 2})],
)
def test_diffusers_reads_our_file_as_we_do(
    name: str, changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reader: Reader
) -> None:
    family, base = load_family("tiny"), "tiny-base.safetensors"
    if name != "tiny":
        family, base = narrow(name), "base.safetensors"
        monkeypatch.setattr(detect, "list_families", lambda _test: [family])
        write_checkpoint(family, tmp_path / base)
    engine, lora = train_file(family, tmp_path, base, **changes)
    model = engine.load_model(base, None, lambda: None, "p.base.file")
    inputs = make_inputs(family)

    here = read_here(model, inputs, lora)
    there = read_there(reader, family, model, inputs, lora, tmp_path)
    plain = read_there(reader, family, model, inputs, None, tmp_path)

    assert here.keys() == there.keys()
    for part, value in here.items():
        assert (value - there[part]).abs().max() < 1e-3, part
        assert (value - plain[part]).abs().max() > 1e-2, f"{part}: the LoRA changes nothing, so nothing was compared"
