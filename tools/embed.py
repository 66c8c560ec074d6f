"""Build the console and write it into a C table: embed.py WEB_DIR OUT.c WORK_DIR auto|enabled|disabled

Node and the packages of web/package-lock.json make the console. Where node is missing, or its packages are
neither here nor to be had, `auto` embeds web/plain.html instead, which says what to install; `enabled` fails."""
import fcntl
import gzip
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".svg": "image/svg+xml", ".json": "application/json"}


class NotBuilt(Exception):
    """The console could not be built; the text says why."""


def call(command, folder, why):
    p = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if p.returncode != 0:
        raise NotBuilt(f"{why}: {(p.stderr or p.stdout).strip()[-800:]}")


def packages(web):
    """node_modules as the lock file says; one build at a time."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        raise NotBuilt("node and npm are not installed (Debian: nodejs npm)")
    lock, mark = web / "package-lock.json", web / "node_modules" / ".made-from"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    if mark.exists() and mark.read_text() == digest:
        return
    call(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], web, "npm ci")
    mark.write_text(digest)


def build(web, work):
    with open(web / "package.json", "rb") as guard:
        fcntl.flock(guard, fcntl.LOCK_EX)
        packages(web)
    call(["node", str(web / "build.mjs"), str(work)], web, "the console does not build")


def plain(web, work):
    shutil.copy(web / "plain.html", work / "index.html")


def array(name, data):
    numbers = ",".join(map(str, data))
    return f"static const unsigned char {name}[] = {{{numbers}}};\n"


def embed(work, out):
    rows, arrays = [], []
    files = sorted((p for p in work.rglob("*") if p.is_file() and p.suffix in TYPES), key=lambda p: str(p.relative_to(work)).encode())
    for number, path in enumerate(files):
        data = path.read_bytes()
        forms = {"plain": data, "gzip": gzip.compress(data, 9, mtime=0)}
        brotli = path.with_name(path.name + ".br")
        if brotli.exists():
            forms["brotli"] = brotli.read_bytes()
        cells = []
        for form in ("plain", "gzip", "brotli"):
            kept = form in forms and (form == "plain" or len(forms[form]) < len(data))
            if kept:
                arrays.append(array(f"{form}_{number}", forms[form]))
            cells.append((f"{form}_{number}", len(forms[form])) if kept else ("NULL", 0))
        named = int(re.search(r"-[0-9A-Z]{8}\.", path.name) is not None)
        digest = hashlib.sha256(data).hexdigest()[:24]
        rows.append(f'\t{{"/{path.relative_to(work)}", "{TYPES[path.suffix]}", "\\"{digest}\\"", {named}, '
                    + ", ".join(c[0] for c in cells) + ", " + ", ".join(str(c[1]) for c in cells) + "},\n")
    text = '/* Made by tools/embed.py from web/. */\n#include "api/assets.h"\n\n' + "".join(arrays)
    text += "\nconst struct asset assets[] = {\n" + "".join(rows) + "};\n"
    text += f"const size_t n_assets = {len(rows)};\n"
    out.write_text(text)


def main():
    web, out, work, mode = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]), sys.argv[4]
    out = out.resolve()
    work = (work / "files").resolve()
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if mode == "disabled":
        plain(web, work)
    else:
        try:
            build(web, work)
        except NotBuilt as why:
            if mode == "enabled":
                sys.exit(f"console: {why}")
            print(f"console: {why}\nconsole: the program is built without it; the API works", file=sys.stderr)
            shutil.rmtree(work, ignore_errors=True)
            work.mkdir()
            plain(web, work)
    embed(work, out)


main()
