"""`python -m tessera_engine` serves on stdin and descriptor 3; with `--check` it prints its hello, or what is missing.

`--doctor` and `--faces` do one thing and end.
"""

from __future__ import annotations

import json
import os
import sys


def _check() -> int:
    from .versions import find_missing

    missing = find_missing()
    if missing is None:
        try:
            from .engine import Engine
            from .roots import Roots
            from .server import hello_fields

            engine = Engine()
            engine.test_families = "--test-families" in sys.argv[1:]
            if "--captioner" in sys.argv[1:-1]:
                engine.roots = Roots({"captioner": sys.argv[sys.argv.index("--captioner") + 1]})
            print(json.dumps({"ok": True, "hello": {"v": 1, "t": "hello", **hello_fields(engine)}}))
            return 0
        except Exception as error:
            missing = f"a working installation ({type(error).__name__}: {error})"[:500]
    print(json.dumps({"ok": False, "missing": missing}))
    return 1


def main() -> int:
    # Nothing here opens a socket; these keep the libraries from trying.
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ["HF_TOKEN"] = ""
    os.environ.setdefault("DIFFUSERS_VERBOSITY", "error")
    os.environ.setdefault("TQDM_DISABLE", "1")
    if "--check" in sys.argv[1:]:
        return _check()
    if "--faces" in sys.argv[1:]:
        from .faces import run_faces

        return run_faces()
    if "--doctor" in sys.argv[1:]:
        from .doctor import examine

        print(json.dumps(examine()))
        return 0
    from .server import run_server

    return run_server()


if __name__ == "__main__":
    status = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # A thread that still reads stdin must not hold the process.
    os._exit(status)
