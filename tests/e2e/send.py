"""Put the frames of a pcap file on an interface: send.py INTERFACE FILE [--vlan ID]"""
import socket
import struct
import sys

import pcap


def send(interface, path, vlan):
    out = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    out.bind((interface, 0))
    out.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
    for _, frame in pcap.read(path):
        if vlan is not None:
            frame = frame[:12] + struct.pack(">HH", 0x8100, vlan) + frame[12:]
        out.send(frame)


if __name__ == "__main__":
    send(sys.argv[1], sys.argv[2], int(sys.argv[4]) if len(sys.argv) == 5 and sys.argv[3] == "--vlan" else None)
