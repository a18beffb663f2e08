"""Speaks protocol 1 without torch, for tests of the supervisor. It does in each job what the prompt says:

crash, exit70, exit137, lies (about sizes), hang (silent), stall (beats, no steps), garbage, half (a line cut in two),
long (a line that is too long), slow-cancel (obeys late), no-cancel, no-ack, noise (on stdout), oom, early-error,
error:CODE, warn, echo (its parameters become the infotext, with how it was configured); `crash in decode`, `hang in
load`, `stall in encode` (in every phase of a job); `slow in save`; `meet in denoise` (until another job is there, too);
`hold in encode` (a file `held-JOB` in the folder of `--signs=` says so, until there is one `go` there); once for each
phase `wait in denoise` (for as long as nobody kills it) and `kill in decode` (by SIGKILL); anything else is made in
four steps. Arguments: `--no-hello`, `--crash-at-start`, `--refuse-configure`, `--able` (it offers all that the protocol
knows), `--cuda` (says that it has a GPU), `--stuck` (it ends no picture), `--batches` (each picture says of how many it
is one and in which run, and there is a warning of each prompt).

It captions where the root `captioner` is configured: `seen N, width W` for picture N, and an error for those that are 66
pixels wide. With `hang-caption` in the list of what is excluded it waits after the first, until it is cancelled; with
`crash-caption` it dies there once.

It counts as many faces as a picture is wide in hundreds of pixels (`--faces`), unless `--no-faces` is given.

A training does what its trigger word says, in the same words, `no-pause` and `kill at 7` (once, at that step); it makes
`p.max_steps` steps in `p.epochs` epochs. After a bar the word has numbers: `kill at 7 | step_s=0.02 state_every=4`. The
header of its LoRA lists the steps that made it, so a step that was lost or made twice shows.
"""

import hashlib
import json
import os
import signal
import struct
import sys
import threading
import time
import zlib

TINY_WEBP = "UklGRhoAAABXRUJQVlA4TA0AAAAvAAAAEAcQERGIiP4HAA=="
roots = {}
configured = {}
lock = threading.Lock()
cancelled = set()
trainings = set()
#: Job → whether it gives its memory back.
pausing = {}
beating = True


def tiny_png(index, width=8, height=8):
    """One colour, another for each picture of a job."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    row = b"\0" + bytes([220, 40 * index % 256, 40]) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(row * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def send(kind, /, **fields):
    line = json.dumps({"v": 1, "t": kind, **fields}).encode() + b"\n"
    with lock:
        os.write(3, line)


def beat():
    while True:
        time.sleep(0.05)
        if beating:
            send("hb", phase="idle", step=0, rss_mb=1)


def enter(job, what, phase, step=0, total=0, **fields):
    """Says where the job is, and does there what was asked for."""
    global beating
    send("progress", job=job, phase=phase, step=step, total=total, **fields)
    if phase == "denoise" and "--stuck" in sys.argv:
        time.sleep(600)
    act, _, where = what.partition(" in ")
    if where != phase:
        return
    if act == "crash":
        os.abort()
    if act == "hang":
        beating = False
        time.sleep(60)
    while act == "stall":
        time.sleep(0.01)
    if act == "slow":
        time.sleep(1.5)
    if act == "meet":
        open(os.path.join(roots["job"], f"meet-{job}"), "w").close()
        while len([name for name in os.listdir(roots["job"]) if name.startswith("meet-")]) < 2:
            time.sleep(0.05)
    if act == "hold":
        signs = next(word.partition("=")[2] for word in sys.argv if word.startswith("--signs="))
        open(os.path.join(signs, f"held-{job}"), "w").close()
        while not os.path.exists(os.path.join(signs, "go")):
            time.sleep(0.01)
    if act == "wait" and once(f"{phase}-of-a-training" if job in trainings else phase):
        time.sleep(60)
    if act == "kill" and once(phase):
        os.kill(os.getpid(), signal.SIGKILL)


def once(what):
    """True the first time that it is asked, over all processes."""
    mark = os.path.join(roots["job"], f"once-{what}")
    if os.path.exists(mark):
        return False
    open(mark, "w").close()
    return True


def lora_bytes(made):
    """A LoRA that the node takes, with the steps that made it in its header."""
    return fixture("tiny-style-lora", {"steps": json.dumps(made)})


def fixture(name, metadata):
    with open(os.path.join(os.path.dirname(__file__), f"../../fixtures/{name}.safetensors"), "rb") as file:
        data = file.read()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = {**header.get("__metadata__", {}), **metadata}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def steps_in(name):
    """Of a file as `lora_bytes` makes it: a state is one, too."""
    with open(os.path.join(roots["job"], name), "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    return json.loads(header["__metadata__"]["steps"])


def write(name, data):
    with open(os.path.join(roots["job"], name), "wb") as file:
        file.write(data)
    return {"file": name, "sha256": hashlib.sha256(data).hexdigest()}


def write_counted(name, data):
    return {**write(name, data), "bytes": len(data)}


def train(job, p):
    what, _, rest = p.get("what", p.get("dataset", {}).get("trigger", "")).partition(" | ")
    p = {**p, **{name: float(value) for name, value in (word.split("=") for word in rest.split())}}
    steps, epochs = p.get("max_steps") or p.get("steps", 12), p.get("epochs", 2)
    state, made = p.get("state", {}).get("file"), []
    trainings.add(job)
    if state:
        made = steps_in(state)
    enter(job, what, "load")
    enter(job, what, "cache_latents")
    while len(made) < steps:
        step = len(made) + 1
        epoch = (step - 1) * epochs // steps
        is_first = step == 1 or what.startswith("crash")
        enter(job, what if is_first else "", "train", step, steps, epoch=epoch, loss_ema=1 / step, lr=1e-4)
        time.sleep(p.get("step_s", 0.01))
        if what == f"kill at {step}" and once(step):
            os.kill(os.getpid(), signal.SIGKILL)
        made.append(step)
        if job in cancelled:
            send("cancelled", job=job, partial=[])
            return
        is_pausing = job in pausing and what != "no-pause"
        if is_pausing or step % p.get("state_every", 4) == 0:
            its = write_counted(f"{job}-state-{step}.safetensors", lora_bytes(made))
            state = its["file"]
            send("checkpoint", job=job, epoch=epoch, step=step, kind="state", loss_ema=1 / step, **its)
        if step * epochs // steps > epoch:
            enter(job, what, "sample", step, steps, epoch=epoch)
            its = write(f"{job}-sample-{epoch}.png", tiny_png(epoch))
            send("sample", job=job, epoch=epoch, step=step, prompt_index=0, seed=1, w=8, h=8, **its)
            enter(job, what, "save", step, steps, epoch=epoch)
            its = write_counted(f"{job}-lora-{epoch}.safetensors", lora_bytes(made))
            hashes = {"autov2": its["sha256"][:10], "autov3": its["sha256"][:12]}
            send("checkpoint", job=job, epoch=epoch, step=step, kind="lora", loss_ema=1 / step, removed=[], **hashes, **its)
        if is_pausing:  # after the end of an epoch, which nobody would make up for
            send("paused", job=job, epoch=epoch, step=step, state=state, released=pausing[job])
            return
    send("result", job=job, train={"files": [], "steps": steps, "ms": 1}, ms=1)


def caption(job, p):
    total, failed = len(p["items"]), 0
    send("progress", job=job, phase="load", step=0, total=total)
    for i, item in enumerate(p["items"]):
        send("progress", job=job, phase="caption", step=i, total=total)
        with open(os.path.join(roots["job"], item["file"]), "rb") as file:
            width = struct.unpack(">I", file.read(20)[16:])[0]
        said = {"error": "it is no whole picture."} if width == 66 else {"caption": f"seen {i + 1}, width {width}"}
        failed += "error" in said
        send("captions", job=job, items=[{"file": item["file"], **said}])
        if "crash-caption" in p["exclude"] and once("caption"):
            os.abort()
        while "hang-caption" in p["exclude"] and job not in cancelled:
            time.sleep(0.01)
        if job in cancelled:
            send("cancelled", job=job, partial=[])
            return
    send("result", job=job, captions={"done": total - failed, "failed": failed}, ms=1)


def merge(job, p):
    """The tiny base or LoRA with the command in its header; it does what its name says, in the words above."""
    what = p["name"].replace("_", " ")
    enter(job, what, "load")
    for step in range(4):
        enter(job, what, "merge", step, 4)
        time.sleep(0.01)
        if job in cancelled:
            send("cancelled", job=job, partial=[])
            return
    if what.startswith("error "):
        send("error", job=job, code=what[6:].replace(" ", "_"), message="So it says.", retryable=False, fatal=False)
        return
    send("warn", job=job, code="merge_partial", text="2 tensors come from the first alone.")
    data = fixture("tiny-base" if p["kind"] == "checkpoint" else "tiny-style-lora", {"asked": json.dumps(p)})
    its = write_counted(f"{job}-merged.safetensors", data)
    rank = {"rank": 12} if p["kind"] == "lora" else {}
    send("merged", job=job, autov3=its["sha256"][:12], family="fake", **its, **rank)
    send("result", job=job, ms=1)


def count_faces():
    if "--no-faces" in sys.argv:
        sys.exit(3)
    faces = []
    while head := sys.stdin.buffer.read(8):
        width, height = struct.unpack("<II", head)
        assert len(sys.stdin.buffer.read(width * height)) == width * height
        faces.append(width // 100)
    print(json.dumps({"faces": faces}))


def make(job, p):
    global beating
    what = p["prompt"]
    if any(one.get("prompt") == "crash" for one in p.get("batch") or []):
        what = "crash"
    if "--batches" in sys.argv:
        for index, one in enumerate(p.get("batch") or [p]):
            send("warn", job=job, code="prompt_syntax", text=f"read {one['prompt']}", images=[index])
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
    if what.startswith("error:"):
        send("error", job=job, code=what[6:], message="So it says.", retryable=False, fatal=False)
        return
    if what == "warn":
        send("warn", job=job, code="lora_partial", text="3 of 100 keys were skipped.")
    enter(job, what, "load")
    enter(job, what, "encode")
    for step in range(1, 5):
        enter(job, what if step == 1 else "", "denoise", step, 4)
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
    enter(job, what, "decode")
    enter(job, what, "save")
    infotext = f"{what} on {os.environ.get('CUDA_VISIBLE_DEVICES')}"
    if what.startswith("echo"):
        init = p.get("init") or {}
        sizes = {name: os.path.getsize(os.path.join(roots["job"], init[name])) for name in ("file", "mask") if name in init}
        infotext = json.dumps({**p, "sizes": sizes, "configured": configured})
    images = []
    samples = p.get("batch") or [{"seed": p["seed"] + n} for n in range(p.get("count", 1) if what == "many" else 1)]
    for index, sample in enumerate(samples):
        name = f"{job}-{index}.png"
        digest = hashlib.sha256(job.encode()).hexdigest()
        if "--write" in sys.argv:
            # `lies` announces another size
            picture = tiny_png(index, *((8, 8) if what == "lies" else (p["width"], p["height"])))
            digest = hashlib.sha256(picture).hexdigest()
            with open(os.path.join(roots["job"], name), "wb") as file:
                file.write(picture)
        note = f"{sample.get('prompt', what)} of {len(samples)} @ {job}" if "--batches" in sys.argv else infotext
        images.append({"index": index, "file": name, "w": p["width"], "h": p["height"], "seed": sample["seed"],
                       "sha256": digest, "infotext": note, "ms": 1})  # fmt: skip
    send("result", job=job, images=images, ms=1)


def main():
    if "--faces" in sys.argv:
        count_faces()
        return
    if "--crash-at-start" in sys.argv:
        sys.exit(3)
    if "--no-hello" in sys.argv:
        time.sleep(60)
    family = {"label": "Fake", "base_model": "Other", "min_size": 8, "max_size": 64, "size_step": 8, "default_size": 32,
              "max_pixels": 4096}  # fmt: skip
    caps = {"families": {"fake": family}, "tasks": ["txt2img", "train", "merge"], "merging": {"fake": {"blocks": ["IN00", "IN01", "M00", "OUT00", "OUT01"]}}, "samplers": ["Euler"], "schedules": ["Automatic"],
            "max_pixels": 4096}  # fmt: skip
    if "--captioner" in sys.argv:
        caps["tasks"].append("caption")
    device = {"kind": "cpu", "name": "none", "vram_total": 0, "vram_free": 0}
    if "--cuda" in sys.argv:
        device = {"kind": "cuda", "name": f"Fake GPU {os.environ.get('CUDA_VISIBLE_DEVICES', '')}".strip(), "vram_total": 24000, "vram_free": 24000}
    if "--able" in sys.argv:
        caps["tasks"] += ["img2img", "inpaint", "hires"]
        caps["features"] = ["vae", "embeddings", "subseed", "cfg_rescale", "batch1"]
        caps["upscalers"] = ["latent", "lanczos", "model"]
        caps["formats"] = ["png", "webp", "jpeg"]
        if "--nv" in sys.argv:
            caps["rng"] = ["CPU", "NV"]
        caps["samplers"] += ["DPM++ 2M"]
        caps["schedules"] += ["Karras"]
    if "--check" in sys.argv:
        hello = {"t": "hello", "proto": [1], "engine": "fake", "caps": caps,
                 "device": device}  # fmt: skip
        print(json.dumps({"ok": True, "hello": hello}))
        return
    send("hello", proto=[1], engine="fake", device=device, caps=caps)
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
            configured.update(command)
            if "captioner" in roots and "caption" not in caps["tasks"]:
                caps["tasks"].append("caption")
            send("ready", warm=[], ms=0, caps=caps)
        elif kind == "ping":
            send("pong", id=id, nonce=command.get("nonce"))
        elif kind == "cancel":
            cancelled.add(command["job"])
        elif kind == "pause":
            pausing[command["job"]] = command.get("release", False)
        elif kind == "load":
            send("loaded", id=id, sha256=command["p"]["model"]["sha256"], family="fake", bytes=1, ms=0)
        elif kind in ("train", "resume"):
            pausing.pop(command["job"], None)
            cancelled.discard(command["job"])  # of a run before
            threading.Thread(target=train, args=(command["job"], command["p"]), daemon=True).start()
        elif kind == "merge":
            cancelled.discard(command["job"])
            threading.Thread(target=merge, args=(command["job"], command["p"]), daemon=True).start()
        elif kind == "caption":
            cancelled.discard(command["job"])
            threading.Thread(target=caption, args=(command["job"], command["p"]), daemon=True).start()
        elif kind == "generate":
            cancelled.discard(command["job"])
            threading.Thread(target=make, args=(command["job"], command["p"]), daemon=True).start()
        elif kind == "shutdown":
            send("bye", reason="shutdown")
            os._exit(0)


main()
