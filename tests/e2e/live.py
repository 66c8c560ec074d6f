"""Live: the real program on an interface of a network namespace that the test makes. Needs root.

What is sent is a capture of the lab twin, whose truth is known; nothing else is on the wire."""
import os
import pathlib
import signal
import subprocess
import sys
import threading
import time

from tap import HEMOSTAT, Folder, Skip, lines, main, need, need_root, run

SEND = pathlib.Path(__file__).with_name("send.py")
PATIENCE = 20  # seconds, for a busy machine


def until(true, what):
    """Ask again and again; what comes late on a busy machine is no failure."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        answer = true()
        if answer:
            return answer
        time.sleep(0.05)
    raise AssertionError(f"waited {PATIENCE} s for {what}")


def ip(*args):
    p = subprocess.run(["ip", *args], capture_output=True, text=True, check=False)
    if p.returncode != 0:
        raise AssertionError(f"ip {' '.join(args)}: {p.stderr}")


class Wire:
    """A namespace with a pair of interfaces: what is sent on src0 comes in on tap0."""

    def __enter__(self):
        need_root()
        need("ip")
        self.name = f"hemostat-e2e-{os.getpid()}"
        self.children = []
        p = subprocess.run(["ip", "netns", "add", self.name], capture_output=True, text=True, check=False)
        if p.returncode != 0:
            raise Skip(f"no network namespace can be made: {p.stderr.strip()}")
        self.make()
        return self

    def make(self):
        ip("-n", self.name, "link", "add", "tap0", "mtu", "65535", "type", "veth", "peer", "name", "src0",
           "mtu", "65535")
        subprocess.run(self.inside("sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6"), check=True)
        ip("-n", self.name, "link", "set", "tap0", "up")
        ip("-n", self.name, "link", "set", "src0", "up")

    def inside(self, *command):
        return ["ip", "netns", "exec", self.name, *[str(c) for c in command]]

    def link(self, *args):
        ip("-n", self.name, "link", *args)

    def child(self, command):
        """Started, and ended with the wire whatever happens."""
        self.children.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return self.children[-1]

    def send(self, path, *more):
        subprocess.run(self.inside(sys.executable, SEND, "src0", path, *more), check=True)

    def __exit__(self, *_):
        for child in self.children:
            if child.poll() is None:
                child.kill()
        subprocess.run(["ip", "netns", "del", self.name], check=False)


class Watching:
    """hemostat at work in the namespace; what it says is collected."""

    def __init__(self, wire, data, *args, before=()):
        command = [*before, HEMOSTAT, "--data", str(data), *args]
        self.data = data
        self.said = {"out": [], "err": []}
        self.process = wire.child(wire.inside(*command))
        self.threads = [threading.Thread(target=self.read, args=(getattr(self.process, "std" + n), n))
                        for n in self.said]
        for thread in self.threads:
            thread.start()

    def read(self, stream, name):
        for line in stream:
            self.said[name].append(line)

    def heard(self, word):
        return word in "".join(self.said["out"] + self.said["err"])

    def ready(self):
        until(lambda: self.heard("watching ") or self.process.poll() is not None, "the start")
        assert self.process.poll() is None, self.said
        return self

    def messages(self):
        p = run("message", "list", "--json", "--limit", "0", data=self.data)
        return len(p.stdout.splitlines()) if p.returncode == 0 else 0

    def events(self, kind):
        return lines(run("event", "list", "--kind", kind, "--json", "--limit", "0", data=self.data).stdout)

    def roles(self, role):
        """Process ids of a role. `ip netns exec` becomes the program: its pid is the parent's."""
        found = []
        for child in pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split():
            words = pathlib.Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if role.encode() in words:
                found.append(int(child))
        return found

    def end(self, signo=signal.SIGINT):
        """Status, objects of standard output, text of standard error."""
        if signo is not None and self.process.poll() is None:
            self.process.send_signal(signo)
        try:
            status = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it did not end: {self.said}") from None
        for thread in self.threads:
            thread.join()
        return status, "".join(self.said["out"]), "".join(self.said["err"])


def day(folder, kind="day", mib=2):
    path = folder / f"{kind}.pcap"
    p = run("lab", "make", path, "--kind", kind, "--mib", mib)
    assert p.returncode == 0, p.stderr
    return path, lines(p.stdout)[-1]


def whole(truth):
    return sum(truth["messages"].values())


def compare(truth, summary, times=1):
    assert summary["packets"] == truth["packets"] * times, (summary["packets"], truth["packets"])
    for proto, count in truth["messages"].items():
        assert summary["messages"].get(proto, 0) == count * times, (proto, summary["messages"], truth["messages"])


def watch_live(*more):
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder)
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json", *more).ready()
        wire.send(path)
        until(lambda: w.messages() >= whole(truth), "every message")
        status, out, err = w.end()
        assert status == 0, (status, err)
        summary = lines(out)[-1]
        assert summary["type"] == "summary"
        compare(truth, summary)
        stop = [e["fact"] for e in w.events("capture") if e["fact"]["what"] == "stop"]
        assert stop and sum(s["dropped"] for s in stop) == 0, stop


def test_an_interface_gives_what_the_file_holds():
    watch_live()


def test_three_sensors_share_an_interface():
    watch_live("--sensors", "3")


def test_replayed_by_another_program():
    need("tcpreplay")
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder, "records", 1)
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
        subprocess.run(wire.inside("tcpreplay", "-q", "--topspeed", "-i", "src0", path), check=True,
                       capture_output=True)
        until(lambda: w.messages() >= whole(truth), "every message")
        status, out, err = w.end()
        assert status == 0, err
        compare(truth, lines(out)[-1])


def test_tags_that_the_kernel_takes_out():
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder)
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
        wire.send(path, "--vlan", "77")
        until(lambda: w.messages() >= whole(truth), "every message")
        status, out, _ = w.end(signal.SIGTERM)
        assert status == 0
        compare(truth, lines(out)[-1])
        assert {e["fact"]["vlan"] for e in w.events("link")} == {77}


def test_the_daemon_and_what_people_ask():
    """hemostat run: requests go over its socket, --follow tells them, roles are shut in."""
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder)
        data = folder / "data"
        w = Watching(wire, data, "run").ready()
        text = until(lambda: w.heard("stop with") and "".join(w.said["out"]), "the hint")
        assert "tap0" in text and "src0" in text and "worst case" in text, text
        for role, count in (("sensor", 2), ("store", 1)):
            found = until(lambda r=role, n=count: len(w.roles(r)) == n and w.roles(r), role)
            for pid in found:
                shut_in(pid)
        wire.send(path)
        until(lambda: w.messages() >= whole(truth), "every message")
        follow = wire.child([HEMOSTAT, "--data", str(data), "event", "list", "--follow", "--json", "--kind",
                                   "device"])
        seen = []
        reader = threading.Thread(target=lambda: seen.extend(iter(follow.stdout.readline, "")))
        reader.start()

        def decide():
            p = run("device", "approve", "1", "--reason", "known", data=data)
            assert p.returncode == 0, p.stderr
            return any('"known"' in line for line in seen)

        until(decide, "the decision among the live events")
        follow.send_signal(signal.SIGINT)
        assert follow.wait(PATIENCE) == 0
        reader.join()
        states = {d["id"]: d["state"] for d in lines(run("device", "list", "--json", data=data).stdout)}
        assert states[1] == "approved"
        assert run("device", "approve", "99999", data=data).returncode == 3
        finding = lines(run("finding", "list", "--json", data=data).stdout)[0]["id"]
        assert run("finding", "close", finding, "--reason", "seen to", data=data).returncode == 0
        # A second one on the same data is told so.
        p = run("watch", "-r", path, data=data)
        assert p.returncode in (3, 4) and p.stderr.startswith("hemostat: "), (p.returncode, p.stderr)
        status, _, err = w.end(signal.SIGTERM)
        assert status == 0, err
        assert not (data / "control.sock").exists()


def shut_in(pid):
    """In its sandbox before the first packet: no call, capability or privilege left that is not listed."""
    def held():
        status = dict(line.split(":\t", 1) for line in
                      pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        return (status["Seccomp"] == "2" and status["NoNewPrivs"] == "1" and int(status["CapEff"], 16) == 0 and
                int(status["CapPrm"], 16) == 0 and int(status["CapInh"], 16) == 0)
    until(held, f"process {pid} to be shut in")


def test_a_sensor_that_dies_is_started_again():
    for signo in (signal.SIGKILL, signal.SIGSEGV):
        with Wire() as wire, Folder() as folder:
            path, truth = day(folder)
            w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
            wire.send(path)
            until(lambda w=w: w.messages() >= whole(truth), "every message")
            before = until(lambda w=w: w.roles("sensor"), "a sensor")[0]
            os.kill(before, signo)
            until(lambda w=w: w.roles("sensor") not in ([], [before]), "another sensor")
            until(lambda w=w: any(e["fact"]["what"] == "restart" for e in w.events("process")), "the restart")
            told = [e["fact"] for e in w.events("process")]
            crash = [t for t in told if t["what"] == "crash"]
            assert len(crash) == 1 and crash[0]["status"] == 128 + signo and crash[0]["role"] == "sensor", told
            wire.send(path)
            until(lambda w=w: w.messages() >= 2 * whole(truth), "the messages after the restart")
            status, out, err = w.end()
            assert status == 0, err
            assert f"signal {int(signo)}" in err and "started again" in err, err
            for proto, count in truth["messages"].items():
                assert lines(out)[-1]["messages"][proto] == 2 * count


def test_a_store_that_dies_ends_the_watch():
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder)
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
        wire.send(path)
        until(lambda: w.messages() >= whole(truth), "every message")
        os.kill(w.roles("store")[0], signal.SIGKILL)
        status, _, err = w.end(None)
        assert status == 4 and "store" in err and "signal 9" in err, (status, err)
        assert w.messages() == whole(truth)
        assert run("store", "check", data=w.data).returncode == 0
        # What it left behind does not stop the next one.
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
        assert w.end()[0] == 0


def test_a_parent_that_dies_leaves_nothing_behind():
    with Wire() as wire, Folder() as folder:
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
        pids = until(lambda: len(w.roles("sensor") + w.roles("store")) == 2 and w.roles("sensor") + w.roles("store"),
                     "the roles")
        assert w.end(signal.SIGKILL)[0] == -9
        until(lambda: not any(alive(pid) for pid in pids), "the roles to end")
        assert run("store", "check", data=w.data).returncode == 0


def alive(pid):
    try:
        return "State:\tZ" not in pathlib.Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_an_interface_that_goes_down_and_comes_back():
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder)
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
        wire.send(path)
        until(lambda: w.messages() >= whole(truth), "every message")
        wire.link("set", "tap0", "down")
        until(lambda: w.heard('"tap0" is down'), "word that it is down")
        wire.link("set", "tap0", "up")
        until(lambda: w.heard('"tap0" is up again'), "word that it is up again")
        more, after = day(folder, "records", 1)
        wire.send(more)
        until(lambda: w.messages() >= whole(truth) + whole(after), "the messages after that")
        status, out, err = w.end()
        assert status == 0, err
        assert lines(out)[-1]["packets"] == truth["packets"] + after["packets"]
        assert err.count("is down") == 1, err


def test_an_interface_that_vanishes_ends_the_watch():
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder)
        w = Watching(wire, folder / "data", "watch", "-i", "tap0", "--json").ready()
        wire.send(path)
        until(lambda: w.messages() >= whole(truth), "every message")
        wire.link("del", "tap0")
        status, out, err = w.end(None)
        assert status == 4 and '"tap0" is gone' in err and "kept" in err, (status, err)
        compare(truth, lines(out)[-1])


def test_the_daemon_waits_for_an_interface_that_vanished():
    with Wire() as wire, Folder() as folder:
        path, truth = day(folder)
        config = folder / "config.yaml"
        config.write_text("interfaces:\n  - tap0\n")
        w = Watching(wire, folder / "data", "run", "--config", str(config)).ready()
        wire.link("del", "tap0")
        until(lambda: w.heard('"tap0" is gone'), "word that it is gone")
        wire.make()
        until(lambda: any(e["fact"]["what"] == "restart" for e in w.events("process")), "the restart")
        wire.send(path)
        until(lambda: w.messages() >= whole(truth), "every message")
        assert w.end()[0] == 0


def test_no_such_interface():
    with Wire() as wire, Folder() as folder:
        status, _, err = Watching(wire, folder / "data", "watch", "-i", "tap9").end(None)
        assert status == 3 and 'no interface "tap9"' in err and "ip link" in err, (status, err)


def test_no_permission():
    need("setpriv")
    with Wire() as wire, Folder() as folder:
        folder.chmod(0o711)
        data = folder / "data"
        data.mkdir(mode=0o700)
        os.chown(data, 65534, 65534)
        nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all", "--bounding-set=-all")
        p = subprocess.run([*nobody, HEMOSTAT, "--version"], capture_output=True, check=False)
        if p.returncode != 0:
            raise Skip("the program cannot be started by another user here")
        status, _, err = Watching(wire, data, "watch", "-i", "tap0", before=nobody).end(None)
        assert status == 4 and "CAP_NET_RAW" in err and "root" in err, (status, err)
        # Reading a file needs no privilege at all.
        path, truth = day(folder)
        path.chmod(0o644)
        status, out, err = Watching(wire, data, "watch", "-r", str(path), "--json", before=nobody).end(None)
        assert status == 0, err
        compare(truth, lines(out)[-1])


class SmallDisk:
    def __init__(self, path, size):
        self.path, self.size = path, size

    def __enter__(self):
        need_root()
        need("mount", "umount")
        self.path.mkdir()
        p = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size},mode=700", "none", str(self.path)],
                           capture_output=True, text=True, check=False)
        if p.returncode != 0:
            raise Skip(f"no small disk can be made: {p.stderr.strip()}")
        return self.path

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", str(self.path)], check=False)


def test_a_full_disk():
    with Folder() as folder, SmallDisk(folder / "disk", "20m") as disk:
        path, truth = day(folder, "records", 192)
        data = disk / "data"
        p = run("watch", "-r", path, "--json", data=data, timeout=240)
        assert p.returncode == 4, (p.returncode, p.stderr)
        assert "full" in p.stderr or "No space left" in p.stderr, p.stderr
        assert "kept" in p.stderr, p.stderr
        subprocess.run(["mount", "-o", "remount,size=512m", str(disk)], check=True)
        p = run("store", "check", data=data)
        assert p.returncode == 0, (p.stdout, p.stderr)
        told = run("message", "list", "--json", "--limit", "0", data=data).stdout.splitlines()
        assert 1000 < len(told) < whole(truth), len(told)
        # With room again it goes on.
        path, truth = day(folder)
        assert run("watch", "-r", path, data=data).returncode == 0


main(globals())
