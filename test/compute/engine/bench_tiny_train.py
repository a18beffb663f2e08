"""For `npm run bench -- tiny-train`: LoRAs of three seeds on the committed base, the base trained anew, and a LoRA on that.
One JSON object a line. --seeds N, --retrain.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2] / "src" / "compute" / "engine")]

from engine_client import FIXTURES, started  # noqa: E402
from style_gates import learn_style  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--retrain", action="store_true")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tessera-tiny-")))
        shutil.copy(FIXTURES / "tiny-base.safetensors", folder / "committed.safetensors")
        roots = {"models": str(folder), "loras": str(folder), "job": str(folder)}
        client = stack.enter_context(started(folder, roots=roots))

        def measure(base: str, seed: int) -> None:
            outcome = learn_style(client, folder, {"file": f"{base}.safetensors", "name": base}, seed)
            print(json.dumps({"base": base, "seed": seed, **asdict(outcome), "failures": outcome.failures()}), flush=True)

        for seed in range(3, 3 + args.seeds):
            measure("committed", seed)
        if args.retrain:
            begun = time.monotonic()
            command = [sys.executable, str(HERE / "make_tiny_model.py"), "--only", "base", "--out", str(folder)]
            subprocess.run(command, check=True, stdout=sys.stderr)
            print(json.dumps({"base_seconds": time.monotonic() - begun}), flush=True)
            (folder / "tiny-base.safetensors").rename(folder / "retrained.safetensors")
            measure("retrained", 3)


main()
