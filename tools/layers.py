"""Hold every #include "room/..." in src/ against the table of who may call whom."""
import pathlib
import re
import sys

PURE = ["base", "event", "people", "net", "proto", "ledger", "asset", "detect", "intel", "record", "sense"]
MAY = {
    "base": [],
    "event": ["base"],
    "people": ["base"],
    "sys": ["base"],
    "crypto": ["base"],
    "net": ["base", "event"],
    "proto": ["base", "event"],
    "ledger": ["base", "event", "crypto"],
    "asset": ["base", "event", "proto", "net"],
    "detect": ["base", "event", "proto", "net", "asset"],
    "intel": ["base", "event", "proto", "net"],
    "record": ["base", "event", "proto", "net"],
    "sense": ["base", "event", "net", "proto"],
    "ipc": ["base", "sys", "crypto"] + PURE,
    "capture": ["base", "sys", "crypto"] + PURE,
    "store": ["base", "sys", "crypto"] + PURE,
    "tlog": ["base", "sys", "crypto", "ledger"],
    "verify": ["base", "crypto", "ledger"],
    "gate": ["base", "sys", "crypto", "ipc"] + PURE,
    "naming": ["base"],
    "lab": ["base", "event", "net", "proto", "capture"],
    "settings": ["base", "sys", "detect", "asset", "event", "gate"],
    "brain": ["base", "event", "asset", "detect", "store", "sys", "tlog", "ledger", "people"],
    "report": ["store", "ipc"] + PURE,
    "api": ["store", "ipc", "crypto", "brain"] + PURE,
    "cli": ["store", "tlog", "ipc", "sys", "role", "lab", "settings", "crypto", "capture", "brain", "gate"] + PURE,
}
# A carrier may be included by what it carries, nothing else crosses between protocols.
CARRIERS = {
    "hl7v2": ["mllp"], "poct1a": ["mllp"], "lis01": ["serialnet"], "lis02": ["lis01", "serialnet"],
    "fhir": ["http"], "http": ["fhir", "dicom", "tls"], "smb": ["names"],
}

root = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")
include = re.compile(r'^\s*#\s*include\s+"([^"]+)"')
bad = n = 0
for path in sorted((root / "src").rglob("*.[ch]")):
    parts = path.relative_to(root / "src").parts
    if len(parts) < 2 or parts[0] == "role":
        continue
    room = parts[0]
    test = path.stem.endswith(("_test", "_fuzz"))
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        found = include.match(line)
        if not found or "/" not in found.group(1):
            continue
        n += 1
        other = found.group(1).split("/")
        if other[0] == room:
            if room == "proto" and len(other) > 2 and len(parts) > 2 and other[1] != parts[1] and not test \
                    and other[1] not in CARRIERS.get(parts[1], []):
                print(f"{path}:{number}: protocol {parts[1]} may not include {other[1]}")
                bad += 1
        elif room not in MAY:
            print(f"{path}:{number}: room {room} is not in the table of tools/layers.py")
            bad += 1
        elif other[0] not in MAY[room] and not test:
            print(f"{path}:{number}: {room} may not include {other[0]}")
            bad += 1
print("1..1")
print(f"{'not ok' if bad else 'ok'} 1 - {n} includes keep to the layers")
sys.exit(1 if bad else 0)
