"""What others counted in the shared captures and message sets, held against what Hemostat says.

The figures are read from the SOURCES.md beside the data. Each place where ours is another number
stands in a table here, and why in doc/truth.md; a difference that is not in a table fails."""
import collections
import concurrent.futures
import os
import re

from tap import Folder, lines, main, run, shared

WORKERS = os.cpu_count() or 1

# Units that a clean laboratory capture must not lack: file, {unit: count}, {messages: count}.
# mllp_blocks, ENQ and so on are read from SOURCES.md; these are the figures it gives in words.
MORE = {
    "lab-astm-senaite.pcap": {"vendor_blocks": 1, "astm_eot": 4},
    "lab-astm-senaite-oneside.pcap": {"vendor_blocks": 1, "astm_eot": 4},
    "lab-astm-senaite-ooo.pcap": {"vendor_blocks": 1, "astm_eot": 4},
    "lab-dicom-dcmtk-orthanc.pcap": {"dicom_associations": 9, "http_requests": 3},
    "lab-dicom-mwl.pcap": {"dicom_associations": 1},
    "lab-dicom-tls-dcmtk.pcap": {"tls_hellos": 4},
    "lab-fhir-http.pcap": {"http_requests": 28},
    "lab-hl7-mllp-abuse.pcap": {"mllp_commits": 2, "hl7_unframed": 1},
    "lab-hl7-mllp-pyhl7-simplehl7-qinq.pcap": {"tcp_conflicts": 0},
    "lab-hl7-mllp-simhosp80-gap.pcap": {"tcp_gaps": 20},
    "lab-hl7-mllps-node-mtls.pcap": {"tls_hellos": 4},
    "lab-poct1a-raw.pcap": {"poct1a_documents": 19},
    "lab-serial-server-discovery.pcap": {"discovery_packets": 8},
    "ndpi-hl7.pcap": {"mllp_blocks": 2},
}
MESSAGES = {
    "lab-astm-senaite.pcap": {"astm": 4},
    "lab-astm-senaite-oneside.pcap": {"astm": 4},
    "lab-astm-senaite-ooo.pcap": {"astm": 4},
    "lab-astm-ser2net-raw.pcap": {"astm": 1},
    "lab-astm-ser2net-rfc2217.pcap": {"astm": 1},
    "lab-astm-ser2net-rfc2217-iac.pcap": {"astm": 1},
    "lab-astm-session-cases.pcap": {"astm": 12},
    "lab-dicom-dcmtk-orthanc.pcap": {"dicom": 23},
    "lab-dicom-dcmtk-orthanc-ooo.pcap": {"dicom": 23},
    "lab-dicom-malformed.pcap": {"dicom": 0},
    "lab-dicom-mwl.pcap": {"dicom": 3},
    "lab-fhir-http.pcap": {"fhir": 28},
    "lab-hl7-mllp-ipv6.pcap": {"hl7": 24},
    "lab-hl7-mllp-pyhl7-nodehl7.pcap": {"hl7": 232},
    "lab-hl7-mllp-pyhl7-simplehl7.pcap": {"hl7": 72},
    "lab-hl7-mllp-pyhl7-simplehl7-overlap.pcap": {"hl7": 72},
    "lab-hl7-mllp-pyhl7-simplehl7-qinq.pcap": {"hl7": 72},
    "lab-hl7-mllp-simhosp80.pcap": {"hl7": 160},
    "lab-hl7-mllp-simhosp80-frag.pcap": {"hl7": 160},
    "lab-hl7-mllp-simhosp80-ooo.pcap": {"hl7": 160},
    "lab-hl7-mllp-simhosp80-gap.pcap": {"hl7": 143},
    "lab-poct1a-raw.pcap": {"poct1a": 19},
    "ndpi-hl7.pcap": {"hl7": 2},
}
# DIMSE: the figures count a data set's PDV with its command; these are commands alone.
DIMSE = {
    "lab-dicom-dcmtk-orthanc.pcap": {"C-ECHO-RQ": 2, "C-ECHO-RSP": 2, "C-FIND-RQ": 2, "C-FIND-RSP": 5,
                                     "C-MOVE-RQ": 1, "C-MOVE-RSP": 1, "C-STORE-RQ": 5, "C-STORE-RSP": 5},
    "lab-dicom-mwl.pcap": {"C-FIND-RQ": 1, "C-FIND-RSP": 2},
}
# tshark does not put the segments of this one in order; the payload is that of the plain capture.
PDUS_OURS = {"lab-dicom-dcmtk-orthanc-ooo.pcap": 71}
# A capture that ends inside a packet's head: what was read is kept, the exit status tells.
BROKEN_OFF = {"ndpi-fuzz-2021-10-13.pcap"}


def table(folder):
    """Rows of every table of a SOURCES.md, as lists of cells."""
    rows = []
    for line in shared(f"{folder}/SOURCES.md").read_text(encoding="utf-8").splitlines():
        cells = [c.strip() for c in re.split(r"(?<!\\)\|", line)[1:-1]]
        if len(cells) > 2 and cells[0] not in ("file", "key") and "---" not in cells[0]:
            rows.append(cells)
    return [r for r in rows if shared(folder).joinpath(r[0]).is_file()]


def each(function, items):
    """Every answer; what went wrong is told for all of them at once."""
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        wrong = [w for w in pool.map(function, items) if w]
    assert not wrong, f"{len(wrong)} of {len(items)} differ:\n" + "\n".join(map(str, wrong[:40]))


def summary_of(name, data):
    p = run("watch", "-r", shared("pcap") / name, "--json", data=data, timeout=60)
    expected = 3 if name in BROKEN_OFF else 0
    assert p.returncode == expected, f"{name}: status {p.returncode}: {p.stderr}"
    assert "runtime error" not in p.stderr and "Sanitizer" not in p.stderr, f"{name}: {p.stderr}"
    return lines(p.stdout)[-1]


def test_packets_of_every_capture():
    rows = table("pcap")
    files = {p.name for p in shared("pcap").iterdir()} - {"SOURCES.md", "LICENSES.txt"}
    assert files == {r[0] for r in rows}, files ^ {r[0] for r in rows}

    def check(row):
        packets = int(row[2] if row[0].startswith("lab-") else row[3])
        with Folder() as folder:
            s = summary_of(row[0], folder / "data")
        return None if s["packets"] == packets else (row[0], s["packets"], packets)

    each(check, rows)


def expected_units(row):
    units = dict(MORE.get(row[0], {}))
    text = row[4] if row[0].startswith("lab-") else ""
    for pattern, unit in ((r"MLLP blocks in rebuilt streams (\d+)", "mllp_blocks"), (r"ENQ (\d+)", "astm_enq"),
                          (r"ASTM frames (\d+)", "astm_frames"), (r"POCT1-A documents (\d+)", "poct1a_documents")):
        found = re.search(pattern, text)
        if found:
            units[unit] = int(found.group(1))
    pdus = re.search(r"DICOM PDU types ([0-9: ]+)", text)
    if pdus:
        units["dicom_pdus"] = sum(int(p.split(":")[1]) for p in pdus.group(1).split())
    if row[0] in PDUS_OURS:
        units["dicom_pdus"] = PDUS_OURS[row[0]]
    return units


def test_units_of_the_lab_captures():
    rows = [r for r in table("pcap") if r[0].startswith("lab-") or r[0] == "ndpi-hl7.pcap"]
    assert len(rows) > 25

    def check(row):
        wrong = []
        with Folder() as folder:
            s = summary_of(row[0], folder / "data")
        for unit, count in expected_units(row).items():
            if s["units"][unit] != count:
                wrong.append((row[0], unit, s["units"][unit], count))
        for proto, count in MESSAGES.get(row[0], {}).items():
            if s["messages"][proto] != count:
                wrong.append((row[0], proto, s["messages"][proto], count))
        return wrong

    each(check, rows)


def test_dimse_commands():
    for name, expected in DIMSE.items():
        with Folder() as folder:
            data = folder / "data"
            summary_of(name, data)
            told = lines(run("message", "list", "--json", "--limit", "0", "--proto", "dicom", data=data).stdout)
        found = collections.Counter(m["type"].split()[0] for m in told)
        assert found == expected, (name, found, expected)


def test_disorder_changes_no_message():
    """The same conversation in order, cut and shuffled, in fragments, in VLANs: the same messages."""
    def messages(name, data):
        summary_of(name, data)
        told = lines(run("message", "list", "--json", "--limit", "0", data=data).stdout)
        keep = ("proto", "type", "version", "size", "n_results", "ack", "sender", "receiver", "anomalies")
        return sorted(str([m.get(k) for k in keep]) for m in told)

    for plain, others in (("lab-hl7-mllp-simhosp80.pcap", ("-frag", "-ooo")),
                          ("lab-hl7-mllp-pyhl7-simplehl7.pcap", ("-overlap", "-qinq")),
                          ("lab-astm-senaite.pcap", ("-ooo",)), ("lab-dicom-dcmtk-orthanc.pcap", ("-ooo",))):
        with Folder() as folder:
            first = messages(plain, folder / "plain")
            assert first
            for other in others:
                name = plain.replace(".pcap", other + ".pcap")
                assert messages(name, folder / other) == first, name


def test_a_cut_capture_invents_nothing():
    """Frames cut to 96 bytes: what begins is told as cut, and no value is made up."""
    with Folder() as folder:
        data = folder / "data"
        s = summary_of("lab-hl7-mllp-pyhl7-simplehl7-snap96.pcapng", data)
        told = lines(run("message", "list", "--json", "--limit", "0", data=data).stdout)
    assert s["units"]["mllp_blocks"] == 0 and s["results"] == 0, s
    assert s["anomalies"]["mllp_gap_in_block"] == 72, s["anomalies"]
    assert all(m["flags"] & MESSAGE_CUT and "type" not in m for m in told), told[:2]
    assert "hl7_no_type" not in s["anomalies"], s["anomalies"]


def decode(proto, path):
    p = run("decode", "--proto", proto, path, timeout=60)
    assert p.returncode in (0, 3), f"{path}: status {p.returncode}: {p.stderr}"
    return lines(p.stdout)


HL7_OURS = {  # (messages, segments) where the table's rule sees others
    "cosyte-malformed-no-msh-segment.hl7": (0, 0),
    "mut-hl7-09.bin": None,  # MSH is cut off: its lines are in no message
}
SEGMENT = re.compile(r"^[A-Z][A-Z0-9]{2}$")
MESSAGE_CUT = 1


def test_hl7_messages_and_segments():
    rows = table("hl7")
    assert len(rows) == 234

    def check(row):
        path = shared("hl7") / row[0]
        expected = (int(row[3]), int(row[4]))
        if path.read_bytes().startswith(b"\xef\xbb\xbfMSH|"):
            expected = (expected[0] + 1, expected[1] + 1)
        if row[0] in HL7_OURS:
            expected = HL7_OURS[row[0]] or (expected[0], expected[1] - 3)
        told = decode("hl7", path)
        # The table counts lines that look like segments, in a message or not.
        names = [s["name"] for o in told for s in o.get("segments", [])]
        ours = (len([o for o in told if o["unit"] == "message"]), len([n for n in names if SEGMENT.match(n)]))
        return None if ours == expected else (row[0], ours, expected)

    each(check, rows)


ASTM_OURS = {"mut-astm-06.bin": {"M": 0}}


def test_astm_frames_and_records():
    rows = table("astm")
    assert len(rows) == 36

    def check(row):
        told = decode("astm", shared("astm") / row[0])
        frames = [o for o in told if o["unit"] == "frame" and o.get("checksum")]
        letters = collections.Counter(r["type"] for o in told if o["unit"] == "message" for r in o["records"])
        expected = {w[0]: int(w[1:]) for w in row[7].split()}
        expected.update(ASTM_OURS.get(row[0], {}))
        ours = (len(frames), len([f for f in frames if f["ok"]]), {k: letters[k] for k in expected})
        wanted = (int(row[4]), int(row[5]), expected)
        return None if ours == wanted else (row[0], ours, wanted)

    each(check, rows)


POCT_OURS = {
    "bad-deep-nesting.xml": [],
    "odd-quotes-and-comment.xml": ["DST.R01"],
    "odd-two-documents.xml": ["HEL.R01", "DST.R01"],
    "odd-utf16.xml": ["HEL.R01"],
    "mut-poct1a-03.bin": ["DST.R01"],
}


def test_poct1a_documents():
    rows = table("poct1a")
    assert len(rows) == 43

    def check(row):
        told = decode("poct1a", shared("poct1a") / row[0])
        ours = [o["root"] for o in told if re.match(r"[A-Z]{3}\.R0", o.get("root") or "")]
        expected = POCT_OURS.get(row[0], row[2].split() if row[2] != "-" else [])
        return None if ours == expected else (row[0], ours, expected)

    each(check, rows)


def test_dicom_files():
    rows = table("dicom")
    assert len(rows) == 58

    def check(row):
        told = [o for o in decode("dicom", shared("dicom") / row[0]) if o["unit"] == "file"]
        if row[0] == "pydicom-no_meta.dcm":  # a stray byte before the first element
            return None if not told else (row[0], told)
        if len(told) != 1 or told[0]["length"] != int(row[3]):
            return (row[0], len(told), told and told[0]["length"], row[3])
        preamble = {"none": "none", "zero": "zero", "49492a00": "tiff"}.get(row[4])
        if preamble and told[0]["preamble"] != preamble:
            return (row[0], told[0]["preamble"], preamble)
        return None

    each(check, rows)


def test_fhir_resources():
    rows = table("fhir")
    assert len(rows) == 93

    def check(row):
        told = decode("fhir", shared("fhir") / row[0])
        if row[4] == "not JSON":  # XML, NDJSON: the latter is read line by line
            return None
        if len(told) != 1 or told[0].get("resourceType") != row[4]:
            return (row[0], told[:1], row[4])
        text = (shared("fhir") / row[0]).read_text(encoding="utf-8")
        # Not "entries": an entry may hold a request and no resource.
        resources = len(re.findall(r'"resourceType"\s*:', text))
        return None if told[0]["resources"] == resources else (row[0], told[0]["resources"], resources)

    each(check, rows)


main(globals())
