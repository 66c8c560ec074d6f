#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Turn the tables of data/ into C arrays for src/asset/tables.c.

    tools/tables.py DATA_FOLDER OUTPUT.c

Run by Meson. A row with a wrong number of columns, a bad date, an unknown word or a second row of the
same key stops the build and names file and line.
"""
import datetime
import os
import re
import sys

CLASSES = {"analyzer", "glucose_meter", "imaging", "middleware", "lis", "pacs", "serial_server", "workstation",
           "server", "printer", "network"}


def fail(path, line, text):
    sys.exit("%s:%d: %s" % (path, line, text))


def rows(folder, name, columns, key):
    """Yield (line number, columns) of a table; comments begin with '#'."""
    path = os.path.join(folder, name)
    seen = {}
    comments = 0
    with open(path, encoding="utf-8") as f:
        for number, text in enumerate(f, 1):
            text = text.rstrip("\n")
            if text.startswith("#"):
                comments += 1
                continue
            row = text.split("\t")
            if len(row) != columns:
                fail(path, number, "%d columns, expected %d" % (len(row), columns))
            if key(row) in seen:
                fail(path, number, "the same as line %d" % seen[key(row)])
            seen[key(row)] = number
            yield path, number, row
    if comments == 0:
        fail(path, 1, "no header that states source and date")


def quote(text):
    out = ""
    for b in text.encode("utf-8"):
        out += chr(b) if 32 <= b < 127 and chr(b) not in '"\\?' else "\\%03o" % b
    return '"%s"' % out


def day(path, number, text):
    """Days since 1970, 0 for none."""
    if text == "":
        return 0
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        fail(path, number, "date '%s' is not YYYY-MM-DD" % text)
    return (datetime.date.fromisoformat(text) - datetime.date(1970, 1, 1)).days


def main():
    folder, output = sys.argv[1:]
    out = ["/* Made by tools/tables.py from data/; do not edit. */", '#include "asset/tables_data.h"', ""]

    makers, ouis = {}, []
    for path, number, (oui, maker) in rows(folder, "oui.tsv", 2, lambda r: r[0]):
        if not re.fullmatch(r"[0-9A-F]{6}", oui):
            fail(path, number, "'%s' is not six hex digits" % oui)
        ouis.append((int(oui, 16), makers.setdefault(maker, len(makers))))
    out.append("const char *const oui_makers[] = {")
    out += ["\t%s," % quote(m) for m in makers]
    out += ["};", "", "const struct oui_row oui_rows[] = {"]
    out += ["\t{0x%06x, %d}," % o for o in sorted(ouis)]
    out += ["};", "const size_t oui_rows_n = %d;" % len(ouis), ""]

    out.append("const struct model_row model_rows[] = {")
    n = 0
    for path, number, (kind, text, maker, klass, name) in rows(folder, "maker-models.tsv", 5, lambda r: (r[0], r[1])):
        if kind not in ("word", "prefix") or klass not in CLASSES or text != text.lower() or not text:
            fail(path, number, "match, text or class")
        out.append("\t{%s, %d, %s, %s, %s}," % (quote(text), kind == "prefix", quote(maker), quote(klass), quote(name)))
        n += 1
    out += ["};", "const size_t model_rows_n = %d;" % n, ""]

    out.append("const struct os_row os_rows[] = {")
    n = 0
    for path, number, (kind, text, name, end, latest, source) in rows(folder, "os-support.tsv", 6, lambda r: (r[0], r[1])):
        a, b = day(path, number, end), day(path, number, latest)
        if kind not in ("exact", "prefix") or not text or not name or (b and b < a) or (b and not a) or (a and not source):
            fail(path, number, "match, text, name or order of dates")
        out.append("\t{%s, %d, %s, %d, %d, %s}," % (quote(text), kind == "exact", quote(name), a, b or a, quote(source)))
        n += 1
    out += ["};", "const size_t os_rows_n = %d;" % n, ""]

    out.append("const struct fingerprint_row fingerprint_rows[] = {")
    n = 0
    for path, number, (options, name) in rows(folder, "dhcp-fingerprints.tsv", 2, lambda r: r[0]):
        if not re.fullmatch(r"\d+(,\d+)*", options):
            fail(path, number, "options are numbers with commas")
        out.append("\t{%s, %s}," % (quote(options), quote(name)))
        n += 1
    out += ["};", "const size_t fingerprint_rows_n = %d;" % n]

    with open(output, "w", encoding="ascii") as f:
        f.write("\n".join(out) + "\n")


main()
