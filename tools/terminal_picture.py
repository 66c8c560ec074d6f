"""Text of a terminal to an SVG picture: tools/terminal_picture.py TITLE < text > picture.svg
README's picture: build/hemostat demo | python3 tools/terminal_picture.py "hemostat demo" > doc/images/demo.svg"""
import html
import sys

WIDTH, LINE, LEFT, TOP = 118, 18, 18, 54
COLOURS = {"critical": "#ff7b72", "high": "#ffa657", "medium": "#e3c05c", "low": "#8b949e"}
lines = [line.rstrip("\n") for line in sys.stdin]
cut = [line if len(line) <= WIDTH else line[: WIDTH - 1] + "…" for line in lines]
height = TOP + LINE * len(cut) + 14
print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT * 2 + WIDTH * 7.83:.0f} {height}" role="img" '
      f'aria-label="{html.escape(sys.argv[1])}">')
print('<rect width="100%" height="100%" rx="8" fill="#0d1117"/>')
for i, colour in enumerate(("#ff5f57", "#febc2e", "#28c840")):
    print(f'<circle cx="{20 + 20 * i}" cy="20" r="6" fill="{colour}"/>')
print(f'<text x="90" y="25" fill="#8b949e" font-family="monospace" font-size="13">{html.escape(sys.argv[1])}</text>')
print('<g font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13" fill="#e6edf3" '
      'xml:space="preserve">')
for i, line in enumerate(cut):
    y = TOP + LINE * i
    word = line.split()[0] if line.startswith("  ") and line.split() else ""
    if word in COLOURS:
        head = line[: line.index(word) + len(word)]
        print(f'<text x="{LEFT}" y="{y}"><tspan fill="{COLOURS[word]}" font-weight="bold">{html.escape(head)}</tspan>'
              f'{html.escape(line[len(head):])}</text>')
    elif line.isupper() or (line[:1].isupper() and line.split(" (")[0].isupper()) or line.startswith(("DEVICES", "FINDINGS")):
        print(f'<text x="{LEFT}" y="{y}" fill="#79c0ff" font-weight="bold">{html.escape(line)}</text>')
    else:
        print(f'<text x="{LEFT}" y="{y}">{html.escape(line)}</text>')
print("</g></svg>")
