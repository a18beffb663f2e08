"""Speaks protocol 1 without torch, for tests of the supervisor. It does in each job what the prompt says:

crash, exit70, exit137, hang (silent), stall (beats, no steps), garbage, half (a line cut in two), long (a line that is
too long), slow-cancel (obeys late), no-cancel, no-ack, noise (on stdout), oom, early-error; anything else is made in
four steps. Arguments: `--no-hello`, `--crash-at-start`, `--refuse-configure`.
"""

import base64
import hashlib
import json
import os
import sys
import threading
import time

TINY_WEBP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="
#: 8 × 8, red.
TINY_PNG = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAICAIAAABLbSncAAAAEklEQVR4nGO4o6OFFTEMLQkAXqhH4ZXIoZ0AAAAASUVORK5CYII="
roots = {}
lock = threading.Lock()
cancelled = set()
beating = True


def send(kind, **fields):
    line = json.dumps({"v": 1, "t": kind, **fields}).encode() + b"\n"
    with lock:
        os.write(3, line)


def beat():
    while True:
        time.sleep(0.05)
        if beating:
            send("hb", phase="idle", step=0, rss_mb=1)


def make(job, p):
    global beating
    what = p["prompt"]
    if what == "crash":
        sys.stderr.write("about to crash\n")
        os.abort()
    if what.startswith("exit"):
        os._exit(int(what[4:]))
    if what == "hang":
        beating = False
        time.sleep(60)
    if what == "garbage":
        os.write(3, b'\xff\xfe not json\n[]\n{"v":1,"t":"unheard-of"}\n')
    if what == "long":
        os.write(3, b"x" * (3 << 20) + b"\n")
    if what == "crash once" and not os.path.exists(os.path.join(roots["job"], "crashed")):
        open(os.path.join(roots["job"], "crashed"), "w").close()
        os.abort()
    if what == "noise":
        print("stdout noise\n" * 100)
    if what == "oom":
        send("error", job=job, code="oom_vram", message="There is not enough memory.", retryable=True, fatal=False)
        return
    for step in range(1, 5):
        send("progress", job=job, phase="denoise", step=step, total=4)
        if what == "half":
            line = json.dumps({"v": 1, "t": "preview", "job": job, "index": 0, "step": step, "webp": TINY_WEBP}).encode()
            with lock:  # late is allowed, in the middle of another line is not
                os.write(3, line[:20])
                time.sleep(0.02)
                os.write(3, line[20:] + b"\n")
        while what in ("stall", "slow-cancel", "no-cancel") and not (what != "no-cancel" and job in cancelled):
            time.sleep(0.01)
        if what == "slow-cancel":
            time.sleep(0.2)
        if what == "slow":
            time.sleep(0.5)
        time.sleep(0.01)
        if job in cancelled:
            send("cancelled", job=job, partial=[])
            return
    digest = hashlib.sha256(job.encode()).hexdigest()
    if "--write" in sys.argv:
        picture = base64.b64decode(TINY_PNG)
        digest = hashlib.sha256(picture).hexdigest()
        with open(os.path.join(roots["job"], f"{job}-0.png"), "wb") as file:
            file.write(picture)
    image = {"index": 0, "file": f"{job}-0.png", "w": p["width"], "h": p["height"], "seed": p["seed"], "sha256": digest,
             "infotext": what, "ms": 1}  # fmt: skip
    send("result", job=job, images=[image], ms=1)


def main():
    if "--crash-at-start" in sys.argv:
        sys.exit(3)
    if "--no-hello" in sys.argv:
        time.sleep(60)
    family = {"label": "Fake", "base_model": "Other", "min_size": 8, "max_size": 64, "size_step": 8, "default_size": 32,
              "max_pixels": 4096}  # fmt: skip
    caps = {"families": {"fake": family}, "tasks": ["txt2img"], "samplers": ["Euler"], "schedules": ["Automatic"],
            "max_pixels": 4096}  # fmt: skip
    if "--check" in sys.argv:
        hello = {"t": "hello", "proto": [1], "engine": "fake", "caps": caps,
                 "device": {"kind": "cpu", "name": "none", "vram_total": 0, "vram_free": 0}}  # fmt: skip
        print(json.dumps({"ok": True, "hello": hello}))
        return
    send("hello", proto=[1], engine="fake", device={"kind": "cpu", "name": "none", "vram_total": 0, "vram_free": 0}, caps=caps)
    threading.Thread(target=beat, daemon=True).start()
    for line in sys.stdin:
        command = json.loads(line)
        id = command["id"]
        kind = command["t"]
        if kind == "configure" and "--refuse-configure" in sys.argv:
            send("error", id=id, code="bad_params", message="No such folder.", retryable=False, fatal=False)
            continue
        if kind == "generate" and command["p"]["prompt"] == "no-ack":
            continue
        if kind == "generate" and command["p"]["prompt"] == "early-error":
            send("error", id=id, code="bad_params", message="Steps.", path="p.steps", retryable=False, fatal=False)
            continue
        send("ack", id=id)
        if kind == "configure":
            roots.update(command["roots"])
            send("ready", warm=[], ms=0, caps=caps)
        elif kind == "ping":
            send("pong", id=id, nonce=command.get("nonce"))
        elif kind == "cancel":
            cancelled.add(command["job"])
        elif kind == "generate":
            threading.Thread(target=make, args=(command["job"], command["p"]), daemon=True).start()
        elif kind == "shutdown":
            send("bye", reason="shutdown")
            os._exit(0)


main()
