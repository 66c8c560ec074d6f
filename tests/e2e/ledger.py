"""The ledger: what it proves, and every way to tamper with it, each named with the first bad entry."""
import base64
import os
import pathlib
import shutil
import subprocess

from tap import HEMOSTAT, Folder, Skip, lines, main, run, shared, watch

BUILD = pathlib.Path(HEMOSTAT).parent
VERIFY = os.environ.get("HEMOSTAT_VERIFY", str(BUILD / "hemostat-verify"))
TAMPER = os.environ.get("HEMOSTAT_TAMPER", str(BUILD / "tests/ledger_tamper"))


def verify(*args):
    return subprocess.run([VERIFY, *map(str, args)], capture_output=True, text=True, timeout=120, check=False)


def tamper(data, action, index):
    p = subprocess.run([TAMPER, str(data), action, str(index)], check=True, timeout=60, capture_output=True, text=True)
    return p.stdout


class Lab:
    """A data directory with a signed ledger of some hundred entries, made once and copied."""
    made = None

    def __init__(self, folder):
        self.folder = folder
        self.data = folder / "data"
        if Lab.made is None:
            Lab.made = pathlib.Path(os.environ.get("TMPDIR", "/tmp")) / f"hemostat-ledger-{os.getpid()}"
            Lab.made.mkdir()
            run("lab", "make", Lab.made / "day.pcap", "--kind", "day")
            watch(Lab.made / "day.pcap", Lab.made / "data")
            watch(Lab.made / "day.pcap", Lab.made / "data")
        shutil.copytree(Lab.made / "data", self.data)
        self.size = self.check()["size"]
        assert self.size > 600

    def check(self, *args, expect=0):
        p = run("ledger", "verify", "--json", *args, data=self.data)
        assert p.returncode == expect, (p.returncode, p.stdout, p.stderr)
        return lines(p.stdout)[-1]

    def save(self, name):
        path = self.folder / name
        path.write_text(run("ledger", "checkpoint", data=self.data).stdout)
        return path

    def export(self, name, *more):
        p = run("ledger", "export", self.folder / name, *more, data=self.data)
        assert p.returncode == 0, p.stderr
        return self.folder / name

    def write(self):
        """One more event, and so a new checkpoint."""
        p = run("device", "approve", "1", "--reason", "x", data=self.data)
        assert p.returncode == 0, p.stderr

    def level0(self, change):
        path = self.data / "ledger/level0"
        hashes = path.read_bytes()
        path.write_bytes(b"".join(change([hashes[i:i + 32] for i in range(0, len(hashes), 32)])))


def broken(answer, index, kind=None, exact=True):
    assert answer["integrity"] == "broken" and answer["first_bad"] == index, answer
    assert answer["first_bad_exact"] == exact, answer
    assert kind is None or any(f["kind"] == kind for f in answer["faults"]), answer


def test_status_proof_and_export_verify_elsewhere():
    with Folder() as folder:
        lab = Lab(folder)
        status = lines(run("ledger", "status", "--json", data=lab.data).stdout)[0]
        assert status["size"] == lab.size and status["sound"] and status["unsigned"] == 0
        key = status["keys"][0]
        old = lab.save("old")
        for event in (1, 2, 256, 257, lab.size):
            proof = folder / "proof"
            p = run("ledger", "prove", event, "--entry", folder / "entry", data=lab.data)
            assert p.returncode == 0, p.stderr
            proof.write_text(p.stdout)
            assert verify("proof", proof, "--entry", folder / "entry", "--key", key).returncode == 0
            assert verify("proof", proof, "--leaf", "00" * 32, "--key", key).returncode == 1
            told = lines(run("ledger", "prove", event, "--json", data=lab.data).stdout)[0]
            assert told["index"] == event - 1 and base64.b64decode(told["entry"]) == (folder / "entry").read_bytes()
            assert verify("proof", proof, "--leaf", told["leaf_hash"], "--key", key).returncode == 0
        assert run("ledger", "prove", lab.size + 1, data=lab.data).returncode == 3
        lab.write()
        proof = folder / "consistency"
        proof.write_text(run("ledger", "consistency", lab.size, data=lab.data).stdout)
        assert verify("consistency", old, proof, "--key", key).returncode == 0
        assert lab.check(old)["integrity"] == "holds"
        proof.write_text(run("ledger", "consistency", lab.size - 1, data=lab.data).stdout)
        assert verify("consistency", old, proof, "--key", key).returncode == 1
        out = lab.export("export")
        answer = lines(verify("log", out, "--key", key, "--checkpoint", old, "--json").stdout)[0]
        assert answer["integrity"] == "holds" and answer["completeness"] == "complete", answer
        assert answer["checked"] == answer["size"] == lab.size + 1
        hashes = lab.export("hashes", "--hashes")
        answer = lines(verify("log", hashes, "--json").stdout)[0]
        assert answer["integrity"] == "holds" and answer["checked"] == 0 and answer["completeness"] == "unknown"
        assert run("ledger", "export", out, data=lab.data).returncode == 4


def test_database_edited_behind_the_ledger():
    for action in ("flip", "drop", "insert", "reorder"):
        for index in (0, 255, 300):
            with Folder() as folder:
                lab = Lab(folder)
                tamper(lab.data, action, index)
                broken(lab.check(expect=1), index, "entry")
                text = run("ledger", "verify", data=lab.data)
                assert text.returncode == 1 and f"first bad entry: {index} (event {index + 1})" in text.stdout, text
                p = run("ledger", "prove", index + 1, data=lab.data)
                assert p.returncode == 1 and "does not verify" in p.stderr, p
    with Folder() as folder:
        lab = Lab(folder)
        tamper(lab.data, "cut", 400)
        broken(lab.check(expect=1), 400, "missing")


def test_cut_database_is_told_in_the_ledger_and_numbers_are_not_given_twice():
    with Folder() as folder:
        lab = Lab(folder)
        old = lab.save("old")
        tamper(lab.data, "cut", 400)
        lab.write()
        answer = lab.check(old, expect=1)
        broken(answer, 400, "missing")
        assert any("lost events 401 to" in g["text"] for g in answer["gaps"]), answer
        assert answer["size"] > lab.size


def test_ledger_files_edited():
    def flip(h):
        h[300] = bytes([h[300][0] ^ 1]) + h[300][1:]
        return h

    changes = {"flip": (flip, 300), "drop": (lambda h: h[:300] + h[301:], 300),
               "insert": (lambda h: h[:300] + [bytes(32)] + h[300:], 300),
               "reorder": (lambda h: h[:300] + [h[301], h[300]] + h[302:], 300),
               "cut tail": (lambda h: h[:500], 500), "empty": (lambda h: [], 0)}
    for name, (change, index) in changes.items():
        with Folder() as folder:
            lab = Lab(folder)
            lab.level0(change)
            answer = lab.check(expect=1)
            broken(answer, index)
            if name == "flip":
                assert any(f["kind"] == "tile" for f in answer["faults"])
                assert any("the events themselves lead to it" in f["text"] for f in answer["faults"]), answer
    with Folder() as folder:
        lab = Lab(folder)
        path = lab.data / "ledger/level1"
        path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])
        broken(lab.check(expect=1), 0, "tile", exact=False)


def test_exported_log_edited():
    with Folder() as folder:
        lab = Lab(folder)
        export = lab.export("export")
        for name, index in (("tile/0/001", 256 + 3), ("tile/entries/001", 256)):
            copy = folder / "copy"
            shutil.copytree(export, copy)
            path = copy / name
            raw = bytearray(path.read_bytes())
            raw[3 * 32 if "entries" not in name else 8] ^= 1
            path.write_bytes(raw)
            p = verify("log", copy, "--json")
            assert p.returncode == 1, p
            broken(lines(p.stdout)[0], index, "entry")
            shutil.rmtree(copy)
        for name in ("tile/0/001", "tile/1/000.p/%d" % (lab.size // 256)):
            copy = folder / "copy"
            shutil.copytree(export, copy)
            (copy / name).unlink()
            assert verify("log", copy, "--json").returncode == 1, name
            shutil.rmtree(copy)
        (export / "tile/entries/000").unlink()
        answer = lines(verify("log", export, "--json").stdout)[0]
        assert answer["integrity"] == "holds" and answer["bundles_missing"] == 1


def test_everything_deleted():
    with Folder() as folder:
        lab = Lab(folder)
        old = lab.save("old")
        shutil.rmtree(lab.data / "ledger")
        broken(lab.check(expect=1), 0)
        p = run("ledger", "verify", data=lab.data)
        assert p.returncode == 1 and "deleted" in p.stderr, p
        for name in ("hemostat.db", "hemostat.db-wal", "hemostat.db-shm"):
            (lab.data / name).unlink(missing_ok=True)
        watch(Lab.made / "day.pcap", lab.data)
        assert lab.check()["integrity"] == "holds"
        answer = lab.check(old, expect=1)
        assert answer["integrity"] == "broken", answer


def rewrite(lab, action, index):
    """All of it again from changed events, signed with the old key: perfect from inside."""
    tamper(lab.data, action + "+", index)
    for path in (lab.data / "ledger").iterdir():
        path.unlink()
    lab.write()


def test_rewritten_with_the_old_key_is_caught_from_outside():
    for action, index in (("flip", 350), ("drop", 10), ("insert", 600)):
        with Folder() as folder:
            lab = Lab(folder)
            old = lab.save("old")
            before = lab.export("before", "--hashes")
            rewrite(lab, action, index)
            assert lab.check()["integrity"] == "holds"
            broken(lab.check(old, expect=1), 0, "checkpoint", exact=False)
            after = lab.export("after")
            assert verify("log", after).returncode == 0
            p = verify("log", after, "--against", before, "--json")
            assert p.returncode == 1
            broken(lines(p.stdout)[0], index, "entry")
            assert verify("log", after, "--checkpoint", old).returncode == 1


def test_old_checkpoint_replayed():
    with Folder() as folder:
        lab = Lab(folder)
        old = lab.save("old")
        lab.write()
        lab.write()
        new = lab.save("new")
        shutil.copy(old, lab.data / "ledger/checkpoint")
        broken(lab.check(expect=1), lab.size, "short")
        broken(lab.check(new, expect=1), lab.size, "short")
        lab.write()
        assert lab.check(old, new)["integrity"] == "holds"


def test_checkpoints_of_others_are_refused():
    with Folder() as folder, Folder() as other:
        lab, stranger = Lab(folder), Lab(other)
        shutil.rmtree(stranger.data)
        watch(Lab.made / "day.pcap", stranger.data)
        saved = stranger.save("theirs")
        assert lab.check(saved, expect=1)["faults"][0]["kind"] == "signature"
        keys = lines(run("ledger", "status", "--json", data=stranger.data).stdout)[0]["keys"]
        assert lab.check("--key", keys[0], expect=1)["faults"][0]["kind"] == "signature"
        assert verify("note", saved, "--key", keys[0]).returncode == 0
        shutil.copy(saved, lab.data / "ledger/checkpoint")
        p = run("ledger", "verify", data=lab.data)
        assert p.returncode == 1 and "not signed" in p.stderr, p
        p = run("device", "approve", "1", "--reason", "x", data=lab.data)
        assert p.returncode == 4 and "not signed" in p.stderr, p


def test_clock_turned_back_and_capture_cut_off():
    with Folder() as folder:
        lab = Lab(folder)
        events = lines(run("event", "list", "--kind", "capture", "--json", "--limit", "0", data=lab.data).stdout)
        last = max(e["id"] for e in events)
        rewrite(lab, "back", last - 1)
        answer = lab.check()
        assert any(g["kind"] == "clock" and g["from"] == last - 1 for g in answer["gaps"]), answer
        assert lab.check("--complete", expect=1)["completeness"] == "gaps"
        stop = min(e["id"] for e in events if e["fact"]["what"] == "stop")
        rewrite(lab, "drop", stop - 1)
        answer = lab.check()
        assert any("without a word" in g["text"] for g in answer["gaps"]), answer
        out = lab.export("out")
        told = lines(verify("log", out, "--json").stdout)[0]
        assert told["gaps"] == answer["gaps"], (told, answer)


def test_what_retention_let_go_is_no_fault():
    with Folder() as folder:
        lab = Lab(folder)
        old = lab.save("old")
        gone = int(tamper(lab.data, "retain", lab.size - 1))
        assert 0 < gone < lab.size, gone
        answer = lab.check(old)
        assert answer["integrity"] == "holds" and answer["gone"] == gone, answer
        assert answer["checked"] == lab.size - gone
        key = lines(run("ledger", "status", "--json", data=lab.data).stdout)[0]["keys"][0]
        told = lines(run("ledger", "prove", "--json", 1, data=lab.data).stdout)[0]
        assert "entry" not in told
        (folder / "proof").write_text(told["proof"])
        assert verify("proof", folder / "proof", "--leaf", told["leaf_hash"], "--key", key).returncode == 0
        answer = lines(verify("log", lab.export("out"), "--key", key, "--json").stdout)[0]
        assert answer["integrity"] == "holds" and answer["bundles_missing"] == -(-gone // 256), (gone, answer)
        lab.write()
        assert lab.check(old)["integrity"] == "holds"


def test_keys_hand_over():
    with Folder() as folder:
        lab = Lab(folder)
        old = lab.save("old")
        first = lines(run("ledger", "status", "--json", data=lab.data).stdout)[0]["keys"][0]
        secret = (lab.data / "keys/ledger.key").read_bytes()
        p = run("ledger", "rotate", data=lab.data)
        assert p.returncode == 0 and "+" in p.stdout, p
        assert (lab.data / "keys/ledger.key").read_bytes() != secret
        assert (lab.data / "keys/ledger.key").stat().st_mode & 0o777 == 0o600
        lab.write()
        assert lab.check(old, "--key", first)["integrity"] == "holds"
        out = lab.export("out")
        assert verify("log", out, "--key", first).returncode == 0
        assert verify("note", out / "checkpoint", "--key", first).returncode == 1
        (out / "rotations").unlink()
        assert verify("log", out, "--key", first).returncode == 1


def test_verifier_on_logs_of_others():
    try:
        fifteen, six = shared("ledger/tlog-tiles-fifteen"), shared("ledger/tlog-tiles-six-hundred")
    except Skip as why:
        print(f"# {why}")
        return
    assert verify("log", fifteen).returncode == 0
    saved = [a for n in (1, 255, 256, 257, 512) for a in ("--checkpoint", six / f"checkpoint.{n}")]
    assert verify("log", six, "--policy", six / "policy", *saved).returncode == 0
    assert verify("log", six).returncode == 2
    assert verify("note", six / "checkpoint", "--policy", six / "policy").returncode == 0


def test_wrong_usage_of_the_verifier():
    for args in ((), ("nonsense", "x", "--key", "x"), ("log",), ("log", "a", "b"), ("proof", "x"), ("log", "--nonsense", "x"),
                 ("proof", "x", "--entry"), ("consistency", "x", "--key", "y")):
        assert verify(*args).returncode in (2, 3), args
    assert verify("--help").returncode == 0
    with Folder() as folder:
        assert verify("log", folder / "nowhere").returncode in (2, 3)


try:
    main(globals())
finally:
    if Lab.made:
        shutil.rmtree(Lab.made, ignore_errors=True)
