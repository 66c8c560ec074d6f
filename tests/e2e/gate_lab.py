"""Helpers of the gateway's end-to-end tests: boxes that run it, and peers in plain Python."""
import contextlib
import json
import pathlib
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time

from tap import HEMOSTAT, run

VT, END = b"\x0b", b"\x1c\x0d"


def port():
    """A free TCP port."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, test, seconds=15):
    """Wait for a condition; its value."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = test()
        if value:
            return value
        select.select([], [], [], 0.02)
    raise AssertionError(f"not within {seconds} s: {what}")


def message(control, kind="ORU^R01", sender="XN-550", text="5.1", end=b"\r"):
    segments = [f"MSH|^~\\&|{sender}|LAB|LIS|HOSP|20260301080000||{kind}|{control}|P|2.5.1",
                "PID|1||SECRETID^^^H||SECRETNAME^ANN", "OBR|1||S1|CBC", f"OBX|1|NM|718-7^Hb||{text}|g/dL|||||F"]
    return VT + "\r".join(segments).encode() + end + END


def ack(block, code=b"AA"):
    msh = block[1:].split(b"\r")[0].split(b"|")
    return (VT + b"MSH|^~\\&|LIS|HOSP|" + msh[2] + b"|LAB|20260301080001||ACK|A" + msh[9] + b"|P|2.5.1\rMSA|" + code +
            b"|" + msh[9] + b"\r" + END)


def blocks(data):
    return [b + END for b in data.split(END) if b]


class Server:
    """Accepts, keeps what came on each connection, answers each MLLP block unless answer is None."""

    def __init__(self, answer=ack, wrap=None, address="127.0.0.1"):
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind((address, 0))
        self.listener.listen(64)
        self.port = self.listener.getsockname()[1]
        self.answer, self.wrap = answer, wrap
        self.got, self.ended, self.sockets = [], [], []
        self.hold = threading.Event()
        self.hold.set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            n = len(self.got)
            self.got.append(b"")
            self.ended.append(None)
            self.sockets.append(s)
            threading.Thread(target=self.serve, args=(s, n), daemon=True).start()

    def serve(self, s, n):
        answered = 0
        try:
            if self.wrap:
                s = self.wrap(s)
                self.sockets[n] = s
            while True:
                self.hold.wait()
                data = s.recv(65536)
                if not data:
                    self.ended[n] = "end"
                    return
                self.got[n] += data
                while self.answer and self.got[n].count(END) > answered:
                    s.sendall(self.answer(blocks(self.got[n])[answered]))
                    answered += 1
        except OSError as e:
            self.ended[n] = type(e).__name__

    def close(self):
        self.listener.close()
        for s in self.sockets:
            with contextlib.suppress(OSError):
                s.close()


class Box:
    """A data directory and, once started, `hemostat gate run` on it."""

    def __init__(self, links=None):
        self.data = pathlib.Path(tempfile.mkdtemp(prefix="hemostat-gate-"))
        self.process = None
        if links is not None:
            self.settings(links)

    def settings(self, links):
        text = "links:\n" + "".join("  - " + json.dumps(link) + "\n" for link in links)
        new = self.data / "hemostat.yaml.new"
        new.write_text(text if links else "site: x\n")
        new.rename(self.data / "hemostat.yaml")

    def cli(self, *args, expect=0, timeout=60):
        p = run(*args, data=self.data, timeout=timeout)
        assert p.returncode == expect, (args, p.returncode, p.stdout, p.stderr)
        return p

    def objects(self, *args, expect=0):
        return [json.loads(x) for x in self.cli(*args, "--json", expect=expect).stdout.splitlines() if x]

    def start(self):
        self.log = open(self.data / "log", "ab")
        self.process = subprocess.Popen([HEMOSTAT, "--data", str(self.data), "gate", "run"], stdout=self.log,
                                        stderr=subprocess.STDOUT)
        until("the gateway runs", lambda: run("gate", "status", "--json", data=self.data).returncode == 0 or
              self.process.poll() is not None)
        assert self.process.poll() is None, self.text()
        return self

    def text(self):
        return (self.data / "log").read_text(errors="replace")

    def status(self, name=None):
        rows = self.objects("gate", "status")
        return rows[0] if name is None else next(r for r in rows if r["link"] == name)

    def role(self, name):
        """Process number of a role of this box."""
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (entry / "cmdline").read_bytes().split(b"\0")
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                if parent == self.process.pid and words[0] == b"hemostat: " + name.encode():
                    return int(entry.name)
        return None

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(20)
        self.process = None

    def events(self, kind):
        return [e["fact"] for e in self.objects("event", "list", "--kind", kind, "--limit", "0", "--oldest")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()
        shutil.rmtree(self.data, ignore_errors=True)


def connect(at, wrap=None, timeout=15):
    s = socket.create_connection(("127.0.0.1", at), timeout=timeout)
    return wrap(s) if wrap else s


def talk(s, block):
    """Send a block, read until its answer is whole."""
    s.sendall(block)
    data = b""
    while not data.endswith(END):
        more = s.recv(65536)
        assert more, f"ended after {data!r}"
        data += more
    return data


def ends(s):
    """How the peer's side ends: "end" or the error's name."""
    try:
        while s.recv(65536):
            pass
        return "end"
    except OSError as e:
        return type(e).__name__


def plain(name, listen, server, **more):
    return {"name": name, "listen": {"address": f"127.0.0.1:{listen}"},
            "dial": {"address": f"127.0.0.1:{server}"}, **more}


def client_tls(folder, name, version=ssl.TLSVersion.TLSv1_3, highest=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = False
    c.load_verify_locations(folder / "ca.pem")
    if name:
        c.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key.pem")
    c.minimum_version = version
    if highest:
        c.maximum_version = highest
    return c.wrap_socket


def server_tls(folder, name):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    c.load_verify_locations(folder / "ca.pem")
    c.load_cert_chain(folder / f"{name}.pem", folder / f"{name}.key.pem")
    c.verify_mode = ssl.CERT_REQUIRED
    c.minimum_version = ssl.TLSVersion.TLSv1_3
    return lambda s: c.wrap_socket(s, server_side=True)


def pair(server_box, device_box, server_port, tls_port, listen):
    """Two commands on two boxes; the code goes from one to the other as a person would carry it."""
    meet = port()
    offer = subprocess.Popen([HEMOSTAT, "--data", str(server_box.data), "gate", "pair", "--to", f"127.0.0.1:{server_port}",
                              "--listen", f"127.0.0.1:{tls_port}", "--port", str(meet), "--name", "to-lis", "--json"],
                             stdout=subprocess.PIPE, text=True)
    code = json.loads(offer.stdout.readline())["code"]
    device_box.cli("gate", "pair", "--code", code, "--at", "127.0.0.1", "--port", str(meet), "--listen",
                   f"127.0.0.1:{listen}", "--name", "from-device")
    assert offer.wait(20) == 0
    offer.stdout.close()
    return code

