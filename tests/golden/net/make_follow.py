#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What tshark makes of the TCP streams of captures: one line for each stream and side.

usage: make_follow.py FOLDER > follow.txt     (FOLDER holds lab-*.pcap*)
line:  file stream sender bytes crc32 missing     (missing: tshark says bytes are not in the capture)
"""
import glob
import os
import re
import subprocess
import sys
import zlib


def tshark(*args):
    return subprocess.run(["tshark", *args], capture_output=True, text=True, check=False).stdout


for path in sorted(glob.glob(os.path.join(sys.argv[1], "lab-*"))):
    numbers = {int(n) for n in tshark("-r", path, "-T", "fields", "-e", "tcp.stream").split()}
    if not numbers:
        continue
    args = [a for n in sorted(numbers) for a in ("-z", f"follow,tcp,raw,{n}")]
    out = tshark("-q", "-r", path, *args)
    for block in re.findall(r"Follow: tcp,raw\n(.*?)\n=====", out, re.S):
        n = int(re.search(r"tcp\.stream eq (\d+)", block).group(1))
        nodes = re.findall(r"Node \d: (.*)", block)
        sides = [b"", b""]
        missing = [0, 0]
        for line in block.splitlines()[3:]:
            if line.startswith("Node") or not line.strip():
                continue
            side = 1 if line.startswith("\t") else 0
            data = bytes.fromhex(line.strip())
            # tshark writes a sentence into the data where bytes are missing.
            for m in re.findall(rb"\[(\d+) bytes missing in capture file\]\0?", data):
                missing[side] += int(m)
            sides[side] += re.sub(rb"\[\d+ bytes missing in capture file\]\0?", b"", data)
        for side in (0, 1):
            print(os.path.basename(path), n, nodes[side], len(sides[side]),
                  "%08x" % zlib.crc32(sides[side]), missing[side])
