"""Makes a tagger of a few hundred bytes: model.onnx and selected_tags.csv, as WD taggers come.

It takes [1, 32, 32, 3], takes the mean of each colour over the picture, and says with a sigmoid how blue, green and red it
is. The protobuf of ONNX is written by hand, since that is twenty lines and its package is not: a message is a row of
fields, each a key (number and wire type) and a value; numbers of the fields are those of onnx.proto3.
"""

from __future__ import annotations

import struct
from pathlib import Path

SIDE = 32
#: Name and category. 9 is a rating, 4 a character; each tag looks at blue, green and red with these weights and a bias.
TAGS = [
    ("general", 9, (0, 0, 0), 9),
    ("blue_sky", 0, (12, 0, 0), -6),
    ("green_(colour)", 0, (0, 12, 0), -6),
    ("red", 0, (0, 0, 12), -6),
    ("^_^", 0, (0, 0, 12), -7),
    ("captain_red", 4, (0, 0, 12), -10.5),
]


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes([*out, value])


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _bytes(field: int, value: bytes | str) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _tensor(name: str, dims: list[int], values: list[float]) -> bytes:
    raw = struct.pack(f"<{len(values)}f", *values)
    return b"".join(_number(1, dim) for dim in dims) + _number(2, 1) + _bytes(8, name) + _bytes(9, raw)


def _ints(name: str, values: list[int]) -> bytes:
    raw = struct.pack(f"<{len(values)}q", *values)
    return _number(1, len(values)) + _number(2, 7) + _bytes(8, name) + _bytes(9, raw)


def _node(kind: str, inputs: list[str], output: str, *attributes: bytes) -> bytes:
    return (b"".join(_bytes(1, name) for name in inputs) + _bytes(2, output) + _bytes(4, kind)
            + b"".join(_bytes(5, attribute) for attribute in attributes))  # fmt: skip


def _value(name: str, dims: list[int]) -> bytes:
    shape = b"".join(_bytes(1, _number(1, dim)) for dim in dims)
    return _bytes(1, name) + _bytes(2, _bytes(1, _number(1, 1) + _bytes(2, shape)))


def onnx_bytes(shape: tuple[int, ...] = (1, SIDE, SIDE, 3)) -> bytes:
    count = len(TAGS)
    weights = [TAGS[tag][2][colour] / 255 for colour in range(3) for tag in range(count)]
    flat = _bytes(1, "keepdims") + _number(3, 0) + _number(20, 2)
    nodes = [
        _node("ReduceMean", ["picture", "axes"], "mean", flat),
        _node("MatMul", ["mean", "weights"], "sum"),
        _node("Add", ["sum", "bias"], "raw"),
        _node("Sigmoid", ["raw"], "scores"),
    ]
    graph = (
        b"".join(_bytes(1, node) for node in nodes)
        + _bytes(2, "tagger")
        + _bytes(5, _tensor("weights", [3, count], weights))
        + _bytes(5, _tensor("bias", [count], [float(tag[3]) for tag in TAGS]))
        + _bytes(5, _ints("axes", [1, 2]))
        + _bytes(11, _value("picture", list(shape)))
        + _bytes(12, _value("scores", [1, count]))
    )
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 18))


def make_tagger(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.onnx").write_bytes(onnx_bytes())
    rows = [f"{n},{name},{category},1" for n, (name, category, _, _) in enumerate(TAGS)]
    (folder / "selected_tags.csv").write_text("\n".join(["tag_id,name,category,count", *rows]) + "\n", encoding="utf-8")
    return folder


if __name__ == "__main__":
    import sys

    make_tagger(Path(sys.argv[1]))
