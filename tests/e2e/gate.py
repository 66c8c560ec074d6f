"""The gateway with peers that are not ours: pairing, relaying, refusing, trust, restarts."""
import os
import pathlib
import socket
import ssl
import subprocess
import time

from gate_lab import (END, VT, Box, Server, ack, client_tls, connect, ends, message, pair, plain, port,
                      server_tls, talk, until)
from tap import HEMOSTAT, Folder, Skip, main, need, run


def test_two_boxes_pair_and_carry_messages():
    server, tls, listen = Server(), port(), port()
    with Box() as lis, Box() as device:
        pair(lis, device, server.port, tls, listen)
        lis.start()
        device.start()
        with connect(listen) as s:
            for i in range(20):
                assert talk(s, message(f"M{i}")) == ack(message(f"M{i}"))
        assert until("all came", lambda: server.got and server.got[0].count(END) == 20)
        assert server.got[0] == b"".join(message(f"M{i}") for i in range(20))
        for box in (lis, device):
            row = until("counted", lambda b=box: (r := b.status()) and r["units_to_server"] == 20 and r)
            assert row["altered"] == 0 and row["tls"] == "TLSv1.3", row
        assert device.cli("gate", "test", "from-device").returncode == 0
        lis.stop()
        device.stop()
        for box in (lis, device):
            assert len(box.objects("message", "list", "--limit", "0")) == 40
            assert len(box.objects("result", "list", "--limit", "0")) == 20
            relays = box.events("relay")
            assert len(relays) == 40 and all(r["same"] == 1 for r in relays), relays[:2]
            opened = [e for e in box.events("gate") if e["what"] == "open"]
            assert len(opened) >= 1 and opened[0]["version"] == "TLSv1.3"
            # Under TLS on the way: no finding of clear text.
            findings = box.objects("finding", "list")
            assert not [f for f in findings if f["detector"] == "clear_phi"], findings


def test_wrong_codes_end_the_offer():
    with Box() as a, Box() as b:
        meet = port()
        offer = subprocess.Popen([HEMOSTAT, "--data", str(a.data), "gate", "pair", "--to", "127.0.0.1:1", "--port",
                                  str(meet), "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        offer.stdout.readline()
        for _ in range(3):
            p = b.cli("gate", "pair", "--code", "000-000-000", "--at", "127.0.0.1", "--port", str(meet), expect=1)
            assert "code" in p.stderr, p.stderr
        _, error = offer.communicate(timeout=20)
        assert offer.returncode == 1 and "not valid any more" in error, error
        assert not list((b.data / "gate/peers").glob("*.pem")) and not list((a.data / "gate/peers").glob("*.pem"))
        # Something else that answers there.
        other = Server(answer=None)
        other.wrap = lambda s: (s.sendall(b"HTTP/1.1 200 OK\r\n\r\n"), s)[1]
        p = b.cli("gate", "pair", "--code", "1", "--at", "127.0.0.1", "--port", str(other.port), expect=3)
        assert "no hemostat gate pair" in p.stderr, p.stderr
        other.close()


def test_keys_are_made_private_and_stay_out_of_the_gate():
    if os.geteuid() != 0:
        raise Skip("needs root to read another process")
    need("openssl")
    server, tls, listen = Server(), port(), port()
    with Box() as lis, Box() as device:
        pair(lis, device, server.port, tls, listen)
        lis.start()
        device.start()
        with connect(listen) as s:
            talk(s, message("K1"))
        for box in (lis, device):
            secrets = []
            for name in ("ca.key", "node.key"):
                path = box.data / "gate" / name
                assert path.stat().st_mode & 0o777 == 0o600
                text = subprocess.run(["openssl", "pkey", "-in", path, "-noout", "-text"], capture_output=True, text=True,
                                      check=True).stdout
                secret = bytes.fromhex("".join(text.split("priv:")[1].split("pub:")[0].split()).replace(":", ""))
                secrets += [secret[-32:], secret[-32:][::-1]]
                lines = path.read_text().splitlines()
                secrets.append(lines[1].encode())
            for role, held in (("gate", False), ("store", False), ("keys", True)):
                pid = box.role(role)
                assert pid, role
                found = search_memory(pid, secrets)
                assert found == held, f"{role}: key bytes {'found' if found else 'not found'}"


def search_memory(pid, needles):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights = line.split()[:2]
            if "r" not in rights or "[v" in line:
                continue
            start, end = (int(x, 16) for x in place.split("-"))
            try:
                memory.seek(start)
                data = memory.read(end - start)
            except OSError:
                continue
            if any(n in data for n in needles):
                return True
    return False


def test_bytes_pass_unchanged_in_any_cut():
    server, listen = Server(answer=None), port()
    sent = b"\r\n" + message("A") + message("B", end=b"") + b"junk" + VT + b"\xff\x00\x80 not HL7" + END + message("C")[:50]
    for mode in ("observe", "warn", "block"):
        with Box([plain("x", listen, server.port, mode=mode)]) as box:
            box.start()
            with connect(listen) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for i in range(len(sent)):
                    s.sendall(sent[i:i + 1])
                s.shutdown(socket.SHUT_WR)
                until("it ended", lambda: server.ended and server.ended[-1] == "end" and server.got[-1] == sent)
            with connect(listen) as s:
                s.sendall(sent)
                s.shutdown(socket.SHUT_WR)
                until("it ended", lambda: len(server.got) % 2 == 0 and server.ended[-1] == "end")
            assert server.got[-1] == sent, (mode, server.got[-1], sent)
            assert box.status()["altered"] == 0


def test_policy_refuses_in_the_peers_words():
    server, listen = Server(), port()
    link = plain("x", listen, server.port, mode="block", protocols=["hl7"],
                 rules=[{"action": "deny", "type": "ADT*"},
                        {"action": "allow", "type": "ORU^R01", "sender": "XN*", "from": "client"}])
    with Box([link]) as box:
        box.start()
        with connect(listen) as s:
            assert talk(s, message("1")) == ack(message("1"))
            answer = talk(s, message("2", kind="ADT^A01"))
            assert b"MSA|AR|2" in answer and b"deny rule 1" in answer, answer
            answer = talk(s, message("3", sender="OTHER"))
            assert b"MSA|AR|3" in answer and b"no allow rule" in answer, answer
            assert talk(s, message("4")) == ack(message("4"))
            # A denied message hidden behind an allowed one in one block.
            both = message("5")[:-2] + message("6", kind="ADT^A08")[1:]
            assert b"MSA|AR|5" in talk(s, both)
        assert server.got == [message("1") + message("4")], server.got
        # Another protocol than the link is for.
        with connect(listen) as s:
            s.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert ends(s) in ("ConnectionResetError", "end")
        until("told", lambda: box.status()["refused"] == 4)
        box.stop()
        refused = [e for e in box.events("gate") if e["what"] == "refuse"]
        assert len(refused) == 4 and "ADT^A01" in refused[0]["reason"], refused
        assert "SECRET" not in str(refused)


def test_warn_lets_through_and_tells():
    server, listen = Server(), port()
    with Box([plain("x", listen, server.port, mode="warn", rules=[{"action": "deny", "type": "ADT*"}])]) as box:
        box.start()
        with connect(listen) as s:
            assert talk(s, message("1", kind="ADT^A01")) == ack(message("1", kind="ADT^A01"))
        row = until("warned", lambda: (r := box.status()) and r["warned"] == 1 and r)
        assert row["refused"] == 0


def test_unsure_is_as_the_link_says():
    garbage = VT + b"this is not HL7" + END
    for word, passes in (("pass", True), ("block", False)):
        server, listen = Server(answer=None), port()
        with Box([plain("x", listen, server.port, mode="block", when_unsure=word, max_kib=64,
                        rules=[{"action": "allow", "type": "ORU*"}])]) as box:
            box.start()
            with connect(listen) as s:
                s.sendall(garbage)
                if passes:
                    until("passed", lambda: server.got and server.got[0] == garbage)
                else:
                    assert ends(s) == "ConnectionResetError"
            big = message("B", text="7" * 300000)
            with connect(listen) as s:
                s.sendall(message("A"))
                until("passed", lambda: server.got and server.got[-1].endswith(message("A")))
                try:
                    s.sendall(big)
                except OSError:
                    pass
                if passes:
                    until("passed", lambda: server.got[-1] == message("A") + big)
                else:
                    assert ends(s) in ("ConnectionResetError", "BrokenPipeError")
                    assert server.got[-1] == message("A")
            row = box.status()
            assert (row["alarms"] >= 2) == passes and (row["refused"] >= 2) == (not passes), row


def test_rate_is_bounded():
    server, listen = Server(), port()
    with Box([plain("x", listen, server.port, mode="block", per_minute=5)]) as box:
        box.start()
        with connect(listen) as s:
            answers = [talk(s, message(str(i))) for i in range(12)]
        assert 5 <= sum(b"MSA|AA" in a for a in answers) <= 10
        assert any(b"units a minute" in a for a in answers)


def test_astm_frames_get_nak():
    def frame(n, text):
        body = f"{n}{text}\r\x03".encode()
        return b"\x02" + body + f"{sum(body) & 255:02X}".encode() + b"\r\n"

    server, listen = Server(answer=None), port()
    with Box([plain("x", listen, server.port, mode="block",
                    rules=[{"action": "allow", "protocol": "astm", "sender": "GOOD*"}])]) as box:
        box.start()
        with connect(listen) as s:
            s.sendall(b"\x05")
            until("ENQ passed", lambda: server.got and server.got[0] == b"\x05")
            server.sockets[0].sendall(b"\x06")
            assert s.recv(1) == b"\x06"
            good = frame(1, "H|\\^&|||GOOD^1|||||||P|1")
            s.sendall(good[:7])
            s.sendall(good[7:])
            until("frame passed", lambda: server.got[0] == b"\x05" + good)
            server.sockets[0].sendall(b"\x06")
            assert s.recv(1) == b"\x06"
            s.sendall(b"\x04\x05")
            s.sendall(frame(1, "H|\\^&|||BAD^1|||||||P|1"))
            assert s.recv(1) == b"\x15"
            s.sendall(b"\x04")
            until("EOT passed", lambda: server.got[0] == b"\x05" + good + b"\x04\x05\x04")


def test_http_gets_403():
    need("curl")
    listen = port()
    with Folder() as folder:
        (folder / "Patient").write_text("{}")
        back = port()
        server = subprocess.Popen(["python3", "-m", "http.server", str(back), "--bind", "127.0.0.1", "--directory", folder],
                                  stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until("the server runs", lambda: socket.socket().connect_ex(("127.0.0.1", back)) == 0)
            with Box([plain("x", listen, back, mode="block", rules=[{"action": "deny", "type": "DELETE*"},
                                                                     {"action": "allow", "type": "GET Patient"}])]) as box:
                box.start()

                def curl(*args):
                    return subprocess.run(["curl", "-s", "-m", "10", "-w", "%{http_code}", *args], capture_output=True,
                                          text=True, check=False).stdout
                assert curl(f"http://127.0.0.1:{listen}/Patient") == "{}200"
                out = curl("-X", "DELETE", f"http://127.0.0.1:{listen}/Patient")
                assert out.endswith("403") and "OperationOutcome" in out and "deny rule 1" in out, out
                assert curl(f"http://127.0.0.1:{listen}/Observation").endswith("403")
                # Smuggling: two lengths.
                with connect(listen) as s:
                    s.sendall(b"GET /Patient HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")
                    s.shutdown(socket.SHUT_WR)
                    ends(s)
                until("alarm", lambda: box.status()["alarms"] >= 1)
        finally:
            server.kill()
            server.wait()


def test_dicom_passes_and_is_rejected():
    need("echoscu", "storescp")
    back, listen = port(), port()
    with Folder() as folder:
        scp = subprocess.Popen(["storescp", "-od", folder, str(back)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until("storescp runs", lambda: socket.socket().connect_ex(("127.0.0.1", back)) == 0)
            with Box([plain("x", listen, back, mode="block", protocols=["dicom"],
                            rules=[{"action": "allow", "sender": "MODALITY", "receiver": "PACS"}])]) as box:
                box.start()

                def echo(calling):
                    return subprocess.run(["echoscu", "-aet", calling, "-aec", "PACS", "-to", "5", "127.0.0.1", str(listen)],
                                          capture_output=True, text=True, check=False)
                assert echo("MODALITY").returncode == 0
                p = echo("STRANGER")
                assert p.returncode != 0 and "Rejected" in p.stderr, p.stderr
                row = box.status()
                assert row["refused"] == 1 and row["units_to_server"] >= 3, row
        finally:
            scp.kill()
            scp.wait()


def test_dicom_over_tls_with_dcmtk():
    need("echoscu", "storescp")
    if "+tls" not in subprocess.run(["echoscu", "--help"], capture_output=True, text=True, check=False).stdout:
        raise Skip("dcmtk without TLS")
    back, listen = port(), port()
    with Folder() as folder, Box() as box:
        box.cli("gate", "issue", "modality", "--out", folder)
        link = plain("x", listen, back)
        link["listen"].update(tls=True, tls12=True, peers=["modality"])
        box.settings([link])
        scp = subprocess.Popen(["storescp", "-od", folder, str(back)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            until("storescp runs", lambda: socket.socket().connect_ex(("127.0.0.1", back)) == 0)
            box.start()
            p = subprocess.run(["echoscu", "+tls", folder / "modality.key.pem", folder / "modality.pem", "+cf",
                                folder / "ca.pem", "-to", "5", "127.0.0.1", str(listen)], capture_output=True, text=True,
                               check=False)
            assert p.returncode == 0, p.stderr
            assert box.status()["peer"] == "modality"
        finally:
            scp.kill()
            scp.wait()


def test_tls_to_tls_and_plain_to_tls():
    listen, second = port(), port()
    with Folder() as folder, Box() as box:
        for name in ("analyzer", "lis"):
            box.cli("gate", "issue", name, "--out", folder)
        server = Server(wrap=server_tls(folder, "lis"))
        both = plain("both", listen, server.port)
        both["listen"].update(tls=True, peers=["analyzer"])
        both["dial"].update(tls=True, peers=["lis"])
        out = plain("out", second, server.port)
        out["dial"].update(tls=True, peers=["lis"])
        box.settings([both, out])
        box.start()
        for wrap, at in ((client_tls(folder, "analyzer"), listen), (None, second)):
            for i in range(3):
                with connect(at, wrap) as s:
                    assert talk(s, message(f"T{i}")) == ack(message(f"T{i}"))
                    big = message("big", text="9" * 500000)
                    assert talk(s, big) == ack(big)
        assert all(g == message(f"T{i % 3}") + message("big", text="9" * 500000) for i, g in enumerate(server.got))
        # The server is somebody else: nothing is sent to it.
        box.cli("gate", "issue", "other", "--out", folder)
        wrong = Server(wrap=server_tls(folder, "other"))
        out["dial"]["address"] = f"127.0.0.1:{wrong.port}"
        box.settings([both, out])
        until("the link changed", lambda: "configured" in str(box.objects("event", "list", "--kind", "process")))
        with connect(second) as s:
            s.sendall(message("X"))
            assert ends(s) == "ConnectionResetError"
        assert not any(wrong.got), wrong.got
        assert "not a peer" in box.status("out")["trouble"], box.status("out")
        out["dial"]["peers"] = ["nobody"]
        box.settings([both, out])
        until("it is said", lambda: "no peer is named nobody" in box.text())


def strangers(folder, box):
    """Contexts that must not come in, each with a word."""
    need("openssl")

    def openssl(*args):
        subprocess.run(["openssl", *[str(a) for a in args]], check=True, capture_output=True)
    key, certificate = folder / "self.key.pem", folder / "self.pem"
    openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=analyzer",
            "-keyout", key, "-out", certificate, "-days", 5)
    yield "self-made", client_tls(folder, "self")
    yield "without a certificate", client_tls(folder, None)
    yield "TLS 1.2", client_tls(folder, "analyzer", ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
    box.cli("gate", "issue", "unlisted", "--out", folder)
    yield "not of this link", client_tls(folder, "unlisted")
    # Of our own authority, but long over.
    request, old = folder / "old.csr", folder / "old.pem"
    openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=analyzer",
            "-keyout", folder / "old.key.pem", "-out", request)
    (folder / "ca.cnf").write_text("[ca]\ndefault_ca=d\n[d]\ndatabase=%s\nnew_certs_dir=%s\nserial=%s\ndefault_md=sha256\n"
                                   "policy=p\n[p]\ncommonName=supplied\n" % (folder / "db", folder, folder / "serial"))
    (folder / "db").write_text("")
    (folder / "serial").write_text("01")
    openssl("ca", "-batch", "-config", folder / "ca.cnf", "-cert", folder / "ca.pem", "-keyfile", box.data / "gate/ca.key",
            "-in", request, "-out", old, "-startdate", "20200101000000Z", "-enddate", "20200201000000Z", "-notext")
    yield "expired", client_tls(folder, "old")


def is_let_in(at, wrap):
    try:
        with connect(at, wrap) as s:
            s.sendall(message("S"))
            return bool(s.recv(100))
    except OSError:
        return False


def test_strangers_stay_outside():
    server, listen = Server(), port()
    with Folder() as folder, Box() as box:
        box.cli("gate", "issue", "analyzer", "--out", folder)
        link = plain("x", listen, server.port)
        link["listen"].update(tls=True, peers=["analyzer"])
        box.settings([link])
        box.start()
        for word, wrap in strangers(folder, box):
            assert not is_let_in(listen, wrap), word
        # Not TLS at all, and silence.
        with connect(listen) as s:
            s.sendall(message("S"))
            ends(s)
        assert not server.got, server.got
        with connect(listen, client_tls(folder, "analyzer")) as s:
            assert talk(s, message("1")) == ack(message("1"))
        row = box.status()
        assert row["strangers"] >= 3 and row["failures"] >= 6, row


def test_removal_ends_a_connection_within_seconds():
    server, listen = Server(), port()
    with Folder() as folder, Box() as box:
        box.cli("gate", "issue", "analyzer", "--out", folder)
        box.cli("gate", "issue", "other", "--out", folder)
        link = plain("x", listen, server.port)
        link["listen"].update(tls=True, peers=["analyzer", "other"])
        box.settings([link])
        box.start()
        with connect(listen, client_tls(folder, "analyzer")) as s, connect(listen, client_tls(folder, "other")) as stays:
            assert talk(s, message("1")) == ack(message("1"))
            assert talk(stays, message("2")) == ack(message("2"))
            began = time.monotonic()
            box.cli("gate", "remove", "analyzer")
            ends(s)
            assert time.monotonic() - began < 5
            assert talk(stays, message("3")) == ack(message("3"))
        assert not is_let_in(listen, client_tls(folder, "analyzer"))
        assert b"".join(server.got).count(END) == 3


def test_half_close_reset_and_slow_readers():
    server, listen = Server(answer=None), port()
    with Box([plain("x", listen, server.port)]) as box:
        box.start()
        # Half close: the answer comes after our side ended.
        with connect(listen) as s:
            s.sendall(b"\x0bMSH|question" + END)
            s.shutdown(socket.SHUT_WR)
            until("the end came", lambda: server.ended and server.ended[0] == "end")
            server.sockets[0].sendall(b"late answer")
            server.sockets[0].close()
            assert s.recv(100) == b"late answer" and s.recv(100) == b""
        # A reset goes through.
        s = connect(listen)
        s.sendall(b"\x0bMSH|x" + END)
        until("it came", lambda: len(server.got) == 2 and server.got[1])
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        s.close()
        assert until("reset", lambda: server.ended[1]) == "ConnectionResetError"
        # A reader that does not read holds the writer, not memory.
        server.hold.clear()
        with connect(listen) as s:
            s.settimeout(1)
            block, sent = message("S", text="3" * 100000), 0
            try:
                while sent < 200 << 20:
                    sent += s.send(block)
            except TimeoutError:
                pass
            assert sent < 64 << 20, sent
            rss = int(pathlib.Path(f"/proc/{box.role('gate')}/statm").read_text().split()[1]) * 4096
            assert rss < 64 << 20, rss
            server.hold.set()
            until("all of it arrived", lambda: len(server.got[2]) == sent, 30)
            assert server.got[2] == (block * (sent // len(block) + 1))[:sent]


def test_server_away_and_gate_killed():
    listen, back = port(), port()
    with Box([plain("x", listen, back)]) as box:
        box.start()
        assert not works(listen)
        row = until("told", lambda: (r := box.status()) and r["state"] == "server down" and r)
        assert "refused" in row["trouble"], row
        server = Server()
        box.settings([plain("x", listen, server.port)])
        until("it works", lambda: works(listen))
        pid = box.role("gate")
        os.kill(pid, 9)
        until("started again", lambda: (p := box.role("gate")) and p != pid)
        until("it works", lambda: works(listen))
        box.stop()
        assert [e for e in box.events("process") if e["role"] == "gate" and e["what"] == "crash"]


def works(at):
    try:
        with connect(at, timeout=3) as s:
            return talk(s, message("W")) == ack(message("W"))
    except (OSError, AssertionError):
        return False


def test_live_changes_keep_connections():
    server, listen, more = Server(), port(), port()
    with Box([plain("x", listen, server.port)]) as box:
        box.start()
        with connect(listen) as s:
            assert talk(s, message("1")) == ack(message("1"))
            box.settings([plain("x", listen, server.port, mode="block", rules=[{"action": "deny", "type": "ADT*"}]),
                          plain("y", more, server.port)])
            until("the new link works", lambda: works(more))
            assert talk(s, message("2")) == ack(message("2"))
            assert b"MSA|AR|3" in talk(s, message("3", kind="ADT^A01"))
            # A broken file changes nothing, and is said.
            (box.data / "hemostat.yaml").write_text("links:\n  - name: x\n    listen: nonsense\n")
            until("it was said", lambda: "stay as they were" in box.text())
            assert talk(s, message("4")) == ack(message("4"))
            box.settings([plain("y", more, server.port)])
            assert ends(s) in ("ConnectionResetError", "end")
        until("not listening", lambda: socket.socket().connect_ex(("127.0.0.1", listen)) != 0)


def test_commands_say_what_is_wrong():
    with Box() as box:
        for args, status, word in ((("gate", "pair"), 2, "--to"), (("gate", "pair", "--to", "x"), 2, "--to x"),
                                   (("gate", "pair", "--code", "1"), 2, "--at"), (("gate", "show", "x"), 3, "no link"),
                                   (("gate", "test", "x"), 3, "no link"), (("gate", "remove", "x"), 3, "no link"),
                                   (("gate", "status"), 1, "does not run"), (("gate", "issue", "a b"), 2, "a name has"),
                                   (("gate", "trust", "a", "/nonexistent"), 3, "nonexistent")):
            p = run(*args, data=box.data)
            assert p.returncode == status and word in p.stderr, (args, p.returncode, p.stderr)
        assert "no links yet" in box.cli("gate", "list").stdout
        bad = box.data / "bad.pem"
        bad.write_text("nothing")
        assert "no certificate" in box.cli("gate", "trust", "a", bad, expect=3).stderr


if __name__ == "__main__":
    main(globals())
