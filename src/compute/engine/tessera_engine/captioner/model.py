"""A tagger in ONNX: a square picture in, one probability for each tag out."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ..errors import EngineError
from .tags import Tag, read_tags

MODEL, TAGS = "model.onnx", "selected_tags.csv"
MIN_SIDE, MAX_SIDE = 16, 2048


def has_captioner(folder: Path | None) -> bool:
    """Whether a caption could be made: both files are there, and the package that runs them. Nothing is loaded."""
    if folder is None or importlib.util.find_spec("onnxruntime") is None:
        return False
    return all((folder / name).is_file() for name in (MODEL, TAGS))


class Captioner:
    """Throws `model_invalid` for files that are no tagger, `unsupported` without onnxruntime."""

    def __init__(self, folder: Path) -> None:
        try:
            import onnxruntime
        except ImportError as error:
            raise EngineError("unsupported", "onnxruntime is not installed.") from error
        self.tags: list[Tag] = read_tags(folder / TAGS)
        wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
        providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
        onnxruntime.set_default_logger_severity(3)
        try:
            self._session: Any = onnxruntime.InferenceSession(str(folder / MODEL), providers=providers)
        except Exception as error:  # its errors have no base of their own
            raise EngineError("model_invalid", f"model.onnx does not load: {type(error).__name__}.") from error
        inputs, outputs = self._session.get_inputs(), self._session.get_outputs()
        shape = inputs[0].shape if len(inputs) == 1 and inputs[0].type == "tensor(float)" else []
        is_tagger = len(shape) == 4 and shape[3] == 3 and shape[1] == shape[2] and isinstance(shape[1], int)
        if not is_tagger or not MIN_SIDE <= shape[1] <= MAX_SIDE or not outputs:
            raise EngineError("model_invalid", "model.onnx is no tagger: it takes no square picture of [n, side, side, 3].")
        self._side: int = shape[1]
        self._input, self._output = inputs[0].name, outputs[0].name

    def look(self, image: Image.Image) -> Sequence[float]:
        """A probability for each of `tags`. Throws `model_invalid` when the table is of another model."""
        (scores,) = self._session.run([self._output], {self._input: square(image, self._side)})
        flat = np.asarray(scores, np.float32).reshape(-1)
        if len(flat) != len(self.tags):
            message = f"model.onnx knows {len(flat)} tags, and selected_tags.csv has {len(self.tags)}."
            raise EngineError("model_invalid", message)
        return [float(score) for score in flat]


def square(image: Image.Image, side: int) -> np.ndarray:
    """[1, side, side, 3], float32 in 0..255, blue first, on white: what WD taggers were trained with."""
    most = max(image.size)
    ground = Image.new("RGB", (most, most), "white")
    ground.paste(image, ((most - image.width) // 2, (most - image.height) // 2))
    if most != side:
        ground = ground.resize((side, side), Image.Resampling.BICUBIC)
    return np.ascontiguousarray(np.asarray(ground, np.float32)[None, :, :, ::-1])
