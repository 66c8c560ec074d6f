"""Advisories: import, what is put aside, exposure of devices; the shared set where it is here."""
import json
import os
import shutil
import tempfile
import pathlib
import time

import tap
from tap import SOURCE, lines, run, shared

SAMPLE = SOURCE / "tests/corpus/csaf/lab.json"


class Place:
    def __enter__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="hemostat-advisories-"))
        return self.dir

    def __exit__(self, *_):
        shutil.rmtree(self.dir)


def imported(data, *paths, expect=0):
    p = run("advisory", "import", *paths, "--json", data=data)
    assert p.returncode == expect, f"status {p.returncode}: {p.stderr}{p.stdout}"
    return lines(p.stdout)


def check(data, product, version, vendor="Examplia Diagnostics", expect=0, **more):
    words = [w for k, v in more.items() for w in ("--" + k, v)]
    p = run("exposure", "check", "--vendor", vendor, "--product", product, "--version", version, "--json", *words, data=data)
    assert p.returncode == expect, f"status {p.returncode}: {p.stderr}"
    return lines(p.stdout)


def test_import_is_incremental():
    with Place() as d:
        docs = d / "in"
        docs.mkdir()
        text = json.loads(SAMPLE.read_text())
        (docs / "a.json").write_text(json.dumps(text))
        (docs / "a.json.sha512").write_text("not a document")
        one = imported(d / "data", docs)[-1]
        assert (one["type"], one["read"], one["new"]) == ("advisory_import", 1, 1), one
        two = imported(d / "data", docs)[-1]
        assert (two["new"], two["unchanged"]) == (0, 1), two
        text["document"]["tracking"]["current_release_date"] = "2026-01-20T00:00:00Z"
        (docs / "a.json").write_text(json.dumps(text))
        three = imported(d / "data", docs)[-1]
        assert (three["older"], three["changed"]) == (1, 0), three
        text["document"]["tracking"]["current_release_date"] = "2026-03-20T00:00:00+02:00"
        (docs / "a.json").write_text(json.dumps(text))
        four = imported(d / "data", docs)[-1]
        assert (four["older"], four["changed"]) == (0, 1), four
        listed = lines(run("advisory", "list", "--json", data=d / "data").stdout)
        assert [x["advisory"] for x in listed] == ["EXA-2026-001"], listed
        assert listed[0]["revised"] == "2026-03-20T00:00:00+02:00", listed


def test_unreadable_is_put_aside_with_the_reason():
    with Place() as d:
        docs = d / "in"
        docs.mkdir()
        cases = {"cut.json": SAMPLE.read_bytes()[:900], "empty.json": b"", "deep.json": b"[" * 100000,
                 "other.json": b'{"hello": 1}', "path.json": SAMPLE.read_bytes().replace(b"EXA-2026-001", b"///..///"),
                 "control\n.json": b"{}"}
        for name, data in cases.items():
            (docs / name).write_bytes(data)
        (docs / "good.json").write_bytes(SAMPLE.read_bytes())
        out = imported(d / "data", docs, expect=1)
        assert (out[-1]["read"], out[-1]["new"], out[-1]["aside"]) == (7, 1, 6), out[-1]
        assert all(x["reason"] for x in out[:-1]) and len(out) == 7, out
        kept = lines(run("advisory", "list", "--aside", "--json", data=d / "data").stdout)
        assert len(kept) == 6 and all(x["reason"] and x["file"] for x in kept), kept
        p = run("advisory", "list", data=d / "data")
        assert "6 documents were put aside" in p.stderr, p.stderr
        assert imported(d / "data", docs / "cut.json", expect=3)[-1]["aside"] == 1


def test_failed_mandatory_tests_are_told():
    with Place() as d:
        text = json.loads(SAMPLE.read_text())
        text["document"]["tracking"]["version"] = "1"
        text["vulnerabilities"][0]["scores"][0]["cvss_v3"]["baseScore"] = 9.7
        (d / "x.json").write_text(json.dumps(text))
        done = imported(d / "data", d / "x.json")[-1]
        assert (done["new"], done["faulty"]) == (1, 1), done
        shown = lines(run("advisory", "show", "exa-2026-001", "--json", data=d / "data").stdout)[0]
        assert [f["test"] for f in shown["failed_tests"]] == ["6.1.9", "6.1.16"], shown["failed_tests"]
        assert imported(d / "good", SAMPLE)[-1]["faulty"] == 0
        row = check(d / "data", "Chemline 400", "2.4.1")[0]
        assert row["cves"][0]["scores"][0]["base"] == 9.8 and row["cves"][0]["scores"][0]["stated"] == 9.7, row


def test_status_of_made_up_devices():
    with Place() as d:
        imported(d, SAMPLE)
        for product, version, status, ids in (
                ("Chemline 400", "2.4.1", "affected", ["P-RANGE"]), ("Chemline 400", "2.5.0", "fixed", ["P-FIXED"]),
                ("Chemline 900", "2.1", "needs_review", ["P-WILD"]), ("Chemline 900", "4.0", "needs_review", ["P-WILD"]),
                ("Linkbox", "1", "affected", ["P-ALL"]), ("Quietline", "1.0", "unknown", ["P-SILENT"]),
                ("Reader", "7.1", "needs_review", ["C-BOTH"])):
            rows = check(d, product, version)
            assert [(r["status"], r["product_ids"]) for r in rows] == [(status, ids)], (product, version, rows)
            assert rows[0]["advisory"] == "EXA-2026-001" and rows[0]["why"] and rows[0]["readings"], rows
        row = check(d, "Chemline 400", "2.4.1")[0]
        assert [(c["id"], c["scores"][0]["base"]) for c in row["cves"]] == [("CVE-2026-10001", 9.8), ("CVE-2026-10002", 3.9)], row
        assert row["cves"][0]["remediations"][0]["details"] == "update to 2.5.0", row
        assert check(d, "Chemline 400", "2.6") == []
        assert check(d, "Reader", "5", model="Base OS")[0]["status"] == "affected"


def test_no_data_and_stale_data_are_said():
    with Place() as d:
        p = run("exposure", "check", "--vendor", "a", "--product", "b", "--version", "1", data=d)
        assert p.returncode == 3 and "advisory import" in p.stderr, p
        p = run("advisory", "import", d / "nothing", data=d)
        assert p.returncode == 4, p
        p = run("exposure", "check", "--vendor", "a", data=d)
        assert p.returncode == 2, p
        imported(d, SAMPLE)
        (d / "advisories/imported").write_text("2020-01-01T00:00:00Z")
        p = run("exposure", "check", "--vendor", "a", "--product", "b", "--version", "1", data=d)
        assert p.returncode == 1 and "STALE" in p.stderr, p
        (d / "advisories/csaf/exa-2026-001.json").write_text("{")
        p = run("exposure", "check", "--vendor", "a", "--product", "b", "--version", "1", data=d)
        assert p.returncode == 1 and "INCOMPLETE" in p.stderr, p


def test_inventory_is_joined():
    with Place() as d:
        p = run("lab", "make", d / "day.pcap", data=d / "data")
        assert p.returncode == 0, p.stderr
        tap.watch(d / "day.pcap", d / "data")
        devices = lines(run("device", "list", "--json", data=d / "data").stdout)
        device = next(x for x in devices if x.get("model") and x.get("maker"))
        text = json.loads(SAMPLE.read_text())
        vendor = text["product_tree"]["branches"][0]
        vendor["name"] = device["maker"]
        vendor["branches"][3]["name"] = device["model"]
        (d / "x.json").write_text(json.dumps(text))
        imported(d / "data", d / "x.json")
        p = run("exposure", "list", "--json", data=d / "data")
        assert p.returncode == 0, p.stderr
        rows = lines(p.stdout)
        assert {r["device"] for r in rows} == {x["id"] for x in devices}, rows
        hit = [r for r in rows if r["device"] == device["id"]]
        assert [r["status"] for r in hit] == ["affected"] and hit[0]["product_ids"] == ["P-ALL"], hit
        assert all(r["why"] for r in rows)
        one = lines(run("exposure", "list", "--device", device["id"], "--status", "affected", "--json", data=d / "data").stdout)
        assert len(one) == 1, one
        assert run("exposure", "list", "--status", "fine", data=d / "data").returncode == 2
        assert "affected" in run("exposure", "list", data=d / "data").stdout


def test_shared_examples():
    truth = json.loads(shared("csaf/example_truth.json").read_text())
    with Place() as d:
        start = time.monotonic()
        done = imported(d, shared("csaf/icsma"), shared("csaf/icsa"))[-1]
        took = time.monotonic() - start
        assert (done["read"], done["new"], done["aside"], done["vulnerabilities"], done["faulty"]) == (720, 720, 0, 2362, 0), done
        print(f"# 720 advisories read, resolved and kept in {took:.2f} s")
        for device in truth["devices"]:
            for vendor, product in (("vendor", "product"), ("site_vendor", "site_product")):
                rows = check(d, device[product], device["version"], vendor=device[vendor])
                got = [(r["advisory"], r["status"], r["product_ids"],
                        [(c["id"], [(s["vector"], s["base"]) for s in c["scores"]]) for c in r["cves"]]) for r in rows]
                want = [(a["advisory"], device["expected"], a["product_ids"],
                         [(c["cve"], [(s["vector"], s["base"]) for s in c["cvss"]]) for c in a["cves"]])
                        for a in device["advisories"]]
                assert got == want, f"{device['id']}: {got}"
        for device in truth["needs_review"]:
            rows = check(d, device["product"], device["version"], vendor=device["vendor"])
            assert [r["status"] for r in rows if r["advisory"] == device["advisory"]] == [device["expected"]], rows


tap.main(globals())
