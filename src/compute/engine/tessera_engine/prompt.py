"""A1111's prompt grammar: `(x)` × 1.1, `[x]` ÷ 1.1, `(x:1.3)`, escapes with a backslash, `BREAK`, `<lora:…>` tags.

One pass from left to right, so the time is linear in the length. Brackets that never close weigh what they hold, and
closing ones that were never opened are text, as in the original.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .errors import EngineError
from .tokenizer import Tokenizer

if TYPE_CHECKING:
    from .embeddings import Words  # with torch, which a prompt does not need

MAX_LENGTH = 10_000
MAX_DEPTH = 32
CHUNK_TOKENS = 75
#: A chunk may be cut back to a comma among its last so many tokens.
COMMA_REACH = 20
# Counted, because unbounded digits before and after an optional point are matched in quadratic time.
_WEIGHT = re.compile(r":\s{0,20}([+-]?(?:\d{1,12}(?:\.\d{0,20})?|\.\d{1,20}))\s{0,20}\)")
_TAG = re.compile(r"<(?:lora|lyco|hypernet):[^<>]{0,300}>")
_EDIT = re.compile(r"\[[^\[\]]{0,500}:[^\[\]]{0,500}:\s*[0-9.]+\s*\]")


@dataclass
class Piece:
    text: str
    weight: float
    #: True for BREAK, which has no text.
    ends_chunk: bool = False


def strip_tags(prompt: str) -> str:
    """Without `<lora:…>`; the stack arrives as a list of its own."""
    return _TAG.sub("", prompt)


def find_unsupported(prompt: str) -> list[str]:
    """Words of the grammar that are read as plain text so far."""
    found = []
    if _EDIT.search(prompt):
        found.append("Prompt editing [a:b:0.5] is not supported yet and was read as text.")
    if re.search(r"\bAND\b", prompt):
        found.append("AND is not supported yet and was read as text.")
    return found


def parse_prompt(prompt: str, path: str = "prompt") -> list[Piece]:
    if len(prompt) > MAX_LENGTH:
        raise EngineError("bad_params", f"A prompt is at most {MAX_LENGTH} characters.", path)
    pieces: list[Piece] = []
    round_opens: list[int] = []
    square_opens: list[int] = []
    text: list[str] = []

    def flush() -> None:
        if text:
            pieces.append(Piece("".join(text), 1.0))
            text.clear()

    def weigh(start: int, factor: float) -> None:
        for piece in pieces[start:]:
            piece.weight *= factor

    at = 0
    while at < len(prompt):
        char = prompt[at]
        if char == "\\" and at + 1 < len(prompt) and prompt[at + 1] in "()[]\\":
            text.append(prompt[at + 1])
            at += 2
            continue
        if char in "([":
            flush()
            if len(round_opens) + len(square_opens) >= MAX_DEPTH:
                raise EngineError("bad_params", f"Brackets nest at most {MAX_DEPTH} deep.", path)
            (round_opens if char == "(" else square_opens).append(len(pieces))
        elif char == ":" and round_opens and (match := _WEIGHT.match(prompt, at)):
            flush()
            weigh(round_opens.pop(), float(match.group(1)))
            at = match.end()
            continue
        elif char == ")" and round_opens:
            flush()
            weigh(round_opens.pop(), 1.1)
        elif char == "]" and square_opens:
            flush()
            weigh(square_opens.pop(), 1 / 1.1)
        else:
            text.append(char)
        at += 1
    flush()
    for start in round_opens:
        weigh(start, 1.1)
    for start in square_opens:
        weigh(start, 1 / 1.1)
    return _break_up(pieces)


def _break_up(pieces: list[Piece]) -> list[Piece]:
    result: list[Piece] = []
    for piece in pieces:
        for i, part in enumerate(re.split(r"\bBREAK\b", piece.text)):
            if i:
                result.append(Piece("", 1.0, ends_chunk=True))
            if not part:
                continue
            if result and not result[-1].ends_chunk and result[-1].weight == piece.weight:
                result[-1].text += part
            else:
                result.append(Piece(part, piece.weight))
    return result


def _tokens(text: str, tokenizer: Tokenizer, words: Words | None) -> Iterator[int | list[int]]:
    for part in words.split(text) if words else [text]:
        if isinstance(part, str):
            yield from tokenizer.encode(part)
        else:
            yield part


@dataclass
class Chunk:
    """75 tokens at most, each with its weight; begin, end and padding are added when it is encoded."""

    ids: list[int]
    weights: list[float]


def chunk_prompt(prompt: str, tokenizer: Tokenizer, words: Words | None = None) -> list[Chunk]:
    """At least one chunk, empty for an empty prompt. The vectors of one word are never torn apart."""
    comma = tokenizer.encode(",")[0]
    chunks: list[Chunk] = []
    current = Chunk([], [])
    last_comma = -1

    def close() -> None:
        nonlocal current, last_comma
        chunks.append(current)
        current, last_comma = Chunk([], []), -1

    for piece in parse_prompt(strip_tags(prompt)):
        if piece.ends_chunk:
            close()
            continue
        for token in _tokens(piece.text, tokenizer, words):
            if isinstance(token, list):
                if len(current.ids) + len(token) > CHUNK_TOKENS:
                    close()
                current.ids += token
                current.weights += [piece.weight] * len(token)
                continue
            if len(current.ids) == CHUNK_TOKENS:
                cut = last_comma + 1
                rest = Chunk([], [])
                if last_comma >= 0 and CHUNK_TOKENS - cut <= COMMA_REACH:
                    rest = Chunk(current.ids[cut:], current.weights[cut:])
                    current = Chunk(current.ids[:cut], current.weights[:cut])
                close()
                current = rest
            if token == comma:
                last_comma = len(current.ids)
            current.ids.append(token)
            current.weights.append(piece.weight)
    if current.ids or not chunks:
        close()
    return chunks
