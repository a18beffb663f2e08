"""The command `caption`: pictures of the root `job` in, one `captions` event for each as soon as it is known."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from ..engine import Engine
from ..errors import EngineError
from ..job import End, Job
from ..train.pictures import decode
from ..wire import Events
from .model import Captioner, has_captioner
from .params import CaptionParams, read_caption
from .tags import write_caption


class CaptionCommands:
    """The part of the server that knows of captions. What it stands on is the server's."""

    engine: Engine
    _events: Events
    _jobs: dict[str, Job]
    _later: Callable[..., None]
    _new_job_id: Callable[[dict[str, Any]], str]

    def _on_caption(self, message: dict[str, Any]) -> None:
        id = self._new_job_id(message)
        params = read_caption(message.get("p"))
        self.engine.roots.folder("job")
        if not has_captioner(self.engine.roots.maybe("captioner")):
            raise EngineError("unsupported", "This engine has no captioner.")
        job = Job(id, self._events)
        self._jobs[id] = job
        started = time.monotonic()

        def run() -> End:
            found = self._caption(job, params)
            return "result", {"captions": found, "ms": round((time.monotonic() - started) * 1000)}

        self._later(message, run, job)

    def _caption(self, job: Job, params: CaptionParams) -> dict[str, int]:
        """A picture that cannot be read is told of, and the rest goes on."""
        total = len(params.files)
        job.phase("load", 0, total)
        # loaded for the job and let go with it: captions are rare, and the memory is for models
        captioner = Captioner(self.engine.roots.folder("captioner"))
        failed = 0
        for i, file in enumerate(params.files):
            job.phase("caption", i, total)
            try:
                image = decode(self.engine.roots.find("job", file, f"p.items[{i}].file"))
                said = {"caption": write_caption(captioner.tags, captioner.look(image), params)}
            except EngineError as error:
                if error.code not in ("dataset_invalid", "model_not_found", "bad_params"):
                    raise
                failed += 1
                said = {"error": error.message}
            self._events.send("captions", job=job.id, items=[{"file": file, **said}])
        job.phase("caption", total, total)
        return {"done": total - failed, "failed": failed}
