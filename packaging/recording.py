"""Runs a command and draws what it prints as a terminal, an SVG in which each line appears when it was printed.

    recording.py OUTPUT.svg SHOWN COMMAND…

SHOWN is what stands behind the prompt. Lines are cut at the terminal's width, and what took long is shown as half a second.
"""

import html
import subprocess
import sys
import time

COLUMNS, LONGEST_PAUSE = 118, 0.5
WIDTH, LINE, MARGIN = 7.2, 17, 14


def record(command):
    """The lines of the command's output, each with the seconds after which it came."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    lines, last, now = [], time.monotonic(), 0.5
    for line in process.stdout:
        moment = time.monotonic()
        now += min(moment - last, LONGEST_PAUSE)
        last = moment
        lines.append((now, line.rstrip("\n").expandtabs()))
    if process.wait() != 0:
        sys.exit(f"The command ended with {process.returncode}:\n" + "\n".join(text for _, text in lines))
    return lines


def cut(text):
    return text if len(text) <= COLUMNS else text[: COLUMNS - 1] + "…"


def main():
    output, shown, *command = sys.argv[1:]
    lines = [(0.0, f"$ {shown}"), *record(command)]
    width, height = COLUMNS * WIDTH + 2 * MARGIN, len(lines) * LINE + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" xml:space="preserve" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}">',
        f"<title>{html.escape(shown)}</title>",
        "<style>text { font: 12px ui-monospace, Menlo, Consolas, monospace; fill: #d8dee9; white-space: pre; animation: appear 0.01s both; }"
        " .command { fill: #a3be8c; } @keyframes appear { from { opacity: 0; } }</style>",
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#2e3440"/>']
    for number, (moment, text) in enumerate(lines):
        if text:
            kind = ' class="command"' if text[0] in "+$" else ""
            y = MARGIN + LINE * (number + 0.75)
            parts.append(f'<text x="{MARGIN}" y="{y:.0f}"{kind} style="animation-delay: {moment:.2f}s">{html.escape(cut(text), quote=False)}</text>')
    with open(output, "w", encoding="utf-8") as file:
        file.write("\n".join([*parts, "</svg>", ""]))


main()
