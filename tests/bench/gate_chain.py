"""The chain plain -> TLS -> plain, ours beside HAProxy's: JSON lines. By hand: it takes a minute or two.

    HEMOSTAT=build/hemostat python3 tests/bench/gate_chain.py build/tests/bench/gate_load [MESSAGES]
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "e2e"))
from gate_lab import Box, pair, port, until  # noqa: E402  pylint: disable=wrong-import-position

LOAD = sys.argv[1]
MESSAGES = int(sys.argv[2]) if len(sys.argv) > 2 else 40000


def cpu(pids):
    """Seconds of processor time of these processes."""
    ticks = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rsplit(")", 1)[1].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def measure(name, pids, listen, back):
    for connections, size in ((1, 1024), (16, 1024), (256, 1024), (2000, 1024), (16, 8192)):
        n = MESSAGES // 4 if connections == 1 else MESSAGES
        before = cpu(pids)
        p = subprocess.run([LOAD, str(listen), str(back), str(connections), str(n), str(size)], capture_output=True, text=True,
                           check=False)
        row = {"name": name, "error": p.stderr.strip()} if p.returncode else {"name": name, **json.loads(p.stdout)}
        row["cpu_s_per_100k"] = round((cpu(pids) - before) * 100000 / n, 2)
        print(json.dumps(row), flush=True)


def ours(mode):
    back, tls, listen = port(), port(), port()
    with Box() as lis, Box() as device:
        pair(lis, device, back, tls, listen)
        for box in (lis, device):
            path = box.data / "gate/links.yaml"
            path.write_text(path.read_text().replace("mode: observe", f"mode: {mode}").replace("connections: 256",
                                                                                              "connections: 4000"))
        lis.start()
        device.start()
        every = [b.role(r) for b in (lis, device) for r in ("gate", "keys", "store")]
        measure(f"hemostat {mode}, store included", every, listen, back)


def haproxy():
    back, tls, listen = port(), port(), port()
    folder = pathlib.Path(tempfile.mkdtemp())
    with Box() as box:
        for name in ("a", "b"):
            box.cli("gate", "issue", name, "--out", folder)
            both = folder / f"{name}.both.pem"
            both.write_text((folder / f"{name}.pem").read_text() + (folder / f"{name}.key.pem").read_text())
    processes = []
    for text in (f"frontend f\n bind 127.0.0.1:{listen}\n default_backend b\nbackend b\n server s 127.0.0.1:{tls} ssl verify "
                 f"required ca-file {folder}/ca.pem crt {folder}/a.both.pem ssl-min-ver TLSv1.3\n",
                 f"frontend f\n bind 127.0.0.1:{tls} ssl crt {folder}/b.both.pem ca-file {folder}/ca.pem verify required "
                 f"ssl-min-ver TLSv1.3\n default_backend b\nbackend b\n server s 127.0.0.1:{back}\n"):
        path = folder / f"{len(processes)}.cfg"
        path.write_text("global\n maxconn 4500\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n"
                        " timeout server 60s\n" + text)
        processes.append(subprocess.Popen(["haproxy", "-db", "-f", path], stderr=subprocess.DEVNULL))
    try:
        until("haproxy listens", lambda: subprocess.run(["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{listen}"],
                                                        stderr=subprocess.DEVNULL, check=False).returncode == 0)
        measure("haproxy, one thread", [p.pid for p in processes], listen, back)
    finally:
        for p in processes:
            p.kill()
            p.wait()
        shutil.rmtree(folder)


if shutil.which("haproxy"):
    haproxy()
for m in ("observe", "block"):
    ours(m)
