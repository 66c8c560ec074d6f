"""Damaged captures: cut short, with flipped bits, out of order, doubled, thinned out, frames cut. Whatever
comes, the run ends in time with status 0 or 3 and a plain word, and no sanitizer speaks.

soak.py                      a fixed sample, as a test (TAP)
soak.py PROGRAM SECONDS      other damage for so long (make soak); prints the seed of what fails
soak.py PROGRAM all          the damage of the sample to every capture of the shared data, and each as it is"""
import os
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import time

SOAKING = len(sys.argv) == 3
if SOAKING:
    os.environ["HEMOSTAT"] = sys.argv[1]

import pcap  # noqa: E402
from tap import HEMOSTAT, SHARED, Folder, lines, main, run  # noqa: E402

LIMIT_S = 60
KINDS = ("day", "records", "short", "dicom")


def load(path):
    raw = pathlib.Path(path).read_bytes()
    if raw[:4] not in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") or len(raw) > 64 << 20:
        return raw, None
    return raw, list(pcap.read(path))


def record(packet):
    (s, us), frame = packet
    return struct.pack("<IIII", s & 0xFFFFFFFF, us & 0xFFFFFFFF, len(frame), len(frame)) + frame


def file_of(raw, packets):
    return raw[:24] + b"".join(record(p) for p in packets)


def truncate(rng, raw, _):
    return raw[: rng.randrange(len(raw) + 1)]


def flip_anywhere(rng, raw, _):
    out = bytearray(raw)
    for _ in range(rng.choice((1, 10, 1000))):
        if out:
            out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def flip_in_frames(rng, raw, packets):
    done = []
    for when, frame in packets:
        frame = bytearray(frame)
        while frame and rng.random() < 0.3:
            frame[rng.randrange(len(frame))] = rng.choice((0, 0xFF, rng.randrange(256)))
        done.append((when, bytes(frame)))
    return file_of(raw, done)


def reorder(rng, raw, packets):
    span = rng.choice((2, 8, 64, 100_000))
    return file_of(raw, [p for _, p in sorted((i + rng.random() * span, p) for i, p in enumerate(packets))])


def double(rng, raw, packets):
    return file_of(raw, [p for p in packets for _ in range(rng.choice((1, 1, 1, 2, 5)))])


def thin_out(rng, raw, packets):
    return file_of(raw, [p for p in packets if rng.random() < 0.8])


def cut_frames(rng, raw, packets):
    return file_of(raw, [(w, f[: rng.randrange(len(f) + 1)] if rng.random() < 0.2 else f) for w, f in packets])


def overlap(rng, raw, packets):
    """After a TCP segment, the same once more with other bytes, begun earlier or later."""
    done = []
    for when, frame in packets:
        done.append((when, frame))
        if len(frame) > 70 and frame[12:14] == b"\x08\0" and frame[23] == 6 and rng.random() < 0.3:
            other = bytearray(frame)
            seq = struct.unpack_from(">I", frame, 38)[0] + rng.randrange(-200, 200)
            struct.pack_into(">I", other, 38, seq & 0xFFFFFFFF)
            other[60:] = rng.randbytes(len(other) - 60)
            done.append((when, bytes(other)))
    return file_of(raw, done)


def as_it_is(_rng, raw, _packets):
    return raw


DAMAGE = (truncate, flip_anywhere, flip_in_frames, reorder, double, thin_out, cut_frames, overlap)
ON_BYTES = (truncate, flip_anywhere, as_it_is)


def survive(content, folder, name, more=()):
    path = folder / "damaged.pcap"
    path.write_bytes(content)
    try:
        p = subprocess.run([HEMOSTAT, "--data", str(folder / "data"), "watch", "-r", str(path), "--json", *more],
                           capture_output=True, timeout=LIMIT_S, check=False, text=True, errors="replace")
    except subprocess.TimeoutExpired:
        raise AssertionError(f"{name}: no end after {LIMIT_S} s") from None
    assert p.returncode in (0, 3), f"{name}: status {p.returncode}: {p.stderr[-3000:]}"
    for word in ("runtime error", "Sanitizer", "assert", "signal"):
        assert word not in p.stderr, f"{name}: {p.stderr[-3000:]}"
    assert (p.returncode == 3) == p.stderr.startswith("hemostat: "), f"{name}: {p.stderr}"
    assert lines(p.stdout)[-1]["type"] == "summary", name
    subprocess.run(["rm", "-rf", str(folder / "data")], check=True)


def lab(folder):
    for kind in KINDS:
        path = folder / f"{kind}.pcap"
        p = run("lab", "make", path, "--kind", kind, "--mib", "1")
        assert p.returncode == 0, p.stderr
        yield path


def damaged(source, damage, seed, folder):
    raw, packets = source
    if packets is None and damage not in ON_BYTES:
        return
    survive(damage(random.Random(seed), raw, packets), folder, f"{damage.__name__}, seed {seed}")


def sample(damage):
    with Folder() as folder:
        for number, path in enumerate(lab(folder)):
            source = load(path)
            for turn in range(2):
                damaged(source, damage, number * 10 + turn, folder)


def add_tests():
    for damage in DAMAGE:
        globals()["test_" + damage.__name__] = lambda damage=damage: sample(damage)


def soak(seconds):
    end = time.monotonic() + seconds
    seed = int(time.time())
    with Folder() as folder:
        sources = [load(p) for p in lab(folder)]
        sources += [load(p) for p in sorted((SHARED / "pcap").glob("lab-*"))]
        n = 0
        while time.monotonic() < end:
            seed += 1
            rng = random.Random(seed)
            damaged(rng.choice(sources), rng.choice(DAMAGE), seed, folder)
            n += 1
    print(f"{n} damaged captures, nothing found")


def every_capture():
    """Each shared capture whole, and once in each kind of damage."""
    n = 0
    with Folder() as folder:
        for path in sorted((SHARED / "pcap").glob("*.*")):
            if path.suffix not in (".pcap", ".pcapng", ".cap"):
                continue
            source = load(path)
            for damage in (as_it_is, *DAMAGE):
                try:
                    damaged(source, damage, n, folder)
                except AssertionError as why:
                    keep = pathlib.Path(tempfile.gettempdir()) / f"hemostat-soak-{path.name}"
                    keep.write_bytes((folder / "damaged.pcap").read_bytes())
                    print(f"{path.name}: {why}; kept as {keep}", flush=True)
                n += 1
    print(f"{n} captures")


if not SOAKING:
    add_tests()
    main(globals())
elif sys.argv[2] == "all":
    every_capture()
else:
    soak(float(sys.argv[2]))
