"""The one error that goes over the wire. Codes are those of the protocol; anything else becomes `internal`."""

from __future__ import annotations

from typing import Any

CODES = frozenset(
    "bad_message bad_params unsupported model_not_found model_invalid model_unsafe arch_mismatch lora_mismatch "
    "dataset_invalid oom_vram oom_ram disk_full timeout gpu_lost engine_crashed nan_output cancelled internal".split()
)
RETRYABLE = frozenset({"oom_vram", "oom_ram", "disk_full", "timeout", "gpu_lost", "engine_crashed"})


class EngineError(Exception):
    def __init__(self, code: str, message: str, path: str | None = None, **detail: Any) -> None:
        super().__init__(message)
        assert code in CODES, code
        self.code = code
        self.message = message
        #: Where in the parameters the mistake is, for instance `p.loras[0].file`.
        self.path = path
        self.detail = detail

    def fields(self) -> dict[str, Any]:
        fields: dict[str, Any] = {"code": self.code, "message": self.message, "retryable": self.code in RETRYABLE}
        fields["fatal"] = self.code == "gpu_lost"
        if self.path:
            fields["path"] = self.path
        if self.detail:
            fields["detail"] = self.detail
        return fields


class Cancelled(Exception):
    """The flag of the running job was raised."""


def disk_error(error: OSError) -> EngineError:
    full = error.errno in (28, 122)  # ENOSPC, EDQUOT
    return EngineError("disk_full" if full else "internal", error.strerror or str(error))
