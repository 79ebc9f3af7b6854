"""Plots as SVG, with nothing but the standard library."""

import math
from html import escape

WIDTH, HEIGHT = 720, 360
LEFT, RIGHT, TOP, BOTTOM = 80, 24, 48, 56
COLORS = ("#1f77b4", "#7f7f7f", "#d62728", "#2ca02c", "#9467bd")


def nice(value):
    """Steps of an axis up to `value`."""
    step = 10 ** math.floor(math.log10(value / 4))
    step *= next(factor for factor in (1, 2, 5, 10) if value / (step * factor) <= 6)
    return [step * number for number in range(int(value / step) + 2)]


def label(value):
    if value >= 1 << 20 and value % (1 << 20) == 0:
        return f"{value >> 20} Mi"
    if value >= 1 << 10 and value % (1 << 10) == 0:
        return f"{value >> 10} Ki"
    return f"{value:g}"


class Plot:
    def __init__(self, title, x_title, y_title):
        self.body = []
        self.text(WIDTH / 2, 24, title, size=16)
        self.text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, x_title)
        self.body.append(
            f'<text x="18" y="{(TOP + HEIGHT - BOTTOM) / 2}" text-anchor="middle" '
            f'transform="rotate(-90 18 {(TOP + HEIGHT - BOTTOM) / 2})">{escape(y_title)}</text>')

    def text(self, x, y, text, anchor="middle", size=12):
        self.body.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}">{escape(str(text))}</text>')

    def line(self, x1, y1, x2, y2, color="#ccc", width=1):
        self.body.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{color}" stroke-width="{width}"/>')

    def scale(self, top, logarithmic=False, bottom=0):
        span = HEIGHT - TOP - BOTTOM
        if logarithmic:
            return lambda v: HEIGHT - BOTTOM - span * math.log(max(v, bottom) / bottom) / math.log(top / bottom)
        return lambda v: HEIGHT - BOTTOM - span * v / top

    def legend(self, names):
        x = LEFT + 8
        for name, color in names:
            self.body.append(f'<rect x="{x}" y="{TOP - 16}" width="10" height="10" fill="{color}"/>')
            self.text(x + 14, TOP - 7, name, anchor="start")
            x += 28 + 7 * len(name)

    def save(self, path):
        with open(path, "w", encoding="utf-8") as file:
            file.write(
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="12">'
                f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>' + "\n".join(self.body) + "</svg>\n")


def bars(path, title, y_title, groups):
    """`groups`: for each group a dictionary of names to (median, least, most)."""
    plot = Plot(title, "", y_title)
    names = list(dict.fromkeys(name for values in groups.values() for name in values))
    steps = nice(max(most for values in groups.values() for _, _, most in values.values()))
    y = plot.scale(steps[-1])
    for step in steps:
        plot.line(LEFT, y(step), WIDTH - RIGHT, y(step))
        plot.text(LEFT - 6, y(step) + 4, label(step), anchor="end")
    width = (WIDTH - LEFT - RIGHT) / len(groups)
    bar = width * 0.8 / len(names)
    for index, (group, values) in enumerate(groups.items()):
        plot.text(LEFT + width * (index + 0.5), HEIGHT - BOTTOM + 18, group)
        for name, (median, least, most) in values.items():
            place = names.index(name)
            x = LEFT + width * (index + 0.1) + bar * place
            plot.body.append(
                f'<rect x="{x:.1f}" y="{y(median):.1f}" width="{bar * 0.9:.1f}" height="{HEIGHT - BOTTOM - y(median):.1f}" '
                f'fill="{COLORS[place]}"/>')
            plot.line(x + bar * 0.45, y(least), x + bar * 0.45, y(most), "#000", 1.5)
    plot.legend(list(zip(names, COLORS)))
    plot.save(path)


def lines(path, title, x_title, y_title, series, logarithmic=False):
    """`series`: names to points (x, y); with `logarithmic` both axes are."""
    plot = Plot(title, x_title, y_title)
    points = [point for values in series.values() for point in values]
    xs, ys = sorted({x for x, _ in points}), [value for _, value in points]
    if logarithmic:
        bottom, top = 10 ** math.floor(math.log10(min(ys))), 10 ** math.ceil(math.log10(max(ys)))
        steps, y = [bottom * 10 ** n for n in range(round(math.log10(top / bottom)) + 1)], plot.scale(top, True, bottom)
        x = lambda v: LEFT + (WIDTH - LEFT - RIGHT) * math.log(v / xs[0]) / math.log(xs[-1] / xs[0])
        marks = xs
    else:
        steps = nice(max(ys))
        y = plot.scale(steps[-1])
        marks = nice(xs[-1])
        x = lambda v: LEFT + (WIDTH - LEFT - RIGHT) * v / marks[-1]
    for step in steps:
        plot.line(LEFT, y(step), WIDTH - RIGHT, y(step))
        plot.text(LEFT - 6, y(step) + 4, label(step), anchor="end")
    for mark in marks:
        plot.text(x(mark), HEIGHT - BOTTOM + 18, label(mark))
    for (name, values), color in zip(series.items(), COLORS):
        path_points = " ".join(f"{x(a):.1f},{y(b):.1f}" for a, b in values)
        plot.body.append(f'<polyline points="{path_points}" fill="none" stroke="{color}" stroke-width="2"/>')
        for a, b in values:
            plot.body.append(f'<circle cx="{x(a):.1f}" cy="{y(b):.1f}" r="3" fill="{color}"/>')
    plot.legend(list(zip(series, COLORS)))
    plot.save(path)
