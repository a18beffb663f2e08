"""The captioner, with a tagger that the test makes itself and the true onnxruntime."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from engine_client import Client, started
from PIL import Image
from tiny_tagger import make_tagger, onnx_bytes

from tessera_engine.captioner.model import Captioner, has_captioner, square
from tessera_engine.captioner.params import read_caption
from tessera_engine.captioner.tags import Tag, read_tags, write_caption
from tessera_engine.errors import EngineError

if not os.environ.get("TESSERA_REQUIRE_ENGINE"):
    pytest.importorskip("onnxruntime")

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)


@pytest.fixture(scope="module")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tagger(tmp_path_factory.mktemp("captioner"))


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("job")
    for name, colour in {"red": RED, "green": GREEN, "blue": BLUE}.items():
        Image.new("RGB", (64, 64), colour).save(folder / f"{name}.png")
    (folder / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    return folder


@pytest.fixture(scope="module")
def engine(tagger: Path, jobs: Path) -> Iterator[Client]:
    folders = {"models": str(jobs), "loras": str(jobs), "job": str(jobs), "captioner": str(tagger)}
    with started(jobs, roots=folders) as client:
        yield client


def caption(client: Client, *files: str, **p: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """What was said of each file, and the event at the end."""
    job = str(uuid.uuid4())
    client.seen.clear()
    client.send("caption", job=job, p={"items": [{"file": file} for file in files], **p})
    end = client.wait("result", "error", "cancelled", job=job)
    said = [item for event in client.seen if event["t"] == "captions" for item in event["items"]]
    return {item.pop("file"): item for item in said}, end


def test_captions_come_one_by_one_the_surest_tag_first(engine: Client) -> None:
    said, end = caption(engine, "red.png", "blue.png", "green.png")
    assert said == {
        "red.png": {"caption": "red, ^_^"},
        "blue.png": {"caption": "blue sky"},
        "green.png": {"caption": "green (colour)"},
    }
    assert end["captions"] == {"done": 3, "failed": 0}


def test_thresholds_spelling_and_what_is_left_out(engine: Client) -> None:
    said, _ = caption(engine, "red.png", threshold=0.995)
    assert said["red.png"]["caption"] == "red"
    said, _ = caption(engine, "red.png", character_threshold=0.8, exclude=["Red"])
    assert said["red.png"]["caption"] == "^_^, captain red"
    said, _ = caption(engine, "green.png", escape_parentheses=True, replace_underscores=False)
    assert said["green.png"]["caption"] == "green_\\(colour\\)"


def test_a_picture_that_cannot_be_read_is_told_of_and_the_rest_goes_on(engine: Client) -> None:
    said, end = caption(engine, "broken.png", "gone.png", "red.png")
    assert said["red.png"] == {"caption": "red, ^_^"}
    assert "no whole PNG" in said["broken.png"]["error"]
    assert "no file" in said["gone.png"]["error"]
    assert end["captions"] == {"done": 1, "failed": 2}


def test_no_path_leads_out_of_the_folder_of_jobs(engine: Client, tagger: Path) -> None:
    said, _ = caption(engine, "../captioner/model.onnx", "/etc/hostname")
    assert all("relative to its root" in item["error"] for item in said.values())


@pytest.mark.parametrize(
    "p",
    [
        {"items": []},
        {"items": [{"file": "red.png"}] * 2},
        {"items": [{"file": 7}]},
        {"threshold": 0},
        {"threshold": "much"},
        {"exclude": "red"},
        {"exclude": [1]},
        {"escape_parentheses": "yes"},
    ],
)
def test_bad_parameters_are_refused(engine: Client, p: dict[str, Any]) -> None:
    id = engine.send("caption", job=str(uuid.uuid4()), p={"items": [{"file": "red.png"}], **p})
    assert engine.wait("error", id=id)["code"] == "bad_params"


def test_it_can_be_cancelled(engine: Client, jobs: Path) -> None:
    for n in range(300):
        if not (jobs / f"many-{n}.png").exists():
            os.link(jobs / "red.png", jobs / f"many-{n}.png")
    job = str(uuid.uuid4())
    engine.send("caption", job=job, p={"items": [{"file": f"many-{n}.png"} for n in range(300)]})
    engine.wait("captions", job=job)
    engine.send("cancel", job=job)
    assert engine.wait("result", "cancelled", job=job)["t"] == "cancelled"


def test_caps_name_the_task_only_where_a_tagger_is(engine: Client, tmp_path: Path) -> None:
    ready = [event for event in engine.seen if event["t"] == "ready"]
    engine.send("configure", roots={"job": str(tmp_path)})
    assert "caption" not in engine.wait("ready")["caps"]["tasks"]
    id = engine.send("caption", job=str(uuid.uuid4()), p={"items": [{"file": "red.png"}]})
    assert engine.wait("error", id=id)["code"] == "unsupported"
    assert not ready or "caption" in ready[0]["caps"]["tasks"]


def test_the_root_counts_as_a_tagger_when_both_files_are_there(tagger: Path, tmp_path: Path) -> None:
    assert has_captioner(tagger)
    assert not has_captioner(None)
    (tmp_path / "model.onnx").write_bytes(onnx_bytes())
    assert not has_captioner(tmp_path)


def test_files_that_are_no_tagger_are_refused(tagger: Path, tmp_path: Path) -> None:
    folder = make_tagger(tmp_path)
    (folder / "selected_tags.csv").write_text("tag_id,name,category,count\n0,red,0,1\n")
    with pytest.raises(EngineError, match="knows 6 tags") as error:
        Captioner(folder).look(Image.new("RGB", (8, 8)))
    assert error.value.code == "model_invalid"
    (folder / "model.onnx").write_bytes(onnx_bytes((1, 8, 8, 3)))
    with pytest.raises(EngineError, match="no tagger"):
        Captioner(folder)
    (folder / "model.onnx").write_bytes(b"nothing")
    with pytest.raises(EngineError, match="does not load"):
        Captioner(folder)


@pytest.mark.parametrize("text", ["", "name\nred\n", "name,category\nred,blue\n", "a,b\n1,2\n", "name,category\n\xff"])
def test_a_broken_table_of_tags_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "selected_tags.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(EngineError):
        read_tags(tmp_path / "selected_tags.csv")


def test_a_picture_becomes_a_square_on_white_with_blue_first() -> None:
    pixels = square(Image.new("RGB", (64, 32), (255, 128, 0)), 32)
    assert pixels.shape == (1, 32, 32, 3)
    assert pixels[0, 16, 16].tolist() == [0, 128, 255]
    assert pixels[0, 0, 0].tolist() == [255, 255, 255]


def test_tags_that_are_as_sure_keep_the_order_of_the_table_and_commas_make_no_new_ones() -> None:
    params = read_caption({"items": [{"file": "a.png"}]})
    tags = [Tag("long_hair", 0), Tag("a,b", 0), Tag("0_0", 0), Tag("explicit", 9)]
    assert write_caption(tags, [0.5, 0.5, 0.9, 1.0], params) == "0_0, long hair, a b"
