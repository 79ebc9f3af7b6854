"""Makes docs/benchmarks.md and its plots out of what was measured. Run with `make bench`."""

import argparse
import datetime
import json
import os
import platform
import statistics
import subprocess

import plot


def first_line(*command):
    output = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    return output.splitlines()[0].strip() if output else "unknown"


def spread(values, digits=1):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} … {max(values):.{digits}f})"


def triple(values):
    return statistics.median(values), min(values), max(values)


def table(header, rows):
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    return "\n".join(lines + ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]) + "\n"


class Report:
    def __init__(self, measured):
        self.results = measured["results"]
        self.missing = measured["missing"]
        self.seconds = measured["seconds"]
        self.parts = []

    def add(self, text):
        self.parts.append(text.rstrip() + "\n")

    def values(self, scenario, case, name, field):
        field, _, part = field.partition("/")
        answers = self.results[scenario][str(case)].get(name, [])
        return [answer[field][part] if part else answer[field] for answer in answers]

    def ratios(self, scenario, case, name, other, field):
        pairs = zip(self.values(scenario, case, name, field), self.values(scenario, case, other, field))
        return [one / two for one, two in pairs]

    def names(self, scenario, case):
        return list(self.results[scenario][str(case)])

    def compare(self, scenario, field, digits=1, scale=1.0):
        """A row a case and peer: the median with least and most, and the ratio to the C program, round by round."""
        rows = []
        for case in self.results[scenario]:
            for name in self.names(scenario, case):
                values = [value * scale for value in self.values(scenario, case, name, field)]
                ratio = "" if name == "floor" else spread(self.ratios(scenario, case, name, "floor", field), 2)
                rows.append([case, name, spread(values, digits), ratio])
        return rows

    def bars(self, folder, file, scenario, field, title, y_title):
        groups = {
            case: {name: triple(self.values(scenario, case, name, field)) for name in self.names(scenario, case)}
            for case in self.results[scenario]}
        plot.bars(os.path.join(folder, file), title, y_title, groups)
        self.add(f"![{title}]({file})")


def machine():
    with open("/proc/cpuinfo") as file:
        models = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) >> 20
    with open("/etc/os-release") as file:
        system = dict(line.rstrip().split("=", 1) for line in file if "=" in line)["PRETTY_NAME"].strip('"')
    return [
        ["Processor", f"{models[0] if models else platform.machine()}, {os.cpu_count()} threads"],
        ["Memory", f"{memory} GiB"],
        ["System", f"{system}, Linux {platform.release()}, {first_line('systemctl', '--version')}"],
        ["Swift", first_line("swift", "--version")],
        ["C and C++", first_line("g++", "--version")],
        ["Apache Thrift", first_line("thrift", "-version")],
        ["Date", datetime.date.today().isoformat()],
    ]


INTRODUCTION = """
# What it costs

Made by `make bench` from what it measured on this machine; nothing here was typed. Each figure is a median, in brackets the least and
the most of all rounds. A ratio is taken round by round between runs that follow each other, and holds where the machine's speed
drifts; absolute times do not.

A line is what osqueryd makes of one: a connection for a ping and a connection for the call (`Tests/Benchmarks/driver.cpp`, over Apache
Thrift's C++ library). CPU is user and system time of the extension's process. After the runs all lines were looked up in the journal.

The peers, all in `Tests/Benchmarks`:

- **floor**, `floor.c`: a hand-written C program that makes the same entries with fixed fields, and looks at nothing. Nobody could use it.
- **C++ SDK**, `sdk.cpp`: Apache Thrift's generated code and TThreadedServer, as osquery's own SDK has it.
- **Python SDK**, `sdk.py`: PyPI's `osquery` and `systemd-python`.
- The Go SDK cannot be built here. Measured elsewhere, on a machine of this kind, beside other runs of the C program and the C++ SDK
  (70–72 and 240–268 ms): 424–474 ms of CPU per 1,000 lines as it comes, 294–298 ms with a buffered transport; 205 ms to start.
"""


def write(report, micro, units, folder):
    add = report.add
    add(INTRODUCTION)
    if report.missing:
        add("Not built, and so not measured: " + "; ".join(f"{n} ({why})" for n, why in report.missing.items()) + ".")
    add(table(["", ""], machine()))

    add("## A line")
    add(table(["result of", "", "CPU per 1,000, ms", "÷ floor"], report.compare("results", "cpu_per_1000")))
    report.bars(folder, "cpu.svg", "results", "cpu_per_1000", "CPU per 1,000 results, one caller", "ms")
    add("The same with results of 400 bytes, caller and extension kept on one processor or on one each. A wake-up across processors costs "
        "more, and a run that is left alone, as above, has some of each.")
    add(table(["on", "", "CPU per 1,000, ms", "÷ floor"], report.compare("places", "cpu_per_1000")))
    rows = []
    for name in report.names("results", "400 B"):
        quantiles = [report.values("results", "400 B", name, f"latency_us/{q}") for q in ("50", "99", "99.9")]
        ratios = [
            "" if name == "floor" else spread(report.ratios("results", "400 B", name, "floor", f"latency_us/{q}"), 2)
            for q in ("50", "99")]
        rows.append([name, *(spread(q, 0) for q in quantiles), *ratios])
    add("How long a line of 400 bytes takes, from the first connect to the answer, in microseconds:")
    add(table(["", "p50", "p99", "p99.9", "p50 ÷ floor", "p99 ÷ floor"], rows))
    series = {}
    for name in report.names("results", "400 B"):
        answers = report.results["results"]["400 B"][name]
        series[name] = [
            (float(q), statistics.median(answer["latency_us"][q] for answer in answers)) for q in answers[0]["latency_us"]]
    plot.lines(os.path.join(folder, "latency.svg"), "Time of a line of 400 bytes", "percentile", "µs", series)
    add("![Time of a line](latency.svg)")

    add("## Status lines")
    add(table(["a call", "", "CPU per 1,000 lines, ms", "÷ floor"], report.compare("status", "cpu_per_1000")))
    report.bars(folder, "status.svg", "status", "cpu_per_1000", "CPU per 1,000 status lines, by lines a call", "ms")

    add("## Callers at once")
    add(table(["callers", "", "CPU per 1,000, ms", "÷ floor"], report.compare("callers", "cpu_per_1000")))
    add(table(["callers", "", "lines/s", "÷ floor"], report.compare("callers", "lines_per_s", 0)))
    report.bars(folder, "callers.svg", "callers", "lines_per_s", "Lines a second, by callers at once", "lines/s")

    add("## Snapshots")
    add(table(["size", "", "CPU each, ms", "÷ floor"], report.compare("snapshots", "cpu_per_1000", 2, 1e-3)))
    pair = ("extension", "floor")
    series = {
        name: [(int(size), statistics.median(report.values("payload", size, name, "cpu_per_1000"))) for size in report.results["payload"]]
        for name in pair}
    plot.lines(
        os.path.join(folder, "payload.svg"), "CPU of a result, by its size", "bytes", "µs", series, logarithmic=True)
    add("![CPU of a result by its size](payload.svg)")
    sizes = sorted(int(size) for size in report.results["payload"])
    slopes = {
        name: (dict(series[name])[sizes[-1]] - dict(series[name])[sizes[0]]) / (sizes[-1] - sizes[0]) for name in pair}
    add(f"From {plot.label(sizes[0])} to {plot.label(sizes[-1])} bytes a byte costs {slopes['extension'] * 1000:.2f} ns, "
        f"{slopes['extension'] / slopes['floor']:.2f} × what the C program takes to receive and send it.")

    add("## Memory")
    rows = []
    for moment, sessions in report.results["memory"].items():
        for name, answers in sessions.items():
            answer = answers[-1]
            rows.append([moment, name, *(f"{answer[field] / 1024:.1f}" for field in ("RssAnon", "VmRSS", "VmHWM")), answer["Threads"]])
    add("In MiB; VmHWM is the most that was ever resident, with the messages of 64 MiB in it.")
    add(table(["", "", "RssAnon", "VmRSS", "VmHWM", "threads"], rows))
    soak = report.results["soak"]
    plot.lines(
        os.path.join(folder, "soak.svg"), f"{max(map(int, soak)):,} lines, one after the other", "lines", "CPU per 1,000, ms; RssAnon, MiB",
        {"CPU": [(int(n), a["extension"][0]["cpu_per_1000"]) for n, a in soak.items()],
         "RssAnon": [(int(n), a["extension"][0]["RssAnon"] / 1024) for n, a in soak.items()]})
    add("![A long run](soak.svg)")
    switches = list(soak.values())
    lines = max(map(int, soak)) - min(map(int, soak))
    total = sum(
        switches[-1]["extension"][0][f] - switches[0]["extension"][0][f] for f in ("voluntary_ctxt_switches", "nonvoluntary_ctxt_switches"))
    add(f"Context switches of the main thread in that run: {total} in {lines:,} lines.")

    add("## Open connections")
    connections = report.results["connections"]
    add("Connections that are open and silent, while lines come by others; of more than 64 the oldest are closed.")
    plot.lines(
        os.path.join(folder, "connections.svg"), "CPU per 1,000 lines, by connections that are open and silent", "open connections", "ms",
        {"extension": [(int(n), statistics.median(a["cpu_per_1000"] for a in s["extension"])) for n, s in connections.items()]})
    add("![CPU by open connections](connections.svg)")

    add("## Start")
    rows = [
        [name, spread(report.values("start", "", name, "start_ms")), spread(report.values("start", "", name, "start_cpu_ms")),
         "" if name == "floor" else f"{statistics.median(a - b for a, b in zip(report.values('start', '', name, 'start_ms'), report.values('start', '', 'floor', 'start_ms'))):.1f}"]
        for name in report.names("start", "")]
    add(table(["", "start → registered, ms", "CPU, ms", "more than floor, ms"], rows))

    add("## journald away, and back")
    rows = [
        [f"{callers} caller{'s' if int(callers) > 1 else ''}", *(f"{s['extension'][0][f]:.0f}" for f in ("lines_per_s", "cpu_per_1000"))]
        for callers, s in report.results["spool"].items()]
    add(table(["lines onto the disk, a flush before each answer", "lines/s", "CPU per 1,000, ms"], rows))
    replay = report.results["replay"][""]["extension"][0]
    add(f"Replayed: {replay['lines']:,} lines, {replay['lines_per_s']:,.0f} lines/s, {replay['cpu_per_1000']:.1f} ms of CPU per 1,000.")

    add("## The table systemd")
    add(table(["units", "CPU a scan of all columns, ms", "time, ms"], [
        [answers[0]["rows"], spread([a["cpu_ms"] / a["lines"] for a in answers]), spread([a["wall_ms"] / a["lines"] for a in answers])]
        for answers in units.values()]) if units else "Not measured: no systemd could be booted in a container.")

    add("## Parts")
    add(micro)
    add(f"The runs took {report.seconds:.0f} s.")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("results")
    parser.add_argument("micro", help="a text with the micro-benchmarks' tables")
    parser.add_argument("units", help="what table.py measured")
    parser.add_argument("folder")
    options = parser.parse_args()
    with open(options.results) as file:
        report = Report(json.load(file))
    micro = open(options.micro).read() if os.path.exists(options.micro) else "Not measured."
    units = json.load(open(options.units)) if os.path.exists(options.units) else {}
    os.makedirs(options.folder, exist_ok=True)
    write(report, micro, units, options.folder)
    text = "\n".join(report.parts)
    with open(os.path.join(options.folder, "benchmarks.md"), "w", encoding="utf-8") as file:
        file.write(text)
    print(text)


main()
