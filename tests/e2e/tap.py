"""End-to-end tests: the real program, TAP lines, temporary data directories.

A test file is a list of functions named test_*; main(globals()) runs them. A function raises
AssertionError to fail and Skip to be skipped with a word."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import traceback

HEMOSTAT = os.environ.get("HEMOSTAT", "build/hemostat")
SOURCE = pathlib.Path(os.environ.get("HEMOSTAT_SOURCE", "."))
SHARED = pathlib.Path(os.environ.get("HEMOSTAT_SHARED", SOURCE / "../shared/data"))


class Skip(Exception):
    """This machine lacks what the test needs."""


def run(*args, data=None, stdin=None, timeout=120, env=None):
    """Run hemostat; returns the completed process with text output."""
    command = [HEMOSTAT] + (["--data", str(data)] if data else []) + [str(a) for a in args]
    return subprocess.run(command, input=stdin, capture_output=True, timeout=timeout, check=False,
                          env=env, text=not isinstance(stdin, bytes))


def _object(pairs):
    keys = [k for k, _ in pairs]
    assert len(keys) == len(set(keys)), f"a key stands twice: {sorted(k for k in keys if keys.count(k) > 1)}"
    return dict(pairs)


def lines(text):
    """JSON Lines to objects; a line that is not JSON, or a key that stands twice, is a failure."""
    return [json.loads(line, object_pairs_hook=_object) for line in text.splitlines() if line.strip()]


def watch(path, data, *more, expect=0):
    """Read a capture; returns the summary."""
    p = run("watch", "-r", path, "--json", *more, data=data, timeout=300)
    assert p.returncode == expect, f"watch {path}: status {p.returncode}, expected {expect}: {p.stderr}"
    objects = lines(p.stdout)
    assert objects and objects[-1]["type"] == "summary", f"no summary: {p.stdout[-300:]}"
    return objects[-1]


def shared(name):
    path = SHARED / name
    if not path.exists():
        raise Skip(f"shared data is not here: {name}")
    return path


def need(*programs):
    for program in programs:
        if shutil.which(program) is None:
            raise Skip(f"{program} is not installed")


def need_root():
    if os.geteuid() != 0:
        raise Skip("needs root")


class Folder:
    """A temporary folder that goes away."""

    def __enter__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="hemostat-e2e-"))
        return self.path

    def __exit__(self, *_):
        shutil.rmtree(self.path, ignore_errors=True)


def main(names):
    """Every test_* of names; words on the command line choose among them."""
    tests = [(n[5:], f) for n, f in names.items() if n.startswith("test_") and
             (len(sys.argv) < 2 or any(word in n for word in sys.argv[1:]))]
    print(f"1..{len(tests)}")
    bad = 0
    for number, (name, function) in enumerate(tests, 1):
        title = name.replace("_", " ")
        try:
            function()
            print(f"ok {number} - {title}", flush=True)
        except Skip as why:
            print(f"ok {number} - {title} # SKIP {why}", flush=True)
        except Exception:  # pylint: disable=broad-except
            bad += 1
            print(f"not ok {number} - {title}", flush=True)
            for line in traceback.format_exc().splitlines():
                print("# " + line, flush=True)
    sys.exit(1 if bad else 0)
