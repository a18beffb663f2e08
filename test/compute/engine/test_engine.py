"""The whole engine as a process, on the tiny model that has learnt shapes."""

from __future__ import annotations

import hashlib
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from engine_client import FIXTURES, Client, started
from PIL import Image
from tiny_shapes import COLOURS, SHAPES, TRIGGER, colour_of_centre, draw_batch, style_distance

BASE: dict[str, Any] = {"model": {"file": "tiny-base.safetensors", "name": "tiny"}, "prompt": "a red circle", "width": 32,
                        "height": 32, "steps": 15, "cfg": 3, "sampler": "DDIM", "seed": 1000}  # fmt: skip
STYLE = {"file": "tiny-style-lora.safetensors", "name": "tiny-style"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture(scope="module")
def engine(folder: Path) -> Iterator[Client]:
    with started(folder) as client:
        yield client


def pixels(folder: Path, result: dict[str, Any]) -> torch.Tensor:
    """[count, 3, 32, 32] in -1..1"""
    assert result["t"] == "result", result
    arrays = [np.asarray(Image.open(folder / image["file"])) for image in result["images"]]
    return torch.tensor(np.stack(arrays)).movedim(3, 1).float() / 127.5 - 1


def test_pictures_show_what_was_asked_for(engine: Client, folder: Path) -> None:
    right = 0
    for colour in COLOURS:
        for shape in SHAPES:
            result = engine.result(**{**BASE, "prompt": f"a {colour} {shape}", "count": 2})
            right += sum(colour_of_centre(image) == colour for image in pixels(folder, result))
    assert right >= 17, f"{right} of 18"


def test_the_style_lora_moves_pictures_to_its_style_in_step_with_its_weight(engine: Client, folder: Path) -> None:
    import random

    style, _ = draw_batch(24, random.Random(5), style=True)
    distances, right, base_files = [], 0, None
    for weight in (0.0, 0.5, 1.0):
        images = []
        for i, (colour, shape) in enumerate((c, s) for c in COLOURS for s in SHAPES[:2]):
            request = {**BASE, "prompt": f"{TRIGGER} a {colour} {shape}", "count": 4, "seed": 1000 + 4 * i}
            made = pixels(folder, engine.result(**request, loras=[{**STYLE, "unet": weight}]))
            right += sum(colour_of_centre(image) == colour for image in made) if weight == 1 else 0
            images.append(made)
        if weight == 0:
            base_files = images[-1]
        distances.append(style_distance(torch.cat(images), style))
    assert distances[0] > distances[1] > distances[2], distances
    assert distances[2] <= 0.3 * distances[0], distances
    assert right >= 0.8 * 24, right
    # Weight 0 and no LoRA at all are the same, bit for bit, after the model was changed in between.
    request = {**BASE, "prompt": f"{TRIGGER} a blue square", "count": 4, "seed": 1020}
    assert base_files is not None and torch.equal(pixels(folder, engine.result(**request)), base_files)


def test_a_picture_depends_on_its_seed_and_not_on_its_batch(engine: Client, folder: Path) -> None:
    batch = engine.result(**{**BASE, "count": 3, "sampler": "Euler a", "determinism": "batch1"})
    alone = engine.result(**{**BASE, "count": 1, "sampler": "Euler a", "seed": 1002})
    assert batch["images"][2]["sha256"] == alone["images"][0]["sha256"] or torch.equal(
        pixels(folder, batch)[2], pixels(folder, alone)[0]
    )
    fast = pixels(folder, engine.result(**{**BASE, "count": 3, "sampler": "Euler a"}))
    assert (fast[2] - pixels(folder, alone)[0]).abs().max() < 0.05


def test_the_result_names_whole_files_with_their_recipe(engine: Client, folder: Path) -> None:
    result = engine.result(**{**BASE, "count": 2, "loras": [{**STYLE, "unet": 0.5}], "record": {"licence": "CC0-1.0"}})
    for i, image in enumerate(result["images"]):
        data = (folder / image["file"]).read_bytes()
        assert hashlib.sha256(data).hexdigest() == image["sha256"]
        assert image["seed"] == 1000 + i and image["file"].startswith(result["job"])
        info = Image.open(folder / image["file"]).info
        assert info["parameters"] == image["infotext"]
        digest = hashlib.sha256((FIXTURES / "tiny-base.safetensors").read_bytes()).hexdigest()
        assert f"Model hash: {digest[:10]}" in info["parameters"] and "<lora:tiny-style:0.5>" in info["parameters"]
        assert info["tessera"] == '{"licence": "CC0-1.0"}'
    assert not list(folder.glob(".*"))


def test_progress_and_previews_come_while_it_works(engine: Client) -> None:
    job = engine.generate(**{**BASE, "steps": 150, "count": 4, "sampler": "Euler"})
    engine.wait("result", job=job)
    mine = [e for e in engine.seen if e.get("job") == job]
    phases = [e["phase"] for e in mine if e["t"] == "progress"]
    assert [p for i, p in enumerate(phases) if i == 0 or phases[i - 1] != p][:4] == ["load", "encode", "denoise", "decode"]
    previews = [e for e in mine if e["t"] == "preview"]
    assert {e["index"] for e in previews} == {0, 1, 2, 3}
    assert mine[0]["t"] == "progress", "the ack has no job; everything else comes after it"


def test_cancel_is_answered_at_once_and_obeyed_within_a_step(engine: Client) -> None:
    job = engine.generate(**{**BASE, "steps": 150, "count": 8})
    engine.wait("progress", job=job, phase="denoise")
    waiting = engine.generate(**BASE)
    started_at = time.monotonic()
    id = engine.send("cancel", job=job)
    engine.wait("ack", id=id, timeout=1)
    assert engine.wait("cancelled", job=job, timeout=2)["partial"] == []
    assert time.monotonic() - started_at < 2
    assert engine.wait("result", job=waiting)["images"]


def test_a_waiting_job_is_cancelled_without_being_started(engine: Client) -> None:
    first = engine.generate(**{**BASE, "steps": 60})
    second = engine.generate(**BASE)
    engine.send("cancel", job=second)
    engine.wait("result", job=first)
    engine.wait("cancelled", job=second)
    assert not [e for e in engine.seen if e.get("job") == second and e["t"] == "progress"]


def test_ping_and_heartbeat_go_on_while_it_works(engine: Client) -> None:
    job = engine.generate(**{**BASE, "steps": 150, "count": 4})
    engine.wait("progress", job=job, phase="denoise")
    started_at = time.monotonic()
    engine.send("ping", nonce="here")
    assert engine.wait("pong")["nonce"] == "here"
    assert time.monotonic() - started_at < 1
    beat = engine.wait("hb", job=job)
    assert beat["phase"] == "denoise" and beat["rss_mb"] > 50
    engine.send("cancel", job=job)
    engine.wait("cancelled", job=job)


@pytest.mark.parametrize(
    ("change", "code", "path"),
    [
        ({"model": {"file": "../../package.json"}}, "bad_params", "p.model.file"),
        ({"model": {"file": "/etc/passwd"}}, "bad_params", "p.model.file"),
        ({"model": {"file": "none.safetensors"}}, "model_not_found", "p.model.file"),
        ({"model": {"file": "tiny-style-lora.safetensors"}}, "model_invalid", None),
        ({"model": {"file": "tiny-base.safetensors", "sha256": "0" * 64}}, "model_invalid", None),
        ({"width": 128}, "bad_params", "p.width"),
        ({"steps": 0}, "bad_params", "p.steps"),
        ({"loras": [{"file": "tiny-base.safetensors", "name": "x"}]}, "lora_mismatch", "p.loras[0].file"),
        ({"loras": [{"file": "none", "name": "x"}]}, "model_not_found", "p.loras[0].file"),
        ({"init": {"file": "x.png"}}, "model_not_found", "p.init.file"),
    ],
)  # fmt: skip
def test_a_mistake_has_a_code_and_a_place_and_the_engine_goes_on(
    engine: Client, change: dict, code: str, path: str | None
) -> None:
    error = engine.result(**{**BASE, **change})
    assert (error["t"], error.get("code"), error.get("path")) == ("error", code, path)


def test_commands_of_later_and_unknown_commands_are_answered_honestly(engine: Client) -> None:
    for kind, code in (("train", "bad_params"), ("pause", "bad_params"), ("resume", "bad_params"),
                       ("estimate", "bad_params"), ("dance", "bad_message"), ("_read", "bad_message")):  # fmt: skip
        id = engine.send(kind, job=str(uuid.uuid4()))
        assert engine.wait("error", id=id)["code"] == code


def test_garbage_between_commands_is_answered_and_the_next_command_works(engine: Client) -> None:
    for garbage in (b"not json\n", b"\xff\xfe\n", b"[1]\n", b"x" * (2 << 20) + b"\n"):
        engine.raw(garbage)
        assert engine.wait("error")["code"] == "bad_message"
    engine.send("ping", nonce=1)
    engine.wait("pong", nonce=1)


def test_load_inspect_and_unload(engine: Client) -> None:
    id = engine.send("load", p={"model": {"file": "tiny-base.safetensors"}})
    loaded = engine.wait("loaded", id=id)
    assert loaded["family"] == "tiny" and loaded["bytes"] > 1_000_000
    id = engine.send("inspect", p={"root": "loras", "file": "tiny-style-lora.safetensors"})
    assert engine.wait("report", id=id)["kind"] == "lora"
    id = engine.send("unload", p={"model": "all"})
    assert engine.wait("unloaded", id=id)["warm"] == []
    assert engine.result(**BASE)["t"] == "result"


def test_closing_stdin_ends_the_engine_and_a_running_job(folder: Path) -> None:
    with started(folder) as client:
        job = client.generate(**{**BASE, "steps": 150, "count": 8})
        client.wait("progress", job=job, phase="denoise")
        assert client.process.stdin
        client.process.stdin.close()
        client.wait("cancelled", job=job)
        client.wait("bye")
        assert client.process.wait(5) == 0


def test_without_the_test_setting_there_is_no_tiny_family(folder: Path) -> None:
    client = Client()
    try:
        hello = client.wait("hello")
        assert list(hello["caps"]["families"]) == ["sd15", "sdxl"]
        client.send("configure", roots={"models": str(FIXTURES), "loras": str(FIXTURES), "job": str(folder)})
        client.wait("ready")
        assert client.result(**BASE)["code"] == "unsupported"
        client.send("shutdown", grace_s=0)
        client.wait("bye")
    finally:
        client.close()
