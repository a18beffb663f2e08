"""CLIP's byte pair encoding.

Ids, in order: the 256 bytes, the 256 bytes that end a word, one for each merge, then begin and end of text. With all
48,894 merges that makes 49,408. The tiny test family uses the first thousand merges of the same file.
"""

from __future__ import annotations

import gzip
import html
import re
import unicodedata
from functools import cache
from pathlib import Path

VOCAB = Path(__file__).parent / "vocab" / "bpe_simple_vocab_16e6.txt.gz"
END_OF_WORD = "</w>"


@cache
def byte_symbols() -> dict[int, str]:
    """A printable character for each byte: itself where printable, else one from 256 up, in byte order."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    rest = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(rest)}


def _words(text: str) -> list[str]:
    """Runs of letters, single digits, runs of other marks, and English endings such as 's."""
    words: list[str] = []
    at = 0
    while at < len(text):
        char = text[at]
        ending = re.match(r"'(?:s|t|re|ve|m|ll|d)", text[at:])
        if ending:
            words.append(ending.group())
            at += len(ending.group())
            continue
        if char.isspace():
            at += 1
            continue
        kind = _kind(char)
        end = at + 1
        if kind != "digit":
            while end < len(text) and not text[end].isspace() and _kind(text[end]) == kind:
                end += 1
        words.append(text[at:end])
        at = end
    return words


def _kind(char: str) -> str:
    category = unicodedata.category(char)
    return "letter" if category[0] == "L" else "digit" if category[0] == "N" else "mark"


class Tokenizer:
    def __init__(self, merges: int) -> None:
        with gzip.open(VOCAB, "rt", encoding="utf-8") as lines:
            next(lines)  # a version line
            pairs = []
            for line in lines:
                if len(pairs) == merges:
                    break
                left, right = line.split()
                pairs.append((left, right))
        singles = list(byte_symbols().values())
        symbols = singles + [s + END_OF_WORD for s in singles] + ["".join(pair) for pair in pairs]
        self.ids = {symbol: i for i, symbol in enumerate(symbols)}
        self.ranks = {pair: i for i, pair in enumerate(pairs)}
        self.begin = len(symbols)
        self.end = len(symbols) + 1
        self.size = len(symbols) + 2
        self._cache: dict[str, list[int]] = {}

    def encode(self, text: str) -> list[int]:
        """Ids of `text`, without begin and end."""
        text = " ".join(html.unescape(html.unescape(unicodedata.normalize("NFC", text))).lower().split())
        return [i for word in _words(text) for i in self._word(word)]

    def _word(self, word: str) -> list[int]:
        if word in self._cache:
            return self._cache[word]
        table = byte_symbols()
        parts = [table[b] for b in word.encode("utf-8")]
        parts[-1] += END_OF_WORD
        while len(parts) > 1:
            best = min(zip(parts, parts[1:], strict=False), key=lambda pair: self.ranks.get(pair, len(self.ranks)))
            if best not in self.ranks:
                break
            merged: list[str] = []
            i = 0
            while i < len(parts):
                if i + 1 < len(parts) and (parts[i], parts[i + 1]) == best:
                    merged.append(parts[i] + parts[i + 1])
                    i += 2
                else:
                    merged.append(parts[i])
                    i += 1
            parts = merged
        ids = [self.ids[part] for part in parts]
        if len(self._cache) < 50_000:
            self._cache[word] = ids
        return ids


@cache
def load_tokenizer(merges: int) -> Tokenizer:
    return Tokenizer(merges)
