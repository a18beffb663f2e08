from __future__ import annotations

import contextlib
import json
import os
import random
import threading

import pytest

from tessera_engine.wire import MAX_LINE_BYTES, BadLine, Events, parse, split_lines


def lines_of(*chunks: bytes) -> list[bytes | BadLine]:
    """What the splitter makes of a stream that arrives in these pieces."""
    read, write = os.pipe()

    def feed() -> None:
        for chunk in chunks:
            view = memoryview(chunk)
            while view:
                view = view[os.write(write, view) :]
        os.close(write)

    thread = threading.Thread(target=feed)
    thread.start()
    found = list(split_lines(read))
    thread.join()
    os.close(read)
    return found


def test_a_stream_cut_anywhere_gives_the_same_lines() -> None:
    rng = random.Random(1)
    wanted = [bytes(rng.randrange(11, 256) for _ in range(rng.choice((0, 1, 50, 70_000)))) for _ in range(60)]
    stream = b"".join(line + b"\n" for line in wanted)
    cuts = sorted(rng.randrange(len(stream)) for _ in range(100))
    chunks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert lines_of(*chunks) == wanted


def test_a_line_that_is_too_long_is_one_mistake_and_the_next_is_read() -> None:
    for extra in (1, 70_000, 3 << 20):
        found = lines_of(b"x" * (MAX_LINE_BYTES + extra) + b"\nnext\n")
        assert [type(f) for f in found] == [BadLine, bytes], extra
        assert found[1] == b"next"


def test_a_line_of_exactly_one_mebibyte_is_read() -> None:
    assert len(lines_of(b"x" * MAX_LINE_BYTES + b"\n")[0]) == MAX_LINE_BYTES  # type: ignore[arg-type]


def test_a_half_line_at_the_end_is_dropped() -> None:
    assert lines_of(b'whole\n{"v":1,') == [b"whole"]


@pytest.mark.parametrize(
    "line",
    [b"", b"[]", b"null", b"{", b'{"v":1}', b'{"v":2,"t":"ping","id":1}', b'{"v":1,"t":"ping"}', b'{"v":1,"t":"ping","id":true}',
     b'{"v":1,"t":7,"id":1}', b'{"v":1,"t":"ping","id":1,"x":NaN}', b"\xff\xfe", b"[" * 100_000],
)  # fmt: skip
def test_what_is_no_message_is_refused(line: bytes) -> None:
    with pytest.raises(BadLine):
        parse(line)


def test_random_bytes_never_do_anything_but_be_refused() -> None:
    rng = random.Random(2)
    good = b'{"v":1,"t":"generate","id":7,"job":"x","p":{"steps":20,"loras":[{"file":"a"}]}}'
    for _ in range(3000):
        line = bytearray(good)
        for _ in range(rng.randrange(1, 6)):
            line[rng.randrange(len(line))] = rng.randrange(256)
        with contextlib.suppress(BadLine):
            assert isinstance(parse(bytes(line))["id"], int)


def test_events_of_many_threads_are_whole_lines() -> None:
    read, write = os.pipe()
    events = Events(write)
    threads = [
        threading.Thread(target=lambda n=n: [events.send("log", code=str(n), text="é" * 3000) for _ in range(50)])
        for n in range(4)
    ]
    found: list[dict[str, str]] = []
    reader = threading.Thread(target=lambda: found.extend(json.loads(line) for line in split_lines(read)))  # type: ignore[arg-type]
    for thread in (reader, *threads):
        thread.start()
    for thread in threads:
        thread.join()
    os.close(write)
    reader.join()
    os.close(read)
    assert len(found) == 200


def test_progress_is_at_most_four_a_second_but_never_lacks_a_phase_or_the_last_step() -> None:
    read, write = os.pipe()
    events = Events(write)
    for step in range(1, 101):
        events.progress("job", "denoise", step, 100)
    events.progress("job", "decode", 0, 1)
    os.close(write)
    found = [json.loads(line) for line in split_lines(read)]  # type: ignore[arg-type]
    os.close(read)
    assert [(e["phase"], e["step"]) for e in found] == [("denoise", 1), ("denoise", 100), ("decode", 0)]
