"""Every error code of the protocol, and how a person comes to see it."""

from __future__ import annotations

import errno
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from engine_client import FIXTURES
from safetensors.torch import load_file, save_file

from tessera_engine import server as server_module
from tessera_engine.errors import CODES, Cancelled, EngineError
from tessera_engine.server import Server

BASE: dict[str, Any] = {"model": {"file": "base.safetensors"}, "prompt": "", "width": 32, "height": 32, "steps": 1, "seed": 1}
#: Set by the supervisor, or by the trainer, whose own tests reach them; `cancelled` is an event of its own.
ELSEWHERE = {"engine_crashed", "timeout", "dataset_invalid", "cancelled"}


class Wire:
    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def send(self, kind: str, /, **fields: Any) -> None:
        self.events.append({"t": kind, **fields})

    def progress(self, *_args: Any, **_fields: Any) -> None: ...

    def warn(self, *_args: Any) -> None: ...


class Bench:
    """A server without threads: a command is taken and its work done at once."""

    def __init__(self, folder: Path) -> None:
        self.wire = Wire()
        self.server = Server(0, self.wire)  # type: ignore[arg-type]
        roots = {root: str(folder) for root in ("models", "loras", "job")}
        self.ask({"t": "configure", "roots": roots, "test_families": True})

    def ask(self, message: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """(the last event, exit status)"""
        self.server._take({"v": 1, "id": 1, **message})
        status = 0
        while not self.server._work.empty():
            work = self.server._work.get()
            assert work is not None
            status = self.server._do(work)
        return self.wire.events[-1], status

    def generate(self, **change: Any) -> dict[str, Any]:
        return self.ask({"t": "generate", "job": str(uuid.uuid4()), "p": {**BASE, **change}})[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "base.safetensors").write_bytes((FIXTURES / "tiny-base.safetensors").read_bytes())
    (tmp_path / "pickle.safetensors").write_bytes(b"\x80\x04 and so on")
    (tmp_path / "cut.safetensors").write_bytes((FIXTURES / "tiny-base.safetensors").read_bytes()[:-1])
    tensors = load_file(tmp_path / "base.safetensors")
    save_file(tensors | {"model.diffusion_model.more": torch.zeros(1)}, tmp_path / "strange.safetensors")
    broken = tensors | {"model.diffusion_model.out.2.bias": torch.full((4,), float("nan"))}
    save_file(broken, tmp_path / "nan.safetensors")
    return tmp_path


@pytest.fixture
def bench(folder: Path) -> Iterator[Bench]:
    yield Bench(folder)


def raising(error: BaseException) -> Callable[..., Any]:
    def run(*_args: Any, **_options: Any) -> Any:
        raise error

    return run


#: Code → what of the request leads to it. Found by the caller, so the message must say what to do.
REQUESTS: dict[str, dict[str, Any]] = {
    "bad_params": {"steps": 0},
    "unsupported": {"sampler": "Magic"},
    "model_not_found": {"model": {"file": "none.safetensors"}},
    "model_invalid": {"model": {"file": "cut.safetensors"}},
    "model_unsafe": {"model": {"file": "pickle.safetensors"}},
    "arch_mismatch": {"model": {"file": "strange.safetensors"}},
    "lora_mismatch": {"loras": [{"file": "base.safetensors", "name": "x"}]},
    "nan_output": {"model": {"file": "nan.safetensors"}},
}
#: Code → what breaks under the engine's feet.
ACCIDENTS: dict[str, tuple[BaseException, int]] = {
    "oom_ram": (MemoryError(), 0),
    "disk_full": (OSError(errno.ENOSPC, "No space left on device"), 0),
    "gpu_lost": (RuntimeError("CUDA error: an illegal memory access was encountered"), 70),
    "internal": (ZeroDivisionError("division by zero"), 0),
}


@pytest.mark.parametrize("code", REQUESTS)
def test_a_request_that_cannot_be_is_answered_with_its_code_and_words(bench: Bench, code: str) -> None:
    error = bench.generate(**REQUESTS[code])
    assert (error["t"], error["code"], error["fatal"], error["retryable"]) == ("error", code, False, False)
    assert error["message"].endswith(".") and len(error["message"]) > 10
    assert bench.generate()["t"] == "result", "the next job is made"


@pytest.mark.parametrize("code", ACCIDENTS)
def test_an_accident_has_its_code_and_only_a_lost_gpu_ends_the_engine(
    bench: Bench, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    error, status = ACCIDENTS[code]
    monkeypatch.setattr(server_module, "run_generate", raising(error))
    found, ended = bench.ask({"t": "generate", "job": str(uuid.uuid4()), "p": BASE})
    assert (found["t"], found["code"], ended) == ("error", code, status)
    assert found["fatal"] == (code == "gpu_lost") and found["retryable"] == (code != "internal")


@pytest.mark.parametrize("error", [None, Cancelled(), MemoryError()])
def test_who_hears_that_a_job_ended_may_configure_at_once(
    bench: Bench, folder: Path, error: BaseException | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if error:
        monkeypatch.setattr(server_module, "run_generate", raising(error))
    answers: list[str] = []
    send = bench.wire.send

    def configure_at_the_end(kind: str, /, **fields: Any) -> None:
        send(kind, **fields)
        if kind in ("result", "cancelled", "error") and not answers:
            answers.append(kind)
            bench.server._take({"v": 1, "id": 2, "t": "configure", "roots": {"job": str(folder)}})

    monkeypatch.setattr(bench.wire, "send", configure_at_the_end)
    assert (bench.generate()["t"], len(answers)) == ("ready", 1), answers


def test_a_gpu_without_memory_is_told_from_a_machine_without(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from tessera_engine.device import Device

    monkeypatch.setattr(server_module, "run_generate", raising(torch.OutOfMemoryError("CUDA out of memory")))
    bench.server.engine.device = Device(torch.device("cuda", 0), torch.float16, torch.float16)
    assert bench.generate()["code"] == "oom_vram"


def test_a_command_that_is_none_is_a_bad_message(bench: Bench) -> None:
    assert bench.ask({"t": "dance"})[0]["code"] == "bad_message"
    assert bench.ask({"t": "cancel", "job": "x"})[0]["code"] == "bad_params"


def test_no_code_is_left_without_a_test() -> None:
    assert REQUESTS.keys() | ACCIDENTS.keys() | {"oom_vram", "bad_message"} | ELSEWHERE == CODES
    with pytest.raises(AssertionError):
        EngineError("made_up", "x")


def test_an_estimate_is_answered_from_a_header(bench: Bench) -> None:
    found, _ = bench.ask({"t": "estimate", "p": BASE})
    assert (found["t"], found["task"], found["basis"]) == ("estimate", "generate", "table")
    assert bench.ask({"t": "estimate", "p": {**BASE, "model": {"file": "none"}}})[0]["code"] == "model_not_found"


def test_a_warm_start_loads_what_it_can_and_is_ready_all_the_same(folder: Path) -> None:
    bench = Bench(folder)
    warm = [{"file": "base.safetensors", "sizes": [{"w": 32, "h": 32}]}, {"file": "none.safetensors"}]
    ready, _ = bench.ask({"t": "configure", "roots": {"models": str(folder)}, "test_families": True, "warm": warm})
    assert ready["t"] == "ready" and len(ready["warm"]) == 1
    assert bench.ask({"t": "configure", "warm": [{}]})[0]["code"] == "bad_params"


def test_a_model_is_compiled_when_the_setting_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from diffusers.models import UNet2DConditionModel

    compiled: list[bool] = []
    monkeypatch.setattr(UNet2DConditionModel, "compile", lambda _self: compiled.append(True))
    bench = Bench(folder)
    assert bench.generate()["t"] == "result" and not compiled
    roots = {root: str(folder) for root in ("models", "loras", "job")}
    bench.ask({"t": "unload", "p": {"model": "all"}})
    bench.ask({"t": "configure", "roots": roots, "test_families": True, "compile": "on"})
    assert bench.generate()["t"] == "result" and compiled == [True]
