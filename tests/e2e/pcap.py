"""Classic pcap files of Ethernet frames, read and written; frames made by hand."""
import struct

HEAD = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1)


def read(path):
    """(time as (s, us), frame) for each packet of a file in either byte order."""
    with open(path, "rb") as f:
        raw = f.read()
    order = "<" if raw[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    at = 24
    while at + 16 <= len(raw):
        s, us, have, _ = struct.unpack_from(order + "IIII", raw, at)
        yield (s, us), raw[at + 16: at + 16 + have]
        at += 16 + have


def write(path, packets, linktype=1):
    """packets: (time, frame)."""
    with open(path, "wb") as f:
        f.write(HEAD[:20] + struct.pack("<I", linktype))
        for (s, us), frame in packets:
            f.write(struct.pack("<IIII", s, us, len(frame), len(frame)) + frame)


def checksum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ethernet(payload, kind=0x0800, src=b"\x02\0\0\0\0\x01", dst=b"\x02\0\0\0\0\x02"):
    return dst + src + struct.pack(">H", kind) + payload


def ipv4(payload, protocol, src="10.9.0.1", dst="10.9.0.2", ident=0, fragment=0):
    """fragment: the field as it is sent, more-fragments bit and offset in units of eight."""
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(payload), ident, fragment, 64, protocol, 0,
                       bytes(map(int, src.split("."))), bytes(map(int, dst.split("."))))
    return head[:10] + struct.pack(">H", checksum(head)) + head[12:] + payload


def udp(payload, sport, dport):
    return struct.pack(">HHHH", sport, dport, 8 + len(payload), 0) + payload


SYN, ACK, PSH, FIN, RST = 2, 16, 8, 1, 4


def tcp(payload, sport, dport, seq, ack=0, flags=ACK | PSH):
    return struct.pack(">HHIIBBHHH", sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 65535, 0,
                       0) + payload


def vlan(frame, *tags):
    """Tags from the outermost: (ethertype, id)."""
    for kind, number in reversed(tags):
        frame = frame[:12] + struct.pack(">HH", kind, number) + frame[12:]
    return frame


def gre(frame):
    return ethernet(ipv4(struct.pack(">HH", 0, 0x6558) + frame, 47))


def erspan2(frame, seq):
    head = struct.pack(">HHIII", 0x1000, 0x88BE, seq, 1 << 28 | 10 << 16 | 5, 0)
    return ethernet(ipv4(head + frame, 47))


def erspan3(frame, seq):
    head = struct.pack(">HHIIIHH", 0x1000, 0x22EB, seq, 2 << 28 | 10 << 16 | 5, 0, 0, 0)
    return ethernet(ipv4(head + frame, 47))


def vxlan(frame):
    return ethernet(ipv4(udp(struct.pack(">II", 0x08000000, 42 << 8) + frame, 55555, 4789), 17))
