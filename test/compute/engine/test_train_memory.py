"""What a training does when memory runs out: the same learning in smaller pieces, or a message that helps."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_client import FIXTURES
from safetensors.torch import load_file
from narrow_family import Silent
from train_style import training, write_style

from tessera_engine.device import Device
from tessera_engine.engine import Engine
from tessera_engine.errors import EngineError
from tessera_engine.families import load_family
from tessera_engine.train.jobs import TrainJob
from tessera_engine.train.layers import Lora
from tessera_engine.train.read import read_base, read_train
from tessera_engine.train.run import run_train

SMALL: dict[str, Any] = {"rank": 4, "conv_rank": 0, "batch": 4, "max_steps": 3, "repeats": 4, "save": {"dtype": "fp32"}}


def learn(folder: Path, **changes: Any) -> tuple[dict[str, torch.Tensor], Silent]:
    engine, wire = Engine(), Silent()
    engine.configure({"roots": {"models": str(FIXTURES), "job": str(folder)}, "test_families": True, "threads": 1})
    data = training(write_style(folder, 4), **{**SMALL, **changes})
    job = TrainJob(str(uuid.uuid4()), wire)  # type: ignore[arg-type]
    result = run_train(engine, job, read_train(data, read_base(data), load_family("tiny")))
    return load_file(folder / result["files"][-1]["file"]), wire


def limit_batch(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    """Memory for `most` pictures at once, as far as the UNet can tell."""
    from diffusers.models import UNet2DConditionModel

    forward = UNet2DConditionModel.forward

    def limited(self: Any, sample: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        if len(sample) > most:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return forward(self, sample, *args, **kwargs)

    monkeypatch.setattr(UNet2DConditionModel, "forward", limited)


def test_a_batch_that_does_not_fit_is_halved_and_the_same_is_learnt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = learn(tmp_path)
    limit_batch(monkeypatch, 1)
    pieces, wire = learn(tmp_path)
    assert wire.sent.count("oom_step") == 2
    assert all(torch.allclose(whole[name], pieces[name], atol=2e-3) for name in whole)


def test_checkpointing_and_live_encoding_change_nothing_but_rounding(tmp_path: Path) -> None:
    whole, _ = learn(tmp_path)
    for change in ({"grad_checkpoint": True}, {"cache_latents": False}, {"cache_text": False}):
        other, _ = learn(tmp_path, **change)
        assert all(torch.allclose(whole[name], other[name], atol=2e-3) for name in whole), change


def test_a_base_in_half_precision_is_trained_in_the_same_direction(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _ = learn(tmp_path, te_lr=1e-3)
    half = Device(torch.device("cpu"), torch.bfloat16, torch.float32)
    monkeypatch.setattr("tessera_engine.engine.pick_device", lambda *_: half)
    other, _ = learn(tmp_path, te_lr=1e-3)
    ups = [name for name in whole if name.endswith("lora_up.weight")]
    assert any(name.startswith("lora_te_") for name in ups)
    a, b = (torch.cat([tensors[name].flatten() for name in ups]) for tensors in (whole, other))
    assert torch.isfinite(b).all() and torch.nn.functional.cosine_similarity(a, b, dim=0) > 0.9


def test_a_lora_that_its_file_cannot_hold_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = Lora.tensors
    monkeypatch.setattr(Lora, "tensors", lambda self: ((name, value + 7e4) for name, value in tensors(self)))
    with pytest.raises(EngineError, match="fp16 cannot hold"):
        learn(tmp_path, save={"dtype": "fp16"})
    assert not list(tmp_path.glob("*.safetensors"))


def test_when_nothing_helps_the_person_is_told_what_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit_batch(monkeypatch, 0)
    with pytest.raises(EngineError) as error:
        learn(tmp_path)
    assert error.value.code == "oom_ram" and "resolution" in error.value.message
