"""Count test cases in Meson's logs and print the closing line; exit 1 where one failed.
A C test that lacks its data or a privilege prints "# ...: skipped" and returns: it counts as
skipped, never as passed."""
import pathlib
import re
import sys
import xml.etree.ElementTree as xml

logs = pathlib.Path(sys.argv[1])
passed = failed = skipped = 0
for case in xml.parse(logs / "testlog.junit.xml").iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None:
        failed += 1
        print("failed:", case.get("classname") or "", case.get("name"))
    elif case.find("skipped") is not None:
        skipped += 1
    else:
        passed += 1
said = re.findall(r"^# .*\bskipped\b.*$", (logs / "testlog.txt").read_text(errors="replace"), re.MULTILINE)
passed -= len(said)
skipped += len(said)
if skipped:
    print(f"{skipped} skipped: data or a privilege they need is not here")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or passed <= 0 else 0)
