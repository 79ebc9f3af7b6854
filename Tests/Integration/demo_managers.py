"""Who calls the extension in the demo: an osqueryd, or its stand-in."""

import contextlib
import json
import shlex
import shutil
import subprocess
import sys
import threading
import time

from observed import observed_requests


def statement(table, columns, like=None):
    where = f" WHERE {like[0]} LIKE '{like[1]}'" if like else ""
    return f"SELECT {', '.join(columns)} FROM {table}{where}"


def quoted(command):
    """The command as one writes it: SQL, with its strings in single quotes, in double ones."""
    return " ".join(f'"{word}"' if " " in word else shlex.quote(word) for word in command)


def drawn(rows, columns):
    """The rows as osqueryi prints them."""
    cells = [columns, *([row[column] for column in columns] for row in rows)]
    widths = [max(len(row[index]) for row in cells) for index in range(len(columns))]
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in cells]
    return "\n".join([rule, lines[0], rule, *lines[1:], rule])


class Osqueryd:
    """An osqueryd, started as users start it, and asked by its shell."""

    def __init__(self, program, extension, directory):
        self._program, self._directory = program, directory
        self._socket = f"{directory}/osquery.em"
        osqueryi = shutil.which("osqueryi")
        self._shell = [osqueryi] if osqueryi else [program, "-S"]
        flags = [
            f"--extensions_autoload={directory}/extensions.load", f"--extensions_socket={self._socket}", "--extensions_timeout=10",
            f"--database_path={directory}/osquery.db", f"--pidfile={directory}/osquery.pid", "--logger_plugin=journal",
            "--config_plugin=gist", "--config_refresh=60", "--distributed_plugin=directory", "--disable_distributed=false",
            "--distributed_interval=1"]
        for name, lines in (("osquery.flags", flags), ("extensions.load", [extension])):
            with open(f"{directory}/{name}", "w") as file:
                file.write("\n".join([*lines, ""]))
        print(f"The osqueryd on PATH is started, with these flags in a file:\n  {' '.join(flags)}")

    def __enter__(self):
        command = [self._program, f"--flagfile={self._directory}/osquery.flags"]
        print("+ " + quoted(command), flush=True)
        with open(f"{self._directory}/output", "w") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=output)
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(20)

    def log(self, since):
        """Waits until status lines and some results are in the journal; the name of the query whose results are."""
        deadline = time.monotonic() + 60
        for match, count in (("OSQUERY_QUERY_NAME=demo", 5), ("OSQUERY_LOG_TYPE=status", 1)):
            while subprocess.check_output(["journalctl", "-q", since, "-o", "cat", match]).count(b"\n") < count:
                if self._process.poll() is not None or time.monotonic() > deadline:
                    with open(f"{self._directory}/output") as output:
                        sys.exit(f"osqueryd has not logged to the journal. It said:\n{output.read()}")
                time.sleep(0.2)
        return "demo"

    def _show(self, title, sql):
        command = [*self._shell, "--connect", self._socket, sql]
        print(f"\n{title}:\n+ {quoted(command)}", flush=True)
        subprocess.run(command)

    def show_table(self, title, table, columns, like=None):
        self._show(title, statement(table, columns, like))

    def show_configuration(self, title):
        self._show(f"{title}, as osqueryd has taken it", "SELECT name, query, interval FROM osquery_schedule")

    def answering_live_queries(self):
        return contextlib.nullcontext()


class StandIn:
    """osquery-stand-in, and an extension that is started beside it."""

    def __init__(self, program, extension, directory):
        self._requests = [line for line in observed_requests() if line["registry"] == "logger"]
        self._program, self._path, self._output = program, f"{directory}/osquery.em", f"{directory}/output"
        self._command = [extension, "--socket", self._path, "--timeout", "3", "--interval", "3"]
        print(f"There is no osqueryd on PATH: a stand-in plays its part, with {len(self._requests)} requests that a running one sent.")

    def __enter__(self):
        self._process = subprocess.Popen([self._program, "--socket", self._path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        print("+ " + quoted(self._command), flush=True)
        with open(self._output, "w") as output:
            self._extension = subprocess.Popen(self._command, stderr=output)
        return self

    def __exit__(self, kind, *_):
        # As osqueryd ends: all at once, and the extension last.
        self._extension.terminate()
        self._process.stdin.close()
        self._process.wait(10)
        code = self._extension.wait(20)
        if code != 0 and kind is None:
            with open(self._output) as output:
                sys.exit(f"The extension ended with code {code}. It said:\n{output.read()}")

    def _call(self, registry, item, request):
        """The plugin's answer: code, message and rows."""
        self._process.stdin.write(json.dumps({"registry": registry, "item": item, "request": request}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        return json.loads(answer) if answer else sys.exit("osquery-stand-in has ended.")

    def log(self, since):
        """Sends what was observed; the name of the query whose results it was."""
        for line in self._requests:
            answer = self._call(line["registry"], line["item"], line["request"])
            if answer["code"] != (1 if line["request"].get("action") == "features" else 0):
                sys.exit(f"The extension answered with status {answer['code']}: {answer['message']}")
        return "removed_row"

    def show_table(self, title, table, columns, like=None):
        print(f"\n{title}: {statement(table, columns, like)}")
        constraints = [{"name": like[0], "list": [{"op": 65, "expr": like[1]}], "affinity": "TEXT"}] if like else []
        context = json.dumps({"constraints": constraints, "colsUsed": columns})
        answer = self._call("table", table, {"action": "generate", "context": context})
        print(drawn(answer["rows"], columns) if answer["code"] == 0 else f"Error: {answer['message']}", flush=True)

    def show_configuration(self, title):
        print(f"\n{title}:")
        answer = self._call("config", "gist", {"action": "genConfig"})
        print(answer["rows"][0]["gist"] if answer["code"] == 0 else sys.exit(answer["message"]), flush=True)

    @contextlib.contextmanager
    def answering_live_queries(self):
        """Asks for queries, answers them, and hands their results over, until the block ends."""
        stopping = threading.Event()
        thread = threading.Thread(target=self._answer_live_queries, args=(stopping,))
        thread.start()
        try:
            yield
        finally:
            stopping.set()
            thread.join()

    def _answer_live_queries(self, stopping):
        while not stopping.wait(0.1):
            [row] = self._call("distributed", "directory", {"action": "getQueries"})["rows"]
            queries = json.loads(row["results"])["queries"]
            if queries:
                rows = [{"hour": time.strftime("%-H"), "minutes": time.strftime("%-M")}]
                results = {"queries": {name: rows for name in queries}, "statuses": {name: 0 for name in queries}}
                self._call("distributed", "directory", {"action": "writeResults", "results": json.dumps(results)})
