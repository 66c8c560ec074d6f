"""A second opinion: our HL7 and DICOM decode held against tshark's, field by field.

Always on captures that `hemostat lab make` writes; where the shared data is, on those too. tshark follows
the streams; each direction goes through `hemostat decode`. Differences stand in doc/truth.md."""
import collections
import re
import subprocess
import xml.etree.ElementTree as tree

from tap import SHARED, Folder, lines, main, need, run

PREFERENCES = ["-o", "tcp.reassemble_out_of_order:TRUE", "-o", "dicom.tag_tree:TRUE"]


def tshark(path, *args):
    p = subprocess.run(["tshark", "-r", str(path), *PREFERENCES, *args], capture_output=True, check=False, timeout=200)
    assert p.returncode == 0, p.stderr[-500:]
    return p.stdout.decode("utf-8", "surrogateescape")


def follow(path, ports):
    """{(stream, to the server): bytes}, of captures whose segments are in order."""
    found = collections.defaultdict(bytearray)
    for line in tshark(path, "-Y", "tcp.len > 0 && !tcp.analysis.retransmission", "-T", "fields", "-e", "tcp.stream",
                       "-e", "tcp.dstport", "-e", "tcp.payload").splitlines():
        stream, port, payload = line.split("\t")
        found[int(stream), port in ports] += bytes.fromhex(payload)
    return found


def decode(folder, proto, content):
    path = folder / "side.bin"
    path.write_bytes(content)
    p = run("decode", "--proto", proto, path)
    assert p.returncode in (0, 3), p.stderr
    return lines(p.stdout)


# --- HL7 ---

AGGREGATOR = "\x1e"


def joined(value, delimiters="|~^&"):
    """A field as nested lists back to its text: repetitions, components, subcomponents."""
    if isinstance(value, str):
        return value
    return delimiters[1].join(joined(v, delimiters[1:]) for v in value)


def plain(text):
    """One sign for all that the two write in their own way: controls and what is no ASCII."""
    text = re.sub(r"\\[rntfv]|\\x[0-9a-f]{2}|\\[0-3][0-7]{2}", "?", text)
    return re.sub(r"[^\x20-\x7e]+", "?", text).replace("\\\\", "\\").replace('\\"', '"').strip("? ")


def hl7_ours(told, content):
    segments, types = [], []
    for o in told:
        for s in o.get("segments", []):
            fields = [joined(f) for f in s["fields"]]
            if s["name"] in ("MSH", "BHS", "FHS"):  # their first field is the separator itself
                fields = fields[1:]
            end = content.find(b"\x1c", s["offset"])
            open_end = s is o["segments"][-1] and end > 0 and content[end - 1] not in b"\r\n"
            segments.append((plain("|".join([s["name"], *fields])), open_end))
        if o["unit"] == "message":
            types.append(o["type"])
    return segments, types


def hl7_theirs(path, ports):
    """{(stream, from the originator): (segments, types)}"""
    found = collections.defaultdict(lambda: ([], []))
    marks = [x for p in sorted(ports) for x in ("-d", f"tcp.port=={p},hl7")]
    text = tshark(path, *marks, "-Y", "hl7", "-T", "fields", "-E", f"aggregator={AGGREGATOR}", "-E", "occurrence=a",
                  "-e", "tcp.stream", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "hl7.segment",
                  "-e", "hl7.message.type", "-e", "hl7.event.type")
    for line in text.split("\n"):
        cells = line.split("\t")
        if len(cells) < 6:
            continue
        segments, types = found[int(cells[0]), cells[2] in ports]
        segments += [plain(s) for s in cells[3].split(AGGREGATOR) if s]
        events = cells[5].split(AGGREGATOR) if cells[5] else []
        for i, kind in enumerate(cells[4].split(AGGREGATOR)):
            types.append((kind + "^" + events[i]) if len(events) == len(cells[4].split(AGGREGATOR)) else kind)
    return found


def without_hidden(ours, theirs):
    """tshark shows no segment that lacks its CR where it is the last of a packet: leave those out."""
    kept = []
    for text, open_end in ours:
        if open_end and (len(kept) >= len(theirs) or theirs[len(kept)] != text):
            continue
        kept.append(text)
    return kept


def compare_hl7(path, ports):
    compared = 0
    theirs = hl7_theirs(path, ports)
    assert theirs, f"{path}: tshark sees no HL7"
    sides = follow(path, ports)
    for stream in sorted({s for s, _ in theirs}):
        for side, content in enumerate((sides[stream, True], sides[stream, False])):
            segments, types = theirs.get((stream, side == 0), ([], []))
            with Folder() as folder:
                ours = hl7_ours(decode(folder, "hl7", bytes(content)) if content else [], bytes(content))
            seen = without_hidden(ours[0], segments)
            assert seen == segments, (path.name, stream, side, first_difference(seen, segments))
            short = [t.split("^") for t in ours[1]]
            assert [t[0] for t in short] == [t.split("^")[0] for t in types], (path.name, stream, side)
            for a, b in zip(short, types):
                if len(a) > 1 and "^" in b:
                    assert a[1] == b.split("^")[1], (path.name, a, b)
            compared += len(segments)
    return compared


def first_difference(a, b):
    for i, (x, y) in enumerate(zip(a, b)):
        if x != y:
            return i, x, y
    return len(a), len(b), (a + [""])[min(len(a), len(b)):][:2], (b + [""])[min(len(a), len(b)):][:2]


def test_hl7_of_the_lab():
    need("tshark")
    with Folder() as folder:
        for kind, mib, least in (("day", 1, 800), ("short", 1, 400)):
            path = folder / f"{kind}.pcap"
            assert run("lab", "make", path, "--kind", kind, "--mib", mib).returncode == 0
            ports = {line for line in tshark(path, "-Y", "tcp.payload contains 0b:4d:53:48", "-T", "fields", "-e",
                                             "tcp.dstport").split() if int(line) < 10000}
            if kind == "short":
                path = head_of(path, folder / "head.pcap", 3000)
            compared = compare_hl7(path, ports)
            assert compared > least, compared


def head_of(path, to, packets):
    subprocess.run(["tshark", "-r", str(path), "-c", str(packets), "-F", "pcap", "-w", str(to)], check=True,
                   capture_output=True)
    return to


HL7_SHARED = {
    "lab-hl7-mllp-pyhl7-simplehl7.pcap": {"2575"},
    "lab-hl7-mllp-pyhl7-simplehl7-qinq.pcap": {"2575"},
    "lab-hl7-mllp-pyhl7-nodehl7.pcap": {"2575", "2577", "6661"},
    "lab-hl7-mllp-simhosp80.pcap": {"6661"},
    "lab-hl7-mllp-simhosp80-frag.pcap": {"6661"},
    "lab-hl7-mllp-ipv6.pcap": {"2575"},
    "ndpi-hl7.pcap": {"2575"},
}


def server_ports(path, pattern):
    """Ports that a stream with these bytes was opened to."""
    streams = set(tshark(path, "-Y", pattern, "-T", "fields", "-e", "tcp.stream").split())
    found = set()
    for line in tshark(path, "-Y", "tcp.flags.syn==1 && tcp.flags.ack==0", "-T", "fields", "-e", "tcp.stream", "-e",
                       "tcp.dstport").splitlines():
        stream, port = line.split("\t")
        if stream in streams:
            found.add(port)
    return found


def test_hl7_of_shared_captures():
    need("tshark")
    for name, ports in HL7_SHARED.items():
        path = shared_capture(name)
        compare_hl7(path, server_ports(path, "tcp.payload contains 0b:4d:53:48") or ports)


def shared_capture(name):
    from tap import shared
    return shared("pcap/" + name)


# --- DICOM ---

UID = re.compile(r"\(([0-9.]+)\)|^([0-9.]+) \(")  # "Verification (1.2.3)" or "1.2.3 (Verification)"


def first_uid(text):
    found = UID.search(text)
    return found.group(1) or found.group(2) if found else text.strip()


def walk(node):
    for child in node:
        yield child
        yield from walk(child)


def dicom_theirs(path, ports):
    """{(stream, from originator): [(type, facts)]} and commands."""
    marks = [x for p in sorted(ports) for x in ("-d", f"tcp.port=={p},dicom")]
    text = tshark(path, *marks, "-Y", "dicom", "-T", "pdml")
    pdus, tags = collections.defaultdict(list), collections.defaultdict(list)
    for packet in tree.fromstring(text.encode("utf-8", "surrogateescape")):
        tcp = [p for p in packet if p.get("name") == "tcp"][-1]
        value = {f.get("name"): f.get("show") for f in walk(tcp)}
        key = int(value["tcp.stream"]), value["tcp.dstport"] in ports
        for proto in (p for p in packet if p.get("name") == "dicom"):
            current = None
            for f in walk(proto):
                name, show = f.get("name"), f.get("show")
                if name == "dicom.pdu.type":
                    current = {"type": int(show, 16), "contexts": [], "transfer": [], "abstract": [], "pdvs": []}
                    pdus[key].append(current)
                elif name in ("dicom.assoc.ae.called", "dicom.assoc.ae.calling"):
                    current[name.rsplit(".", 1)[1]] = show.strip()
                elif name == "dicom.pctx.id":
                    current["contexts"].append(int(show, 16))
                elif name == "dicom.pctx.abss.syntax":
                    current["abstract"].append(first_uid(show))
                elif name == "dicom.pctx.xfer.syntax":
                    current["transfer"].append(first_uid(show))
                elif name == "dicom.max_pdu_len":
                    current["max_length"] = int(show)
                elif name == "dicom.userinfo.uid":
                    current["implementation_uid"] = first_uid(show)
                elif name == "dicom.userinfo.version":
                    current["implementation_version"] = show.strip()
                elif name == "dicom.assoc.reject.reason":
                    current["reason"] = int(show, 0)
                elif name == "dicom.pdv.ctx":
                    current["pdvs"].append([int(show, 0)])
                elif name == "dicom.pdv.flags":
                    current["pdvs"][-1].append(int(show, 0))
                elif name == "dicom.tag":
                    tags[key].append([int(show, 16), None, None])
                elif name == "dicom.tag.vl" and tags[key]:
                    tags[key][-1][2] = int(show, 0)
                elif name.startswith("dicom.tag.value.") and tags[key]:
                    tags[key][-1][1] = show.strip()
    return pdus, tags


def dicom_ours(told):
    pdus, tags = [], []
    for o in told:
        if o["unit"] == "pdu":
            contexts = o.get("contexts", [])
            pdus.append({"type": o["type_code"], "contexts": [c["id"] for c in contexts],
                         "transfer": [t for c in contexts for t in c.get("transfer", [])],
                         "abstract": [c["abstract"] for c in contexts if "abstract" in c],
                         "pdvs": [[p["context"], p["command"] | p["last"] << 1] for p in o.get("pdvs", [])],
                         **{k: o[k] for k in ("called", "calling", "max_length", "implementation_uid",
                                              "implementation_version", "reason") if k in o}})
        elif o["unit"] == "dimse":
            for e in o["command"] + o["elements"]:
                number = int(e["tag"].replace(",", ""), 16)
                tags.append([number, str(e["value"] if "value" in e else e.get("number", "")), e["length"]])
    return pdus, tags


def compare_dicom(path, ports):
    their_pdus, their_tags = dicom_theirs(path, ports)
    assert their_pdus, f"{path}: tshark sees no DICOM"
    compared = 0
    sides = follow(path, ports)
    for stream in sorted({s for s, _ in their_pdus}):
        for side, content in enumerate((sides[stream, True], sides[stream, False])):
            with Folder() as folder:
                pdus, tags = dicom_ours(decode(folder, "dicom", bytes(content)) if content else [])
            theirs = their_pdus.get((stream, side == 0), [])
            assert [p["type"] for p in pdus] == [p["type"] for p in theirs], (path.name, stream, side, pdus, theirs)
            for ours, them in zip(pdus, theirs):
                for k in set(ours) & set(them):
                    assert ours[k] == them[k], (path.name, stream, side, k, ours, them)
            # Items and their ends (group FFFE) are no elements of ours.
            elements = [t for t in their_tags.get((stream, side == 0), []) if t[0] >> 16 != 0xFFFE]
            assert [(t, n) for t, _, n in tags] == [(t, n) for t, _, n in elements], \
                (path.name, stream, side, first_difference(tags, elements))
            for (tag, ours, _), (_, them, _) in zip(tags, elements):
                if tag >> 16 != 0:
                    continue
                them = first_uid(them or "")
                if re.fullmatch(r"0x[0-9a-f]+|[0-9]+", them) and ours.isdigit():
                    assert int(ours) == int(them, 0), (path.name, stream, hex(tag), ours, them)
                else:
                    assert ours.strip("\0 ") == them.strip("\0 "), (path.name, stream, hex(tag), ours, them)
            compared += len(pdus) + len(tags)
    return compared


DICOM_MARK = "tcp.payload[0:2] == 01:00 && tcp.payload[6:2] == 00:01"


def test_dicom_of_the_lab():
    need("tshark")
    with Folder() as folder:
        for kind in ("day", "dicom"):
            path = folder / f"{kind}.pcap"
            assert run("lab", "make", path, "--kind", kind, "--mib", 2).returncode == 0
            assert compare_dicom(path, server_ports(path, DICOM_MARK)) > 20


def test_dicom_of_shared_captures():
    need("tshark")
    for name in ("lab-dicom-mwl.pcap", "lab-dicom-dcmtk-orthanc.pcap"):
        path = shared_capture(name)
        assert compare_dicom(path, server_ports(path, DICOM_MARK)) > 20


main(globals())
