"""The small tools that stand alone: one line of answer a case, in order, bad cases included."""
import json
import subprocess

from tap import HEMOSTAT, lines, main, run, shared

V31 = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
CASES = {  # command: (a good case, a bad case)
    ("cvss",): (V31, "CVSS:3.1/AV:N"),
    ("purl",): ("pkg:npm/a@1", "pkg:npm"),
    ("udi",): ("(01)00467769273227", "(01)00467769273228"),
    ("version", "compare", "deb"): ("1.0~rc1\t1.0", "1_0\t1.0"),
}
KEYS = {
    "cvss": ["vector", "version", "base", "temporal", "environmental", "score", "severity", "error"],
    "purl": ["type", "namespace", "name", "version", "qualifiers", "subpath", "canonical", "error"],
    "udi": ["udi", "issuer", "di", "lot", "serial", "expiry", "made", "software", "valid", "check", "doubt", "error"],
    "version": ["a", "b", "order", "reason"],
}


def feed(command, data):
    p = run(*command, "-", "--json", stdin=data)
    return p.returncode, [json.loads(x) for x in p.stdout.decode().splitlines()]


def is_bad(answer):
    return (answer["reason"] if "reason" in answer else answer["error"]) is not None


def test_keys_and_exit_status():
    for command, (good, bad) in CASES.items():
        for case, status in ((good, 0), (bad, 1)):
            arguments = case.split("\t") if command[0] == "version" else [case]
            p = run(*command, *arguments, "--json")
            (answer,) = lines(p.stdout)
            assert p.returncode == status, (command, case, p.returncode)
            assert list(answer) == KEYS[command[0]], answer
            assert is_bad(answer) == (status == 1), answer
            text = run(*command, *arguments)
            assert text.returncode == status and len(text.stdout.splitlines()) == 1, text.stdout


def test_a_bad_line_costs_no_other():
    for command, (good, bad) in CASES.items():
        g, b = good.encode(), bad.encode()
        hostile = [b, b"", b"\xff\xfe", b"a" * 70000, b"\x00", b"\t\t\t", b"\x1b[31m", "\u202e".encode(),
                   b"a" * 65537, b"%" * 300, b + b"\xc3"]
        data = b"\n".join(x for h in hostile for x in (g, h)) + b"\n"
        status, answers = feed(command, data)
        assert status == 1 and len(answers) == 2 * len(hostile), (command, len(answers))
        assert [is_bad(a) for a in answers] == [False, True] * len(hostile), (command, [is_bad(a) for a in answers])


def test_line_ends():
    for command, (good, _) in CASES.items():
        g = good.encode()
        for data, n in ((b"", 0), (g, 1), (g + b"\n", 1), (g + b"\r\n" + g, 2), (g + b"\n" + g + b"\n", 2)):
            status, answers = feed(command, data)
            assert status == 0 and len(answers) == n and not any(map(is_bad, answers)), (command, data)


def test_an_answer_does_not_wait_for_the_next_line():
    for command, (good, _) in CASES.items():
        with subprocess.Popen([HEMOSTAT, *command, "-", "--json"], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE) as p:
            for _ in range(3):
                p.stdin.write(good.encode() + b"\n")
                p.stdin.flush()
                assert not is_bad(json.loads(p.stdout.readline()))
            p.stdin.close()
            assert p.wait(timeout=20) == 0


def test_text_cannot_talk_to_the_terminal():
    for command in CASES:
        p = run(*command, "-", stdin=b"\x1b[31mred\x07\x9b\tx\n")
        assert p.returncode == 1 and not any(c in p.stdout for c in b"\x1b\x07\x9b"), p.stdout


def test_wrong_usage():
    for args in (("cvss",), ("purl",), ("udi",), ("version", "compare"), ("version", "compare", "deb"),
                 ("version", "compare", "deb", "1"), ("version", "compare", "deb", "1", "2", "3"),
                 ("version", "compare", "nonsense", "1", "2"), ("version", "nonsense"), ("cvss", "--nonsense")):
        p = run(*args)
        assert p.returncode == 2 and p.stderr.startswith("hemostat: "), (args, p.returncode, p.stderr)
    assert run("version").returncode == 0


def test_shared_scores_line_by_line():
    for name in ("v2", "v3.0", "v3.1", "v4.0"):
        rows = [x.split("\t") for x in shared(f"cvss/generated/{name}.tsv").read_text().splitlines()
                if not x.startswith("#")]
        status, answers = feed(("cvss",), "\n".join(r[0] for r in rows).encode())
        assert status == 0 and len(answers) == len(rows)
        for row, a in zip(rows, answers):
            want = [None if x == "-" else float(x) for x in row[1:]]
            got = [a["score"]] if name == "v4.0" else [a["base"], a["temporal"], a["environmental"]]
            assert a["vector"] == row[0] and got == want, (row, a)


def test_shared_pairs_line_by_line():
    for scheme in ("semver", "deb", "rpm", "pep440", "maven", "gem"):
        rows = [x.split("\t") for x in shared(f"versions/generated/{scheme}.tsv").read_text().splitlines()
                if not x.startswith("#")]
        status, answers = feed(("version", "compare", scheme), "\n".join(f"{r[0]}\t{r[1]}" for r in rows).encode())
        assert status == 0 and len(answers) == len(rows)
        for row, a in zip(rows, answers):
            assert (a["a"], a["b"], a["order"]) == (row[0], row[1], int(row[2])), (row, a)


main(globals())
