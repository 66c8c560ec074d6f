"""What the lab twin puts into a capture is what the sensor says was in it."""
import gzip
import json
import subprocess

from tap import Folder, HEMOSTAT, lines, main, need, run, watch


def make(folder, kind, mib=4, disorder=0, seed=1):
    path = folder / f"{kind}.pcap"
    p = run("lab", "make", path, "--kind", kind, "--mib", mib, "--disorder", disorder, "--seed", seed)
    assert p.returncode == 0, p.stderr
    return path, lines(p.stdout)[-1]


def compare(truth, summary):
    assert summary["packets"] == truth["packets"], (summary["packets"], truth["packets"])
    assert summary["bytes"] == truth["bytes"]
    for proto, count in truth["messages"].items():
        assert summary["messages"].get(proto, 0) == count, (proto, summary["messages"], truth["messages"])
    assert summary["results"] == truth["results"], (summary["results"], truth["results"])


def check(kind, disorder, seeds=(1,)):
    for seed in seeds:
        with Folder() as folder:
            path, truth = make(folder, kind, disorder=disorder, seed=seed)
            summary = watch(path, folder / "data")
            compare(truth, summary)
            assert not summary["anomalies"], (seed, summary["anomalies"])


def test_records_in_order():
    check("records", 0)


def test_records_one_percent_disorder():
    check("records", 10000)


def test_records_five_percent_disorder():
    check("records", 50000, range(1, 4))


def test_short_connections():
    check("short", 0)


def test_short_connections_in_disorder():
    check("short", 50000, range(1, 4))


def test_images():
    check("dicom", 0)


def test_images_in_disorder():
    check("dicom", 50000, range(1, 4))


def test_the_day():
    with Folder() as folder:
        path, truth = make(folder, "day")
        summary = watch(path, folder / "data")
        compare(truth, summary)
        expected = {"clear_phi", "clear_credentials", "scan", "login_brute_force", "bulk_query",
                    "hidden_executable", "arp_takeover", "outside_zone", "tcp_conflict", "result_changed",
                    "weak_tls", "os_unsupported", "open_setup_port"}
        missing = expected - set(summary["findings"])
        assert not missing, f"not found: {missing}; found {summary['findings']}"


def test_the_day_in_disorder():
    """Every tenth segment late, overtaken or twice: what is told stays, and no answer comes before
    what it answers. Only the forged segment may come before the one it repeats: then its bytes are
    the first, which takes the result they stand in."""
    for seed in range(1, 11):
        with Folder() as folder:
            path, truth = make(folder, "day", disorder=100000, seed=seed)
            summary = watch(path, folder / "data")
        if summary["results"] == truth["results"] - 1:
            truth["results"] -= 1
        compare(truth, summary)
        told = set(summary["anomalies"]) - {"tcp_conflict", "tls_version_old", "tls_cipher_weak"}
        assert not told, (seed, summary["anomalies"])


def test_two_sensors_see_the_same():
    with Folder() as folder:
        path, truth = make(folder, "records", disorder=10000)
        compare(truth, watch(path, folder / "data", "--sensors", "2"))


def test_gzip_and_standard_input():
    with Folder() as folder:
        path, truth = make(folder, "short", mib=1)
        packed = folder / "short.pcap.gz"
        packed.write_bytes(gzip.compress(path.read_bytes(), 1))
        compare(truth, watch(packed, folder / "one"))
        p = subprocess.run([HEMOSTAT, "--data", str(folder / "two"), "watch", "-r", "-", "--json"],
                           input=packed.read_bytes(), capture_output=True, check=False, timeout=120)
        assert p.returncode == 0, p.stderr
        compare(truth, json.loads(p.stdout.splitlines()[-1]))


def test_zstd():
    need("zstd")
    with Folder() as folder:
        path, truth = make(folder, "short", mib=1)
        subprocess.run(["zstd", "-q", str(path)], check=True)
        compare(truth, watch(f"{path}.zst", folder / "data"))


def test_same_capture_same_events():
    with Folder() as folder:
        path, _ = make(folder, "day")
        texts = []
        key = None
        for name in ("one", "two"):
            data = folder / name
            if key is not None:
                (data / "keys").mkdir(parents=True, mode=0o700)
                data.chmod(0o700)
                target = data / "keys/identifier.key"
                target.write_bytes(key)
                target.chmod(0o600)
            watch(path, data)
            key = (data / "keys/identifier.key").read_bytes()
            events = lines(run("event", "list", "--limit", "0", "--oldest", "--json", data=data).stdout)
            # Hemostat's own acts carry the time of the clock.
            texts.append([e for e in events if e["type"] not in ("capture", "process")])
        assert len(texts[0]) == len(texts[1]) > 100
        for a, b in zip(*texts):
            a.pop("id"), b.pop("id")
            assert a == b, (a, b)


main(globals())
