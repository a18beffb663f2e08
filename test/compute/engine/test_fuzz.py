"""Whatever arrives, the reader either hands on a message or says what is wrong, and goes on with the next line."""

from __future__ import annotations

import json
import os
import threading
from typing import Any

import pytest

hypothesis = pytest.importorskip("hypothesis")
from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from tessera_engine import wire  # noqa: E402
from tessera_engine.errors import EngineError  # noqa: E402
from tessera_engine.params import read_generate  # noqa: E402
from tessera_engine.wire import BadLine, parse, split_lines  # noqa: E402

LIMIT = 64
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
GOOD: dict[str, Any] = {
    "model": {"file": "a.safetensors"}, "prompt": "a (cat:1.2)", "width": 512, "height": 512, "seed": 1, "steps": 20, "cfg": 7,
    "sampler": "Euler", "loras": [{"file": "b", "name": "b"}], "init": {"file": "c.png"}, "hires": {"scale": 2},
    "output": {"format": "webp"}, "preview": {"every": 2}, "batch": [{"seed": 3}], "embeddings": [{"file": "d", "name": "d"}],
}  # fmt: skip


def lines_of(chunks: list[bytes]) -> list[bytes | BadLine]:
    read, write = os.pipe()

    def feed() -> None:
        for chunk in chunks:
            os.write(write, chunk)
        os.close(write)

    thread = threading.Thread(target=feed)
    thread.start()
    try:
        return list(split_lines(read))
    finally:
        thread.join()
        os.close(read)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=3 * LIMIT), max_size=12), st.data())
def test_lines_do_not_depend_on_how_the_stream_was_cut(lines: list[bytes], data: Any) -> None:
    stream = b"".join(line.replace(b"\n", b" ") + b"\n" for line in lines)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=8)))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True) if a < b]
    before = wire.MAX_LINE_BYTES
    wire.MAX_LINE_BYTES = LIMIT
    try:
        found = lines_of(chunks)
    finally:
        wire.MAX_LINE_BYTES = before
    wanted = [line.replace(b"\n", b" ") for line in lines]
    assert len(found) == len(wanted)
    for got, line in zip(found, wanted, strict=True):
        assert isinstance(got, BadLine) if len(line) > LIMIT else got == line


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200) | VALUES.map(lambda v: json.dumps(v).encode()))
def test_a_line_is_a_message_or_a_bad_line(line: bytes) -> None:
    try:
        message = parse(line)
    except BadLine:
        return
    assert message["v"] == 1 and isinstance(message["t"], str) and isinstance(message["id"], int)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([*GOOD, "vae", "subseed", "rng", "eta", "resources", "record", "count", "clip_skip"]), VALUES)
def test_any_value_in_any_field_is_read_or_refused_with_its_place(name: str, value: Any) -> None:
    try:
        read_generate({**GOOD, name: value})
    except EngineError as error:
        assert error.code in ("bad_params", "unsupported") and error.path and error.path.startswith("p")


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(["model", "init", "hires", "output", "preview"]), st.dictionaries(st.text(max_size=8), VALUES), VALUES)
def test_any_object_in_the_place_of_another_is_read_or_refused(name: str, more: dict[str, Any], value: Any) -> None:
    keys = ("file", "sha256", "name", "mask", "denoise", "resize", "scale", "size", "upscaler", "steps", "cfg", "format", "every")
    for key in keys:
        try:
            read_generate({**GOOD, name: {**GOOD[name], **more, key: value}})
        except EngineError as error:
            assert error.code == "bad_params" and error.path
