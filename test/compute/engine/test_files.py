"""Paths, headers and kinds: what happens before a tensor is touched."""

from __future__ import annotations

import json
import os
import random
from pathlib import Path

import pytest
import torch
from engine_client import FIXTURES
from safetensors.torch import save_file

from tessera_engine.detect import detect_prediction, inspect_file, load_family_of
from tessera_engine.errors import EngineError
from tessera_engine.header import read_header
from tessera_engine.roots import Roots


def code_of(run: object, *args: object) -> str:
    with pytest.raises(EngineError) as error:
        run(*args)  # type: ignore[operator]
    return error.value.code


def write(path: Path, header: object, data: bytes = b"") -> Path:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(len(raw).to_bytes(8, "little") + raw + data)
    return path


@pytest.mark.parametrize(
    "relative",
    ["../secret", "/etc/passwd", "a/../../secret", "./a", "a//b", "", ".", "..", "a\\b", "a\0b", "x" * 1025, None, 7,
     "link.safetensors", "linked/base.safetensors", "folder"],
)  # fmt: skip
def test_a_path_that_could_leave_its_root_is_refused(tmp_path: Path, relative: object) -> None:
    root, outside = tmp_path / "models", tmp_path / "outside"
    for folder in (root / "folder", outside):
        folder.mkdir(parents=True)
    (tmp_path / "secret").write_text("no")
    (outside / "base.safetensors").write_text("no")
    os.symlink(outside / "base.safetensors", root / "link.safetensors")
    os.symlink(outside, root / "linked")
    roots = Roots({"models": str(root)})
    assert code_of(roots.find, "models", relative, "p.model.file") in ("bad_params", "model_not_found")


def test_a_plain_path_in_its_root_is_found(tmp_path: Path) -> None:
    (tmp_path / "ab").mkdir()
    (tmp_path / "ab" / "x.safetensors").write_text("yes")
    assert Roots({"models": str(tmp_path)}).find("models", "ab/x.safetensors", "p").read_text() == "yes"
    assert code_of(Roots({"models": str(tmp_path)}).find, "loras", "x", "p") == "bad_params"
    assert code_of(Roots({"models": str(tmp_path)}).find, "models", "none", "p") == "model_not_found"


GOOD = {"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}}


@pytest.mark.parametrize(
    ("header", "data"),
    [
        (GOOD, b"1234567"),
        (GOOD, b"123456789"),
        ({"a": {**GOOD["a"], "data_offsets": [1, 9]}}, b"123456789"),
        ({"a": {**GOOD["a"], "shape": [3]}}, b"12345678"),
        ({"a": {**GOOD["a"], "shape": [1 << 62, 4]}}, b"12345678"),
        ({"a": {**GOOD["a"], "shape": [-2]}}, b"12345678"),
        ({"a": {**GOOD["a"], "shape": [2.0]}}, b"12345678"),
        ({"a": {**GOOD["a"], "dtype": "F31"}}, b"12345678"),
        ({"a": {**GOOD["a"], "data_offsets": [8, 0]}}, b"12345678"),
        ({"a": {**GOOD["a"], "more": 1}}, b"12345678"),
        ({"a": GOOD["a"], "b": GOOD["a"]}, b"12345678"),
        ({"a": {**GOOD["a"], "shape": [1, 1, 1, 1, 1, 2]}}, b"12345678"),
        ({"x" * 257: GOOD["a"]}, b"12345678"),
        ({"__metadata__": {"a": 1}}, b""),
        ([], b""),
        (b" {}", b""),
        (b"{", b""),
        (
            b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
            b"12345678",
        ),
        (b'{"a":{"dtype":"F32","shape":[NaN],"data_offsets":[0,8]}}', b"12345678"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path: Path, header: object, data: bytes) -> None:
    assert code_of(read_header, write(tmp_path / "x", header, data)) == "model_invalid"


def test_lengths_that_lie_and_other_formats_are_refused(tmp_path: Path) -> None:
    for raw, code in [
        (b"", "model_invalid"), (b"\xff" * 20, "model_invalid"), ((1 << 30).to_bytes(8, "little") + b"{}", "model_invalid"),
        (b"PK\x03\x04" + b"x" * 20, "model_unsafe"), (b"\x80\x04\x95" + b"x" * 20, "model_unsafe"),
    ]:  # fmt: skip
        (tmp_path / "x").write_bytes(raw)
        assert code_of(read_header, tmp_path / "x") == code


def test_a_file_with_any_byte_of_its_header_changed_is_read_or_refused(tmp_path: Path) -> None:
    good = write(tmp_path / "good", GOOD, b"12345678").read_bytes()
    rng = random.Random(5)
    for _ in range(2000):
        broken = bytearray(good)
        broken[rng.randrange(len(good))] = rng.randrange(256)
        (tmp_path / "x").write_bytes(broken[: rng.choice((len(good), rng.randrange(len(good))))])
        try:
            read_header(tmp_path / "x")
        except EngineError as error:
            assert error.code in ("model_invalid", "model_unsafe")


def test_the_tiny_base_is_known_only_under_the_test_setting() -> None:
    header = read_header(FIXTURES / "tiny-base.safetensors")
    assert load_family_of(header, True).name == "tiny"
    assert code_of(load_family_of, header, False) == "unsupported"
    assert detect_prediction(header).kind == "v_prediction"


def test_inspect_tells_a_checkpoint_from_a_lora() -> None:
    base = inspect_file(FIXTURES / "tiny-base.safetensors", True)
    lora = inspect_file(FIXTURES / "tiny-style-lora.safetensors", True)
    assert (base["kind"], base["family"], base["prediction_type"], base["dtype"]) == ("checkpoint", "tiny", "v_prediction", "F16")
    assert (lora["kind"], lora["family"], lora["rank"], lora["alpha"]) == ("lora", "tiny", 16, 16.0)
    assert base["sha256"].startswith(base["autov2"]) and len(lora["autov3"]) == 12


def test_the_prediction_type_is_read_from_metadata_then_from_marker_tensors(tmp_path: Path) -> None:
    for tensors, metadata, kind, zero in [
        ({"x": torch.zeros(1)}, {}, "epsilon", False),
        ({"v_pred": torch.zeros(1)}, {}, "v_prediction", False),
        ({"v_pred": torch.zeros(1), "ztsnr": torch.zeros(1)}, {}, "v_prediction", True),
        ({"v_pred": torch.zeros(1)}, {"modelspec.prediction_type": "epsilon"}, "epsilon", False),
    ]:
        save_file(tensors, tmp_path / "x", metadata)
        found = detect_prediction(read_header(tmp_path / "x"))
        assert (found.kind, found.zero_terminal_snr) == (kind, zero)
