"""Captures made to hurt: floods, bombs, endless units, holes, overlaps. For each the run ends in bounded
time with status 0, no role grows beyond what the start promises, and what was given up is told."""
import gzip
import os
import random
import signal
import struct
import subprocess
import threading
import time

import pcap
from pcap import ACK, FIN, PSH, SYN
from tap import HEMOSTAT, Folder, lines, main, run

SECONDS = 120          # a hang, not a slow machine
SENSOR_MIB = 192       # what outside bytes may make a sensor hold: the start says so
PROGRAM_MIB = 64       # its code, the tables of nDPI, the ring of events
STORE_MIB = 256
FLOWS = 131072         # live at one time
SANITIZED = "asan" in HEMOSTAT or os.environ.get("HEMOSTAT_SANITIZED")


def high_water(pid, found):
    """{role: largest VmHWM in MiB}, looked at while it runs."""
    try:
        for child in open(f"/proc/{pid}/task/{pid}/children", encoding="ascii").read().split():
            words = open(f"/proc/{child}/cmdline", "rb").read().split(b"\0")
            role = words[words.index(b"--role") + 1].decode()
            for line in open(f"/proc/{child}/status", encoding="ascii"):
                if line.startswith("VmHWM"):
                    found[role] = max(found.get(role, 0), int(line.split()[1]) // 1024)
    except (OSError, ValueError, IndexError):
        pass


def watched(path, data, *more):
    """Summary, high water by role."""
    command = [HEMOSTAT, "--data", str(data), "watch", "-r", str(path), "--json", *more]
    said = {}
    high = {}
    end = time.monotonic() + SECONDS * (10 if SANITIZED else 1)
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as p:
        def read():
            said["out"], said["err"] = p.communicate()
        reader = threading.Thread(target=read)
        reader.start()
        while reader.is_alive():
            high_water(p.pid, high)
            reader.join(0.005)
            if time.monotonic() > end:
                p.send_signal(signal.SIGKILL)
                raise AssertionError(f"no end after {SECONDS} s")
    assert p.returncode == 0, (p.returncode, said["err"][-2000:])
    assert "runtime error" not in said["err"], said["err"]
    if not SANITIZED:
        assert high.get("sensor", 0) <= SENSOR_MIB + PROGRAM_MIB, high
        assert high.get("store", 0) <= STORE_MIB, high
    return lines(said["out"])[-1], high


def check(packets, *more):
    """Write, watch; summary, high water, and the anomalies told as events."""
    with Folder() as folder:
        path = folder / "hostile.pcap"
        pcap.write(path, packets)
        summary, high = watched(path, folder / "data", *more)
        assert run("store", "check", data=folder / "data").returncode == 0
    return summary, high


class Clock:
    def __init__(self):
        self.us = 0

    def next(self, step=10):
        self.us += step
        return 1_767_225_600 + self.us // 1_000_000, self.us % 1_000_000


def address(n, net=10):
    return f"{net}.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"


def segment(clock, src, dst, sport, dport, seq, payload=b"", flags=ACK | PSH, ack=1):
    return clock.next(), pcap.ethernet(pcap.ipv4(pcap.tcp(payload, sport, dport, seq, ack, flags), 6, src, dst))


def stream(clock, payload, dport, sport=40000, src="10.9.0.1", dst="10.9.0.2", size=32000):
    """One connection: hand-shake, the bytes, no end."""
    yield segment(clock, src, dst, sport, dport, 99, flags=SYN, ack=0)
    yield segment(clock, dst, src, dport, sport, 0, flags=SYN | ACK, ack=100)
    for at in range(0, len(payload), size):
        yield segment(clock, src, dst, sport, dport, 100 + at, payload[at:at + size])


MSH = b"\x0bMSH|^~\\&|A|B|C|D|20260101||ORU^R01|1|P|2.5\r"


def test_half_open_flood():
    """Three times as many connections as the table holds: each is counted, none is kept silently."""
    clock, n = Clock(), 400_000
    summary, _ = check(segment(clock, address(i), "10.200.0.1", 1024 + i % 60000, 2575, i, flags=SYN, ack=0)
                       for i in range(n))
    assert summary["packets"] == n and summary["flows"] == n, (summary["packets"], summary["flows"])
    assert summary["units"]["flows_evicted"] == n - FLOWS, summary["units"]


def test_flows_that_each_begin_a_message():
    """200,000 connections with the begin of a block and a hole before more: the table must give way."""
    clock, n = Clock(), 200_000

    def packets():
        for i in range(n):
            yield segment(clock, address(i), "10.200.0.1", 1024 + i % 60000, 2575, 1, MSH)
            yield segment(clock, address(i), "10.200.0.1", 1024 + i % 60000, 2575, 5000, b"x" * 200)
    summary, _ = check(packets())
    assert summary["flows"] == n and summary["units"]["tcp_gaps"] > n - 100, summary["units"]
    assert summary["messages"]["hl7"] + summary["units"]["flows_unread"] > n - 100, summary["units"]
    assert summary["anomalies"]["memory_cap"] > 0 and summary["units"]["flows_evicted"] == n - FLOWS


def test_open_messages_beyond_the_cap():
    """400 connections of 1 MiB in an open block each: 400 MiB are asked for, and not had."""
    clock = Clock()
    body = MSH + b"OBX|1|ED|x||" + b"y" * (1 << 20)

    def packets():
        for i in range(400):
            yield from stream(clock, body, 2575, src=address(i), dst="10.200.0.1")
    summary, high = check(packets())
    assert summary["anomalies"].get("memory_cap", 0) > 0, (summary["anomalies"], high)


def test_held_segments_beyond_the_cap():
    """The first byte of 400 connections is missing; the rest waits for it."""
    clock = Clock()

    def packets():
        for i in range(400):
            src = address(i)
            yield segment(clock, src, "10.200.0.1", 40000, 2575, 99, flags=SYN, ack=0)
            for at in range(1, 1 << 20, 32000):
                yield segment(clock, src, "10.200.0.1", 40000, 2575, 101 + at, b"z" * 32000)
    summary, _ = check(packets())
    assert summary["units"]["tcp_gaps"] >= 400, summary["units"]


def test_endless_block():
    clock = Clock()
    summary, _ = check(stream(clock, MSH + b"A" * (96 << 20), 2575))
    assert summary["anomalies"].get("unit_too_large", 0) == 1, summary["anomalies"]


def test_fragments_that_never_end():
    clock, n = Clock(), 150_000
    summary, _ = check((clock.next(), pcap.ethernet(pcap.ipv4(b"f" * 1400, 17, address(i), "10.200.0.1", i & 0xFFFF,
                                                              0x2000 | (i % 7) * 175))) for i in range(n))
    assert summary["units"]["ip_fragments"] == n, summary["units"]["ip_fragments"]
    assert summary["units"]["fragments_lost"] == n, summary["units"]["fragments_lost"]


def test_overlapping_segments():
    """Every byte sent again and again with other content: the first wins, each conflict is told."""
    clock, rng = Clock(), random.Random(1)

    def packets():
        text = (MSH + b"OBX|1|NM|GLU||5.0\r\x1c\r") * 200
        yield segment(clock, "10.9.0.1", "10.9.0.2", 40000, 2575, 99, flags=SYN, ack=0)
        yield segment(clock, "10.9.0.2", "10.9.0.1", 2575, 40000, 0, flags=SYN | ACK, ack=100)
        for at in range(0, len(text), 50):
            yield segment(clock, "10.9.0.1", "10.9.0.2", 40000, 2575, 100 + at, text[at:at + 50])
            for _ in range(20):
                back = rng.randrange(0, at + 50)
                yield segment(clock, "10.9.0.1", "10.9.0.2", 40000, 2575, 100 + back, b"X" * rng.randrange(1, 400))
    summary, _ = check(packets())
    assert summary["messages"]["hl7"] > 0 and summary["anomalies"].get("tcp_conflict", 0) > 100, summary["anomalies"]


def http(body, *head):
    return b"\r\n".join([b"POST /fhir/Observation HTTP/1.1", b"Host: x", b"Content-Type: application/fhir+json", *head,
                         b"", body])


def bombs():
    deep = b'{"resourceType":"Observation","a":' + b"[" * 200_000
    packed = gzip.compress(b'{"resourceType":"Observation","x":"' + b" " * (64 << 20) + b'"}')
    yield "JSON depth", http(deep, b"Content-Length: %d" % len(deep)), 8080
    yield "gzip bomb", http(packed, b"Content-Encoding: gzip", b"Content-Length: %d" % len(packed)), 8080
    yield "chunk of 2^63", http(b"7fffffffffffffff\r\n" + b"x" * 100_000, b"Transfer-Encoding: chunked"), 8080
    yield "length of 2^64", http(b"x" * 100_000, b"Content-Length: 18446744073709551616"), 8080
    yield "endless header", b"GET / HTTP/1.1\r\nX: " + b"h" * (8 << 20), 8080
    yield "a million headers", b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 1_000_000, 8080
    yield "a million segments", MSH + b"Z\r" * 1_000_000 + b"\x1c\r", 2575
    yield "a million fields", MSH + b"OBX" + b"|" * 1_000_000 + b"\r\x1c\r", 2575
    yield "a million blocks", b"\x0b\x1c\r" * 1_000_000, 2575
    yield "a million starts", b"\x0b" * 1_000_000, 2575
    yield "a million repeats", MSH + b"PID|||" + b"1~" * 1_000_000 + b"\r\x1c\r", 2575
    yield "a million ENQ", b"\x05" * 1_000_000, 4010
    yield "frames without end", b"\x05" + b"\x021" + b"H|\\^&|||x" + b"R" * (8 << 20), 4010
    yield "a million frames", b"\x05" + b"\x021H|\\^&\r\x0300\r\n" * 1_000_000, 4010
    yield "XML depth", b"<OBS.R01>" + b"<a>" * 500_000, 3001
    yield "entities", b'<!DOCTYPE x [<!ENTITY a "aa">' + b'<!ENTITY b "&a;&a;">' * 1000 + b"]><HEL.R01>&b;</HEL.R01>", 3001
    yield "associate of 4 GiB", b"\x01\0\xff\xff\xff\xff\0\1\0\0" + b"A" * 1_000_000, 104
    yield "a million PDUs", b"\x04\0\0\0\0\0" * 1_000_000, 104
    yield "TLS handshake of 16 MiB", (b"\x16\x03\x01\x40\x00\x01\xff\xff\xff" + b"t" * 16380) * 500, 443
    yield "telnet options", b"\xff\xfd\x01" * 1_000_000, 23
    yield "telnet sub-option without end", b"\xff\xfa\x18" + b"x" * (4 << 20), 23


def test_bombs_of_every_protocol():
    """One capture each, so that one that hangs or grows is named."""
    for name, payload, port in bombs():
        try:
            check(stream(Clock(), payload, port))
        except AssertionError as why:
            raise AssertionError(f"{name}: {why}") from None


def test_datagrams_of_noise():
    """Random bytes behind every port that a protocol listens to, and heads cut short."""
    clock, rng = Clock(), random.Random(2)
    ports = [53, 67, 68, 137, 138, 161, 162, 123, 69, 5353, 5355, 4800, 30718, 2362, 47808, 4789, 546, 547, 1900]

    def packets():
        for i in range(60_000):
            noise = rng.randbytes(rng.randrange(0, 300))
            if i % 3 == 0:
                noise = struct.pack(">HHHHHH", i & 0xFFFF, 0x8400, 60000, 60000, 60000, 60000) + noise
            elif i % 3 == 1:
                noise = b"\0\0\x84\0\0\1\xff\xff\0\0\0\0" + b"\xc0\x0c" * rng.randrange(1, 60)
            port = ports[i % len(ports)]
            yield clock.next(), pcap.ethernet(pcap.ipv4(pcap.udp(noise, port, port), 17, address(i % 500)))
            yield clock.next(), rng.randbytes(rng.randrange(0, 120))
    summary, _ = check(packets())
    assert summary["packets"] == 120_000


def test_more_devices_than_are_held():
    """60,000 hosts that speak: the least missed give way, and that is told."""
    clock, n = Clock(), 60_000

    def packets():
        for i in range(n):
            mac = b"\x02\x10" + struct.pack(">I", i)
            ip = bytes(map(int, address(i).split(".")))
            arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + mac + ip + b"\0" * 6 + b"\x0a\xc8\0\1"
            yield clock.next(1000), pcap.ethernet(arp, 0x0806, mac, b"\xff" * 6)
    summary, _ = check(packets())
    assert summary["devices"] <= 16384, summary["devices"]


def test_connections_with_a_message_each():
    clock, n = Clock(), 30_000
    text = MSH + b"OBX|1|NM|GLU||5.0\r\x1c\r"

    def packets():
        for i in range(n):
            a = (address(i, 11), "10.200.0.1", 1024 + i % 60000, 2575)
            b = (a[1], a[0], a[3], a[2])
            yield segment(clock, *a, 9, flags=SYN, ack=0)
            yield segment(clock, *b, 0, flags=SYN | ACK, ack=10)
            yield segment(clock, *a, 10, text)
            yield segment(clock, *a, 10 + len(text), flags=FIN | ACK)
    summary, _ = check(packets(), "--sensors", "2")
    assert summary["messages"]["hl7"] == n, summary["messages"]


if __name__ == "__main__":
    main(globals())
