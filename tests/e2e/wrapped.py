"""Mirrored traffic in wrapping: the same conversation behind tags and in tunnels gives the same messages."""
import pcap
from tap import Folder, lines, main, run, watch

MORE_FRAGMENTS = 0x2000


def fragments(frame, size=1400):
    """An IPv4 packet in two frames, as a tunnel does whose frames become too long; the later part first."""
    head, payload = frame[14:34], frame[34:]
    if len(payload) <= size:
        return [frame]
    src, dst = (".".join(map(str, head[a:a + 4])) for a in (12, 16))
    ident = sum(payload[:64]) & 0xFFFF
    parts = [pcap.ipv4(payload[at:at + size], head[9], src, dst, ident,
                       at // 8 | (MORE_FRAGMENTS if at + size < len(payload) else 0))
             for at in range(0, len(payload), size)]
    return [frame[:14] + part for part in reversed(parts)]


WRAPPINGS = {
    "802.1Q": lambda f, n: [pcap.vlan(f, (0x8100, 10))],
    "802.1ad and 802.1Q": lambda f, n: [pcap.vlan(f, (0x88A8, 100), (0x8100, 10))],
    "two 802.1Q": lambda f, n: [pcap.vlan(f, (0x8100, 100), (0x8100, 10))],
    "GRE": lambda f, n: [pcap.gre(f)],
    "ERSPAN type II": lambda f, n: [pcap.erspan2(f, n)],
    "ERSPAN type III": lambda f, n: [pcap.erspan3(f, n)],
    "VXLAN": lambda f, n: [pcap.vxlan(f)],
    "VXLAN behind 802.1Q": lambda f, n: [pcap.vlan(pcap.vxlan(f), (0x8100, 7))],
    "802.1Q in VXLAN": lambda f, n: [pcap.vxlan(pcap.vlan(f, (0x8100, 7)))],
    "GRE in fragments": lambda f, n: fragments(pcap.gre(f)),
}


def told(data):
    keep = ("proto", "type", "version", "size", "n_results", "ack", "sender", "receiver", "client", "server",
            "port", "offset", "dir")
    messages = lines(run("message", "list", "--json", "--limit", "0", data=data).stdout)
    return sorted(str([m.get(k) for k in keep]) for m in messages)


def test_same_messages_in_every_wrapping():
    with Folder() as folder:
        day = folder / "day.pcap"
        truth = lines(run("lab", "make", day, "--kind", "day").stdout)[-1]
        watch(day, folder / "plain")
        expected = told(folder / "plain")
        assert len(expected) == sum(truth["messages"].values()) > 100
        for number, (name, wrap) in enumerate(WRAPPINGS.items()):
            path = folder / "wrapped.pcap"
            pcap.write(path, [(t, w) for n, (t, f) in enumerate(pcap.read(day)) for w in wrap(f, n)])
            data = folder / f"data{number}"
            summary = watch(path, data)
            assert summary["messages"] == {**summary["messages"], **truth["messages"]}, (name, summary["messages"])
            assert summary["results"] == truth["results"], name
            assert told(data) == expected, name


main(globals())
