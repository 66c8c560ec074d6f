"""Commands as a person meets them: exit status, errors that name the place, JSON that parses."""
import os

from tap import Folder, lines, main, run, watch


def lab(folder):
    path = folder / "day.pcap"
    assert run("lab", "make", path, "--kind", "day").returncode == 0
    return path


def test_help_and_version():
    assert run("--help").returncode == 0
    assert "hemostat" in run("--version").stdout
    assert run().returncode == 2
    for noun in ("device", "finding", "store"):
        assert run(noun, "--help").returncode == 0
    for command in (("watch",), ("device", "list"), ("decode",)):
        p = run(*command, "--help")
        assert p.returncode == 0 and "Usage:" in p.stdout


def test_wrong_usage_is_2():
    for args in (("nonsense",), ("device", "nonsense"), ("watch",), ("watch", "-r", "x", "-i", "y"),
                 ("watch", "--nonsense"), ("device", "show", "abc"), ("device", "show"),
                 ("decode", "x"), ("decode", "--proto", "nonsense", "x"), ("event", "list", "--kind", "nonsense"),
                 ("message", "list", "--limit", "many"), ("message", "list", "--since", "yesterday"),
                 ("finding", "close", "1"), ("watch", "-r", "x", "--sensors", "99")):
        p = run(*args)
        assert p.returncode == 2, (args, p.returncode, p.stderr)
        assert p.stderr.startswith("hemostat: "), (args, p.stderr)


def test_bad_input_is_3_and_names_the_place():
    with Folder() as folder:
        text = folder / "text.pcap"
        text.write_text("this is not a capture\n" * 10)
        p = run("watch", "-r", text, data=folder / "data")
        assert p.returncode == 3 and "text.pcap" in p.stderr, p.stderr
        p = run("watch", "-r", folder / "absent.pcap", data=folder / "data")
        assert p.returncode == 3 and "absent.pcap" in p.stderr, p.stderr
        empty = folder / "empty.pcap"
        empty.write_bytes(b"")
        p = run("watch", "-r", empty, data=folder / "data")
        assert p.returncode == 3, p.stderr


def test_truncated_capture_keeps_what_was_read():
    with Folder() as folder:
        path = lab(folder)
        whole = path.read_bytes()
        cut = folder / "cut.pcap"
        cut.write_bytes(whole[: len(whole) // 2 + 7])
        p = run("watch", "-r", cut, "--json", data=folder / "data")
        assert p.returncode == 3 and "cut.pcap" in p.stderr, p.stderr
        summary = lines(p.stdout)[-1]
        assert summary["messages"]["hl7"] > 20
        assert len(lines(run("message", "list", "--json", "--limit", "5", data=folder / "data").stdout)) == 5


def test_nothing_watched_yet():
    with Folder() as folder:
        p = run("device", "list", data=folder / "nowhere")
        assert p.returncode == 3 and "watch" in p.stderr, (p.returncode, p.stderr)


def test_lists_show_and_filters():
    with Folder() as folder:
        data = folder / "data"
        watch(lab(folder), data)
        devices = lines(run("device", "list", "--json", data=data).stdout)
        assert len(devices) >= 10
        for d in devices:
            assert d["state"] == "staged" and d["id"] > 0
        moxa = [d for d in devices if d.get("class") == "serial_server"]
        assert moxa, [d.get("class") for d in devices]
        shown = lines(run("device", "show", devices[0]["id"], "--json", data=data).stdout)
        assert shown[0]["id"] == devices[0]["id"] and "claims" in shown[0]
        found = lines(run("device", "list", "--find", "NORD", "--json", data=data).stdout)
        assert 0 < len(found) < len(devices)

        links = lines(run("link", "list", "--json", "--clinical", data=data).stdout)
        assert {"hl7", "astm", "poct1a", "dicom", "fhir"} <= {k["proto"] for k in links}
        messages = lines(run("message", "list", "--json", "--proto", "hl7", "--limit", "7", data=data).stdout)
        assert len(messages) == 7 and all(m["proto"] == "hl7" for m in messages)
        assert messages[0]["time"] >= messages[-1]["time"]
        acks = lines(run("message", "list", "--json", "--category", "ack", data=data).stdout)
        assert acks and all(m["category"] == "ack" for m in acks)
        one = lines(run("message", "show", messages[0]["id"], "--json", data=data).stdout)[0]
        assert one["packet"] > 0 and one["offset"] >= 0
        results = lines(run("result", "list", "--json", "--limit", "0", data=data).stdout)
        assert len(results) > 100
        assert any(r["result"].get("value") for r in results)
        events = lines(run("event", "list", "--kind", "claim", "--json", data=data).stdout)
        assert events and all(e["type"] == "claim" for e in events)
        for text in (("device", "list"), ("link", "list"), ("message", "list"), ("result", "list"),
                     ("finding", "list"), ("event", "list"), ("device", "show", devices[0]["id"]),
                     ("message", "show", messages[0]["id"])):
            p = run(*text, data=data)
            assert p.returncode == 0 and p.stdout and "\x1b" not in p.stdout, (text, p.stderr)


def test_decisions_are_kept_with_who_and_why():
    with Folder() as folder:
        data = folder / "data"
        watch(lab(folder), data)
        assert run("device", "approve", "1", "--reason", "ours", data=data).returncode == 0
        assert run("device", "block", "2", "--reason", "not ours", data=data).returncode == 0
        states = {d["id"]: d["state"] for d in lines(run("device", "list", "--json", data=data).stdout)}
        assert states[1] == "approved" and states[2] == "blocked"
        findings = lines(run("finding", "list", "--json", data=data).stdout)
        first = findings[0]["id"]
        assert run("finding", "close", first, "--reason", "seen to", data=data).returncode == 0
        left = {f["id"] for f in lines(run("finding", "list", "--json", data=data).stdout)}
        assert first not in left
        told = lines(run("event", "list", "--kind", "device", "--json", "--limit", "3", data=data).stdout)
        assert any(e["fact"].get("who") and e["fact"].get("reason") == "not ours" for e in told), told
        assert run("device", "approve", "99999", data=data).returncode == 3
        assert run("finding", "close", "99999", "--reason", "x", data=data).returncode == 3


def tables(data):
    devices = lines(run("device", "list", "--json", data=data).stdout)
    findings = lines(run("finding", "list", "--all", "--json", data=data).stdout)
    links = lines(run("link", "list", "--json", "--limit", "0", data=data).stdout)
    return devices, findings, links


def test_rebuild_gives_the_same():
    with Folder() as folder:
        data = folder / "data"
        watch(lab(folder), data)
        assert run("device", "approve", "3", data=data).returncode == 0
        assert run("finding", "close", "2", "--reason", "done", data=data).returncode == 0
        before = tables(data)
        p = run("store", "rebuild", data=data)
        assert p.returncode == 0, p.stderr
        after = tables(data)
        for a, b in zip(before, after):
            assert a == b, [(x, y) for x, y in zip(a, b) if x != y][:2]
        assert run("store", "check", data=data).returncode == 0


def test_a_second_capture_goes_on_where_the_first_ended():
    with Folder() as folder:
        data = folder / "data"
        path = lab(folder)
        first = watch(path, data)
        ids = [d["id"] for d in tables(data)[0]]
        second = watch(path, data)
        assert second["messages"] == first["messages"]
        assert [d["id"] for d in tables(data)[0]] == ids


def test_damaged_database_is_named_and_rescued():
    with Folder() as folder:
        data = folder / "data"
        watch(lab(folder), data)
        db = data / "hemostat.db"
        raw = bytearray(db.read_bytes())
        for at in range(len(raw) // 2, len(raw) // 2 + 6000):
            raw[at] ^= 0x5A
        db.write_bytes(raw)
        p = run("store", "check", data=data)
        assert p.returncode == 1 and "DAMAGED" in p.stdout, (p.returncode, p.stdout, p.stderr)
        p = run("store", "rescue", data=data)
        assert p.returncode == 0, p.stderr
        assert run("store", "check", data=data).returncode == 0
        assert run("device", "list", data=data).returncode == 0


def test_no_identifier_is_kept():
    with Folder() as folder:
        data = folder / "data"
        watch(lab(folder), data)
        needles = [b"SYN0001100", b"SYN0001101", b"SYN0001200", b"S260000", b"ORD0000", b"Testperson", b"Madeup",
                   b"Synthetic", b"guess3", b"d2FyZDpleGFtcGxl", b"Nowhere Road", b"TECH01", b"OP07"]
        for root, _, files in os.walk(data):
            for name in files:
                content = open(os.path.join(root, name), "rb").read()
                for needle in needles:
                    assert needle not in content, f"{needle} in {name}"
        # Blocks are compressed: look at what they hold too.
        text = run("event", "list", "--limit", "0", "--json", data=data).stdout
        for needle in needles:
            assert needle.decode() not in text, f"{needle} in events"


def test_config_check():
    with Folder() as folder:
        good = folder / "good.yaml"
        good.write_text(run("config", "example").stdout)
        assert run("config", "check", good).returncode == 0
        bad = folder / "bad.yaml"
        bad.write_text("site: x\nlimits:\n  sensors: many\n")
        p = run("config", "check", bad)
        assert p.returncode == 1 and "line: 3" in p.stderr, (p.returncode, p.stderr)
        p = run("watch", "-r", "x", "--config", bad, data=folder / "data")
        assert p.returncode == 3, p.stderr


def test_sandboxes_hold():
    p = run("sandbox", "test")
    assert p.returncode == 0 and "NOT HELD" not in p.stdout, p.stdout


def test_demo_fills_the_picture():
    with Folder() as folder:
        p = run("demo", data=folder / "demo", timeout=20)
        assert p.returncode == 0, p.stderr
        assert "DEVICES" in p.stdout and "critical" in p.stdout
        assert len(lines(run("device", "list", "--json", data=folder / "demo").stdout)) >= 10


def test_unwritable_place():
    with Folder() as folder:
        blocked = folder / "file"
        blocked.write_text("x")
        p = run("watch", "-r", lab(folder), data=blocked)
        assert p.returncode == 4 and "file" in p.stderr, (p.returncode, p.stderr)


main(globals())
