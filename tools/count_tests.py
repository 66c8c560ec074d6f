"""Count test cases in Meson's JUnit log and print the closing line; exit 1 where one failed."""
import sys
import xml.etree.ElementTree as xml

passed = failed = skipped = 0
for case in xml.parse(sys.argv[1]).iter("testcase"):
    if case.find("failure") is not None or case.find("error") is not None:
        failed += 1
        print("failed:", case.get("classname") or "", case.get("name"))
    elif case.find("skipped") is not None:
        skipped += 1
    else:
        passed += 1
if skipped:
    print(f"{skipped} skipped (data or a privilege they need is not here)")
print(f"{passed} passed, {failed} failed")
sys.exit(1 if failed or not passed else 0)
