"""The API over real HTTPS: rights of every role, sessions, hostile requests, live events, a role that dies."""
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

from tap import HEMOSTAT, Folder, main, run

PASSWORD = "blue kettle marches"
ROLES = ["viewer", "technician", "biomedical", "security", "compliance", "auditor", "administrator"]
# By hand, not from the program's own table: who may do what.
EXPECTED = {
    "listDevices": set(ROLES), "getSummary": set(ROLES), "listFindings": set(ROLES), "listMessages": set(ROLES),
    "stream": set(ROLES), "listSources": set(ROLES), "listHours": set(ROLES), "listLinks": set(ROLES),
    "listResults": set(ROLES) - {"viewer", "compliance"},
    "listEvents": {"security", "compliance", "auditor", "administrator"},
    "getEvent": {"security", "compliance", "auditor", "administrator"},
    "changeDevice": {"biomedical", "security", "administrator"},
    "changeFinding": {"security", "compliance", "administrator"},
    "listAccounts": {"auditor", "administrator"}, "getAccount": {"auditor", "administrator"},
    "createAccount": {"administrator"}, "changeAccount": {"administrator"},
}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def loose():
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


class Person:
    """Somebody with a cookie and a token."""

    def __init__(self, server):
        self.server = server
        self.cookie = self.csrf = ""

    def ask(self, method, path, body=None, headers=None, raw=False):
        c = http.client.HTTPSConnection("127.0.0.1", self.server.port, context=loose(), timeout=20)
        h = dict(headers or {})
        if self.cookie:
            h.setdefault("Cookie", self.cookie)
        if method != "GET" and self.csrf:
            h.setdefault("X-CSRF-Token", self.csrf)
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            h.setdefault("Content-Type", "application/json")
        c.request(method, path if raw else "/api/v1" + path, body, h)
        a = c.getresponse()
        data = a.read()
        c.close()
        a.data = data
        a.json = json.loads(data) if data and "json" in a.getheader("Content-Type", "") else None
        if a.getheader("Set-Cookie"):
            self.cookie = a.getheader("Set-Cookie").split(";")[0]
        if a.json and isinstance(a.json, dict) and a.json.get("csrf"):
            self.csrf = a.json["csrf"]
        return a

    def sign_in(self, name, password=PASSWORD):
        return self.ask("POST", "/session", {"name": name, "password": password})


class Server:
    """`hemostat demo --serve` with a first account, anna."""

    def __enter__(self):
        self.folder = Folder()
        self.data = self.folder.__enter__() / "data"
        self.port = free_port()
        self.process = subprocess.Popen([HEMOSTAT, "--data", str(self.data), "demo", "--serve", "--listen", f"127.0.0.1:{self.port}"],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.token = self.wait_link()
        threading.Thread(target=self.process.stderr.read, daemon=True).start()
        self.anna = Person(self)
        a = self.anna.ask("POST", "/setup", {"token": self.token, "name": "anna", "password": PASSWORD})
        assert a.status == 201, (a.status, a.data)
        self.wait_day()
        return self

    def wait_link(self):
        for line in self.process.stderr:
            found = re.search(r"#/setup/([0-9a-f]{32})", line)
            if found:
                return found.group(1)
        raise AssertionError("no set-up link was printed")

    def wait_day(self):
        """Until the lab day is read and kept."""
        for _ in range(200):
            sources = self.anna.ask("GET", "/sources").json["items"]
            if sources and sources[0]["ended"]:
                return
            time.sleep(0.05)
        raise AssertionError("the day was not read")

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        self.folder.__exit__()
        assert status == 0, status


def operations(openapi):
    for path, methods in openapi["paths"].items():
        for method, o in methods.items():
            yield method.upper(), path.replace("{id}", "1").replace("{name}", "anna"), o


def test_rights_of_every_role_at_every_route():
    with Server() as s:
        openapi = Person(s).ask("GET", "/openapi.json").json
        assert openapi["openapi"] == "3.1.0"
        people = {None: Person(s)}
        for role in ROLES:
            a = s.anna.ask("POST", "/accounts", {"name": role, "role": role, "password": PASSWORD})
            assert a.status == 201, a.data
            people[role] = Person(s)
            assert people[role].sign_in(role).status == 200
        tried = 0
        for method, path, o in operations(openapi):
            if o["operationId"] in EXPECTED:
                assert set(o["x-roles"]) == EXPECTED[o["operationId"]], o["operationId"]
            if o["operationId"] in ("signOut", "stream", "signIn", "setUp", "changeOwnPassword", "getMetrics"):
                continue
            for role, person in people.items():
                # What is refused later than by rights (no If-Match, no body) was let in.
                a = person.ask(method, path, {} if method in ("POST", "PATCH") else None)
                tried += 1
                if role is None and o["security"]:
                    assert a.status == 401, (o["operationId"], a.status)
                elif o["security"] and role not in o["x-roles"]:
                    assert a.status == 403, (o["operationId"], role, a.status)
                else:
                    assert a.status not in (401, 403) and a.status < 500, (o["operationId"], role, a.status, a.data)
        assert tried > 100, tried


def test_values_are_kept_from_who_may_not_see_them():
    with Server() as s:
        assert s.anna.ask("POST", "/accounts", {"name": "vera", "role": "compliance", "password": PASSWORD}).status == 201
        vera = Person(s)
        vera.sign_in("vera")
        with_results = [m for m in s.anna.ask("GET", "/messages?category=result&limit=50").json["items"] if m["n_results"]]
        one = with_results[0]["id"]
        assert s.anna.ask("GET", f"/messages/{one}").json["results"]
        hidden = vera.ask("GET", f"/messages/{one}").json
        assert hidden["results"] == [] and hidden["results_hidden"]
        assert "value" not in vera.ask("GET", f"/events/{one}").data.decode()
        assert "value" in s.anna.ask("GET", f"/events/{one}").data.decode()


def test_lists_page_without_loss():
    with Server() as s:
        for path in ("/devices", "/links", "/messages", "/events", "/findings", "/results", "/findings?order=last", "/devices?order=last"):
            whole, cursor, pages = [], "", 0
            while cursor is not None:
                a = s.anna.ask("GET", f"{path}{'&' if '?' in path else '?'}limit=7" + (f"&cursor={cursor}" if cursor else "")).json
                whole += a["items"]
                cursor = a["next"]
                pages += 1
            once = []
            cursor = ""
            while cursor is not None:
                a = s.anna.ask("GET", f"{path}{'&' if '?' in path else '?'}limit=500" + (f"&cursor={cursor}" if cursor else "")).json
                once += a["items"]
                cursor = a["next"]
            assert [json.dumps(x) for x in whole] == [json.dumps(x) for x in once], path
            assert pages > 1, path


def test_decisions_are_recorded_with_who_and_where():
    with Server() as s:
        seen = s.anna.ask("GET", "/devices/1")
        match = {"If-Match": seen.getheader("ETag")}
        a = s.anna.ask("PATCH", "/devices/1", {"state": "approved", "reason": "ours"}, match)
        assert a.status == 200 and a.json["state"] == "approved", a.data
        assert s.anna.ask("PATCH", "/devices/1", {"state": "blocked"}, match).status == 412
        finding = s.anna.ask("GET", "/findings?state=open").json["items"][0]["id"]
        seen = s.anna.ask("GET", f"/findings/{finding}")
        match = {"If-Match": seen.getheader("ETag")}
        assert s.anna.ask("PATCH", f"/findings/{finding}", {"state": "closed"}, match).status == 400
        assert s.anna.ask("PATCH", f"/findings/{finding}", {"state": "closed", "reason": "seen to"}, match).status == 200
        events = s.anna.ask("GET", "/events?kind=finding&limit=1").json["items"]
        assert events[0]["fields"]["who"] == "anna" and events[0]["fields"]["reason"] == "seen to", events
        told = s.anna.ask("GET", "/events?kind=account").json["items"]
        assert {e["fields"]["what"] for e in told} >= {"setup", "login"}
        assert all(e["fields"].get("from") == "127.0.0.1" for e in told), told


def test_hostile_requests():
    with Server() as s:
        stranger = Person(s)
        for path in ("/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "/api/v1/../keys/console.pem", "/keys/identifier.key",
                     "//etc/passwd", "/index.html%00.js", "/api/v1/devices/1%00", "/api/v1/devices/1;x", "/" + "a" * 5000):
            a = stranger.ask("GET", path, raw=True)
            assert a.status in (400, 401, 404, 414), (path, a.status)
        a = s.anna.ask("POST", "/accounts", b'{"name":"' + b"x" * 20000 + b'"}', {"Content-Type": "application/json"})
        assert a.status == 413, a.status
        for body in (b"", b"[", b'{"a":' * 2000, b"\x00\x01", b'{"name":"\xff"}', b'"text"', b'{"name":{"a":1}}'):
            a = s.anna.ask("POST", "/accounts", body, {"Content-Type": "application/json"})
            assert a.status == 400, (body[:20], a.status)
        a = s.anna.ask("POST", "/accounts", b"name=x", {"Content-Type": "application/x-www-form-urlencoded"})
        assert a.status == 415, a.status
        a = s.anna.ask("GET", "/devices?find=%27%20OR%201=1%20--")
        assert a.status == 200 and a.json["items"] == [], a.data
        a = s.anna.ask("GET", "/devices?find=%25")
        assert a.status == 200 and a.json["items"] == []
        a = s.anna.ask("PATCH", "/devices/1", {"state": "approved"}, {"Origin": "https://evil.example", "If-Match": "x"})
        assert a.status == 403
        bare = Person(s)
        bare.cookie = s.anna.cookie
        assert bare.ask("PATCH", "/devices/1", {"state": "approved"}, {"If-Match": "x"}).status == 403
        for verb in ("PUT", "TRACE", "OPTIONS", "CONNECT", "FOO"):
            assert stranger.ask(verb, "/devices").status in (400, 401, 405, 501), verb
        assert stranger.ask("GET", "/session").status == 200


def test_fixed_sessions_and_cookies():
    with Server() as s:
        victim = Person(s)
        victim.cookie = "__Host-hemostat=" + "a" * 32
        a = victim.sign_in("anna")
        assert a.status == 200
        told = a.getheader("Set-Cookie")
        assert "a" * 32 not in told
        for word in ("HttpOnly", "Secure", "SameSite=Strict", "Path=/"):
            assert word in told, told
        first = victim.cookie
        again = Person(s)
        again.cookie = first
        again.sign_in("anna")
        assert again.cookie != first
        old = Person(s)
        old.cookie = first
        assert old.ask("GET", "/devices").status == 401, "the session one came with must end"
        assert again.ask("GET", "/devices").status == 200
        assert again.ask("DELETE", "/session").status == 204
        assert again.ask("GET", "/devices").status == 401
        a = s.anna.ask("POST", "/accounts", {"name": "ben", "role": "administrator", "password": PASSWORD})
        ben = Person(s)
        ben.sign_in("ben")
        assert ben.ask("GET", "/accounts").status == 200
        tag = s.anna.ask("GET", "/accounts/ben").getheader("ETag")
        assert s.anna.ask("PATCH", "/accounts/ben", {"state": "disabled"}, {"If-Match": tag}).status == 200
        assert ben.ask("GET", "/accounts").status == 401, "a disabled account is out at once"
        assert ben.sign_in("ben").status == 401


def raw_exchange(port, data, seconds=5):
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as plain:
        with loose().wrap_socket(plain) as tls:
            tls.sendall(data)
            out = b""
            try:
                while chunk := tls.recv(65536):
                    out += chunk
            except (TimeoutError, socket.timeout, ssl.SSLError, ConnectionError):
                pass
            return out


def test_smuggling_and_broken_http():
    with Server() as s:
        both = (b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 4\r\n"
                b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\nGET /api/v1/session HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw_exchange(s.port, both).count(b"HTTP/1.1 200") <= 1
        for data in (b"\r\n\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n",
                     b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: " + b"b" * 40000 + b"\r\n\r\n", b"\x00" * 100,
                     b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
                     b"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n"):
            out = raw_exchange(s.port, data, 1)
            assert b"HTTP/1.1 5" not in out or b"505" in out or b"501" in out, (data[:40], out[:80])
        with socket.create_connection(("127.0.0.1", s.port), timeout=5) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            out = b""
            try:
                out = plain.recv(1000)
            except ConnectionError:
                pass
            assert not out.startswith(b"HTTP"), out
        old = loose()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        try:
            with socket.create_connection(("127.0.0.1", s.port), timeout=5) as plain:
                old.wrap_socket(plain)
            raise AssertionError("TLS 1.2 was accepted")
        except ssl.SSLError:
            pass
        assert s.anna.ask("GET", "/session").status == 200


def test_headers_metrics_and_files():
    with Server() as s:
        a = Person(s).ask("GET", "/", raw=True)
        assert a.status == 200 and "script-src 'self'" in a.getheader("Content-Security-Policy")
        assert "unsafe" not in a.getheader("Content-Security-Policy")
        assert a.getheader("X-Content-Type-Options") == "nosniff"
        assert b"http://" not in re.sub(rb"http://www.w3.org/[^'\"]*", b"", a.data)
        assert Person(s).ask("GET", "/", headers={"If-None-Match": a.getheader("ETag")}, raw=True).status == 304
        m = Person(s).ask("GET", "/metrics", raw=True)
        assert m.status == 200 and m.data.endswith(b"# EOF\n"), m.data[-40:]
        assert b'hemostat_messages_total{proto="hl7"}' in m.data
        mode = (s.data / "keys" / "console.pem").stat().st_mode & 0o777
        assert mode == 0o600, oct(mode)
        kept = b"".join(p.read_bytes() for p in s.data.rglob("*") if p.is_file())
        assert PASSWORD.encode() not in kept
        assert s.anna.csrf.encode() not in kept and s.token.encode() not in kept


def listen(server, wanted, seconds=15):
    """Events of the stream until one of kind `wanted` came."""
    c = http.client.HTTPSConnection("127.0.0.1", server.port, context=loose(), timeout=seconds)
    c.request("GET", "/api/v1/stream", headers={"Cookie": server.anna.cookie})
    a = c.getresponse()
    assert a.status == 200 and a.getheader("Content-Type") == "text/event-stream"
    changed = threading.Thread(target=run, args=("device", "block", "3", "--reason", "test"), kwargs={"data": server.data})
    changed.start()
    heard, line = b"", f"event: {wanted}\n".encode()
    # A whole event: its line, and the empty line that ends it.
    while line not in heard or b"\n\n" not in heard[heard.index(line):]:
        chunk = a.read1(65536)
        assert chunk, heard
        heard += chunk
    changed.join()
    c.close()
    return heard


def test_changes_are_heard_at_once():
    with Server() as s:
        heard = listen(s, "device")
        assert b'"who"' in heard and b"id: " in heard, heard[:2000]


def web_role(parent):
    for p in pathlib.Path("/proc").iterdir():
        try:
            if p.name.isdigit() and b"hemostat: web" in (p / "cmdline").read_bytes() \
                    and int((p / "stat").read_text().rsplit(")", 1)[1].split()[1]) == parent:
                return int(p.name)
        except (OSError, ValueError):
            continue
    return None


def test_a_dead_console_comes_back_and_that_is_recorded():
    with Server() as s:
        os.kill(web_role(s.process.pid), signal.SIGKILL)
        for _ in range(100):
            try:
                back = Person(s)
                if back.sign_in("anna").status == 200:
                    break
            except (ConnectionError, ssl.SSLError, http.client.HTTPException):
                pass
            time.sleep(0.1)
        else:
            raise AssertionError("it did not come back")
        assert Person(s).ask("GET", "/session").json["setup"] is False
        told = back.ask("GET", "/events?kind=process").json["items"]
        assert any(e["fields"].get("role") == "web" and e["fields"]["what"] == "crash" for e in told), told


def test_accounts_on_the_command_line():
    with Folder() as folder:
        data = folder / "data"
        assert run("demo", data=data).returncode == 0
        assert run("account", "add", "ada", "--role", "administrator", data=data, stdin="password1234\n").returncode == 2
        assert run("account", "add", "ada", "--role", "king", data=data, stdin=PASSWORD + "\n").returncode == 2
        assert run("account", "add", "Ada!", "--role", "viewer", data=data, stdin=PASSWORD + "\n").returncode == 2
        assert run("account", "add", "ada", "--role", "administrator", data=data, stdin=PASSWORD + "\n").returncode == 0
        assert run("account", "add", "ada", "--role", "viewer", data=data, stdin=PASSWORD + "\n").returncode == 4
        assert run("account", "add", "bob", "--role", "viewer", data=data, stdin=PASSWORD + "\n").returncode == 0
        assert run("account", "role", "bob", "auditor", data=data).returncode == 0
        assert run("account", "disable", "ada", data=data).returncode == 4, "the last administrator stays"
        assert run("account", "disable", "bob", "--reason", "left", data=data).returncode == 0
        people = [json.loads(x) for x in run("account", "list", "--json", data=data).stdout.splitlines()]
        assert [(p["name"], p["role"], p["state"]) for p in people] == [
            ("ada", "administrator", "enabled"), ("bob", "auditor", "disabled")], people
        told = run("event", "list", "--kind", "account", "--json", data=data).stdout
        assert '"before":"viewer","after":"auditor"' in told and '"reason":"left"' in told
        assert run("store", "rebuild", data=data).returncode == 0
        assert "bob" in run("account", "list", data=data).stdout


def test_a_taken_port_is_told():
    with socket.socket() as s, Folder() as folder:
        s.bind(("127.0.0.1", 0))
        s.listen()
        p = run("demo", "--serve", "--listen", f"127.0.0.1:{s.getsockname()[1]}", data=folder / "data")
        assert p.returncode == 4 and "in use" in p.stderr, (p.returncode, p.stderr)
        for wrong in ("localhost:1", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", ":8443", "[::1:8443", ""):
            p = run("demo", "--serve", "--listen", wrong, data=folder / "data")
            assert p.returncode == 2, (wrong, p.returncode, p.stderr)


main(globals())
