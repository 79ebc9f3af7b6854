"""The table `systemd` beside what systemctl says. Runs in a container that with-systemd boots."""

import os
import re
import shlex
import signal
import subprocess
import time

import pytest
import sql
from osqueryd import wait_until

pytestmark = pytest.mark.systemd

EQUALS, LIKE, GLOB = 2, 65, 66
FILE_KINDS = ("file", "append", "truncate")


def systemctl(*arguments):
    return subprocess.run(["systemctl", *arguments], stdout=subprocess.PIPE, check=True, text=True).stdout


def shown():
    """All loaded units by name, each with its properties, as systemctl shows them."""
    units = {}
    for block in systemctl("show", "--all", "--timestamp=unix", "*").split("\n\n"):
        lines = [line.split("=", 1) for line in block.strip().splitlines()]
        properties = dict(line for line in lines if len(line) == 2)
        units[properties["Id"]] = properties
    return units


def present(value):
    return None if value in ("", "[not set]", "n/a") else value


def expected(unit):
    """The row for a unit as systemctl shows it; None is NULL."""
    timestamp = unit["ActiveEnterTimestamp"].removeprefix("@")
    ended = unit.get("ExecMainCode", "0") != "0"
    return {
        "name": unit["Id"],
        "pid": unit.get("MainPID"),
        "load_state": unit["LoadState"],
        "active_state": unit["ActiveState"],
        "sub_state": unit["SubState"],
        "description": unit["Description"],
        "unit_path": present(unit.get("FragmentPath", "")),
        "unit_file_state": present(unit.get("UnitFileState", "")),
        "user": present(unit.get("User", "")),
        "cgroup": present(unit.get("ControlGroup", "")),
        "restarts": unit.get("NRestarts"),
        "memory_current": present(unit.get("MemoryCurrent", "")),
        "cpu_usage_nsec": present(unit.get("CPUUsageNSec", "")),
        "active_enter_timestamp": timestamp if timestamp not in ("0", "") else None,
        "main_exit_code": unit["ExecMainStatus"] if ended else None,
        "stdout_path": unit.get("StandardOutput"),
        "stderr_path": unit.get("StandardError"),
    }


def rows_by_name(rows):
    assert len({row["name"] for row in rows}) == len(rows)
    return {row["name"]: row for row in rows}


# What moves between two looks.
MOVING = {"memory_current", "cpu_usage_nsec"}


def test_every_unit_and_column_is_as_systemctl_says(manager, extension):
    run("table-append", "StandardOutput=append:/run/table-append.log", "StandardError=file:/run/table-err.log")
    run("table-null", "StandardOutput=null", "User=nobody", "CPUAccounting=yes", "MemoryAccounting=yes")
    subprocess.run(["systemd-run", "-q", "--wait", "--unit=table-failed", "-p", "Type=exec", "--remain-after-exit", "false"])
    # So that nothing moves while we look.
    wait_until(lambda: systemctl("list-jobs", "--no-legend").strip() == "", 30)
    rows, units = rows_by_name(manager.generate("systemd")), shown()
    assert set(rows) == set(units)
    kinds = {name.rsplit(".", 1)[1] for name in units}
    assert kinds >= {"service", "socket", "target", "mount", "slice", "timer", "path", "scope"}, kinds
    for name, unit in units.items():
        row, want = rows[name], expected(unit)
        for column in set(want) - MOVING:
            if column in ("stdout_path", "stderr_path") and want[column] in FILE_KINDS:
                continue
            assert row.get(column) == want[column], (name, column)
        for column in MOVING:
            assert (row.get(column) is None) == (want[column] is None), (name, column)
            assert want[column] is None or int(row[column]) >= 0
    assert rows["table-append.service"]["stdout_path"] == "/run/table-append.log"
    assert rows["table-append.service"]["stderr_path"] == "/run/table-err.log"
    assert rows["table-null.service"]["user"] == "nobody"
    assert rows["table-failed.service"]["main_exit_code"] == "1"


def write_unit(name, text):
    path = f"/run/systemd/system/{name}"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def test_files_are_named_as_the_processes_have_them(manager, extension):
    """What systemd has made of the units' files, the kernel knows: it is asked which files the main processes have open."""
    units = {
        "table-plain.service": "# StandardOutput=file:/run/no\nStandardOutput = \\\n; comment\n append:%t/plain.log\nStandardError=truncate:/run/a b",
        "table-a\\x2db-c@.service": "StandardOutput=file:/run/%p,%i,%j,%N,%n%%%u%U\nStandardError=append:%T/%I-%J%P",
        "table-dropped.service": "StandardOutput=file:/run/no\nStandardOutput=\nStandardOutput=file:/run/no\nStandardError=file:/run/no",
        "table-dropped.service.d/10.conf": "StandardOutput=file:%V//%H-%l.log",
        "table-dropped.service.d/20.conf": "StandardError=\nStandardError=append:%L/latest.log",
        "table-folders.service": "StandardOutput=file:%C/c.log\nStandardError=file:%S/s.log",
        "table-more-folders.service": "StandardOutput=file:%E/e.log\nStandardError=file:%h/h.log",
    }
    for name, text in units.items():
        write_unit(name, f"[Service]\n{text}\n" + ("" if name.endswith(".conf") else "ExecStart=sleep 1000\n"))
    os.makedirs("/tmp/x/y-z-ctable/a-b")
    systemctl("daemon-reload")
    for unit in (name.replace("@", "@x-y\\x2dz") for name in units if not name.endswith(".conf")):
        systemctl("start", unit)
        pid = systemctl("show", "--value", "-p", "MainPID", unit).strip()
        (row,) = manager.generate("systemd", [("name", EQUALS, unit)])
        for column, descriptor in (("stdout_path", 1), ("stderr_path", 2)):
            assert os.path.normpath(row[column]) == os.readlink(f"/proc/{pid}/fd/{descriptor}"), (unit, column)


def test_a_specifier_that_is_not_known_leaves_systemds_word(manager, extension):
    write_unit("table-unknown.service", "[Service]\nStandardOutput=file:/run/%b.log\nExecStart=sleep 1000\n")
    systemctl("daemon-reload")
    systemctl("start", "table-unknown")
    (row,) = manager.generate("systemd", [("name", EQUALS, "table-unknown.service")])
    assert row["stdout_path"] == "file"


def run(unit, *properties, command=("sleep", "1000")):
    options = [f"--property={text}" for text in properties]
    subprocess.run(["systemd-run", "-q", f"--unit={unit}", *options, *command], check=True)


@pytest.mark.parametrize(
    "command", [["sleep", "1000"], ["/bin/sh", "-c", "sleep 1000; echo \"it's $HOME\" # *"], ["sleep", "", "1000"]])
def test_exec_start_is_what_a_shell_reads_back(manager, extension, command):
    unit = f"table-exec-{abs(hash(str(command)))}"
    subprocess.run(["systemd-run", "-q", f"--unit={unit}", "--property=Restart=no", *[c.replace("$", "$$") for c in command]], check=True)
    (row,) = manager.generate("systemd", [("name", EQUALS, f"{unit}.service")])
    words = shlex.split(row["exec_start"])
    assert words[0].endswith(command[0])
    assert [word.replace("$$", "$") for word in words[1:]] == command[1:]


def test_several_commands_are_one_line_of_shell(manager, extension):
    with open("/run/systemd/system/table-steps.service", "w") as file:
        file.write("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/echo one\nExecStart=/bin/echo 'two words'\n")
    systemctl("daemon-reload")
    systemctl("start", "table-steps")
    (row,) = manager.generate("systemd", [("name", EQUALS, "table-steps.service")])
    assert row["exec_start"] == "/bin/echo one; /bin/echo 'two words'"
    assert row["unit_path"] == "/run/systemd/system/table-steps.service"


def test_each_unit_is_found_by_its_name(manager, extension):
    names = sorted(row["name"] for row in manager.generate("systemd", used=["name"]))
    assert any("\\x" in name for name in names) and any("@" in name for name in names)
    for name in names:
        assert [row["name"] for row in manager.generate("systemd", [("name", EQUALS, name)])] == [name]
    assert manager.generate("systemd", [("name", EQUALS, "no-such.service")]) == []


def test_units_are_found_by_patterns(manager, extension):
    rows = manager.generate("systemd", [("name", LIKE, "SYSTEMD-journald.%")])
    assert {row["name"] for row in rows} >= {"systemd-journald.service", "systemd-journald.socket"}
    assert all(row["name"].startswith("systemd-journald.") for row in rows)
    assert {row["name"] for row in manager.generate("systemd", [("name", GLOB, "systemd-journald.*")])} == {
        row["name"] for row in rows}
    (row,) = manager.generate("systemd", [("name", LIKE, "systemd_journald.servic_")])
    assert row["name"] == "systemd-journald.service"


def test_a_unit_is_found_by_its_main_process(manager, extension):
    run("table-pid")
    pid = systemctl("show", "--value", "-p", "MainPID", "table-pid").strip()
    (row,) = manager.generate("systemd", [("pid", EQUALS, pid)])
    assert (row["name"], row["pid"]) == ("table-pid.service", pid)
    assert manager.generate("systemd", [("pid", EQUALS, "4194303")]) == []
    everything = {row["name"] for row in manager.generate("systemd")}
    assert {row["name"] for row in manager.generate("systemd", [("pid", EQUALS, "0")])} == everything


def calls_to_systemd(run_query):
    """How many messages with a reply systemd gets from us while `run_query` runs, as the bus sees them."""
    monitor = subprocess.Popen(
        ["busctl", "monitor", "--json=short", "org.freedesktop.systemd1"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    time.sleep(1)
    run_query()
    time.sleep(0.5)
    monitor.send_signal(signal.SIGTERM)
    output = monitor.communicate(timeout=10)[0].decode()
    return [line for line in output.splitlines() if '"type":"method_call"' in line]


def test_one_unit_costs_three_round_trips_at_most(manager, extension):
    manager.generate("systemd", [("name", EQUALS, "dbus.service")])
    calls = calls_to_systemd(lambda: manager.generate("systemd", [("name", EQUALS, "dbus.service")]))
    assert 1 <= len(calls) <= 3, calls
    brief = calls_to_systemd(lambda: manager.generate("systemd", used=["name", "active_state"]))
    assert len(brief) == 1, brief


def test_the_bus_may_be_killed_between_two_queries(manager, extension):
    before = {row["name"] for row in manager.generate("systemd")}
    systemctl("kill", "-s", "KILL", "dbus.service")
    wait_until(lambda: systemctl("is-active", "dbus.socket").strip() == "active", 10)
    after = {row["name"] for row in manager.generate("systemd")}
    assert "dbus.service" in before & after
    systemctl("start", "dbus.service")
    assert len(manager.generate("systemd", [("name", EQUALS, "dbus.service")])) == 1


def test_units_that_vanish_are_left_out(manager, extension):
    script = "while :; do systemd-run -q --collect --unit=table-short-$RANDOM true; done"
    process = subprocess.Popen(["bash", "-c", script], stderr=subprocess.DEVNULL)
    try:
        for _ in range(30):
            assert len(manager.generate("systemd")) > 50
    finally:
        process.kill()
        process.wait()


def test_a_thousand_units_cost_little(manager, extension):
    for number in range(1000):
        with open(f"/run/systemd/system/many-{number}.service", "w") as file:
            file.write("[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStart=/bin/true\n")
    with open("/run/systemd/system/many.target", "w") as file:
        file.write("[Unit]\nWants=" + " ".join(f"many-{number}.service" for number in range(1000)) + "\n")
    systemctl("daemon-reload")
    # Loaded is enough.
    systemctl("show", "many.target")
    systemctl("start", "--no-block", "--job-mode=ignore-dependencies", "many.target")
    wait_until(lambda: len(manager.generate("systemd", [("name", GLOB, "many-*.service")])) == 1000, 60)
    for used in (None, ["name", "pid"], ["name", "active_state"]):
        rounds = 5
        before = extension.cpu()
        for _ in range(rounds):
            count = len(manager.generate("systemd", used=used))
            assert count > 1000
        each = (extension.cpu() - before) / rounds * 1000
        print(f"\n{each:.0f} ms of CPU a scan of {count} units for the columns {used or 'all'}")
    assert extension.memory()["RssAnon"] < 64 << 10


def test_the_tutorials_join_has_what_it_needs(manager, extension):
    """SQLite joins by `systemd.pid`: the column must be there under that name, and as a number like `processes.pid`."""
    routes = manager.registries[manager.uuid]["table"]["systemd"]
    columns = [route["name"] for route in routes if route["id"] == "column"]
    assert columns[:8] == [
        "name", "pid", "load_state", "active_state", "exec_start", "unit_path", "stdout_path", "stderr_path"]
    assert {route["name"]: route["type"] for route in routes if route["id"] == "column"}["pid"] == "INTEGER"


def test_the_queries_of_the_documentation_bring_what_they_say(manager, extension):
    with open(os.path.join(os.path.dirname(__file__), "../../docs/tables.md"), encoding="utf-8") as file:
        [block] = re.findall(r"```sql\n(.*?)```", file.read(), re.DOTALL)
    first, failed, join = [query for query in block.split(";") if query.strip()]
    subprocess.run(["systemd-run", "-q", "--unit=ssh-like", "sleep", "1000"], check=True)
    subprocess.run(["systemd-run", "-q", "--wait", "--unit=table-failing", "false"])
    database = sql.database(manager, "systemd")
    assert {row["name"]: row["sub_state"] for row in sql.rows(database, first)}["ssh-like.service"] == "running"
    assert {row["name"]: row["main_exit_code"] for row in sql.rows(database, failed)}["table-failing.service"] == 1
    pid = systemctl("show", "--value", "-p", "MainPID", "ssh-like").strip()
    # Tables of osquery's own.
    database.execute("CREATE TABLE processes (pid BIGINT, name TEXT, start_time BIGINT)")
    database.execute("CREATE TABLE listening_ports (pid INTEGER, port INTEGER, address TEXT)")
    database.execute("INSERT INTO processes VALUES (?, 'sleep', 1), (1, 'systemd', 1)", [pid])
    database.execute("INSERT INTO listening_ports VALUES (?, 443, '::'), (1, 443, '::')", [pid])
    assert [(row["service"], row["name"]) for row in sql.rows(database, join)] == [("ssh-like.service", "sleep")]


def test_a_unit_is_found_by_either_of_two_conditions(manager, extension):
    """SQLite asks for each condition in turn and drops rows that it has seen by their numbers."""
    for name in ("either-web443", "either-other"):
        subprocess.run(["systemd-run", "-q", f"--unit={name}", "sleep", "1000"], check=True)
    database = sql.database(manager, "systemd")
    query = """SELECT name FROM systemd WHERE name LIKE '%web443%' OR name = 'either-other.service' OR name = '-.mount'
        OR (name = 'either-web443.service' AND memory_current >= 0) ORDER BY name"""
    assert any("MULTI-INDEX OR" in row["detail"] for row in sql.rows(database, "EXPLAIN QUERY PLAN " + query))
    assert [row["name"] for row in sql.rows(database, query)] == [
        "-.mount", "either-other.service", "either-web443.service"]


def test_where_systemd_does_not_run_the_error_says_so(manager, start, tmp_path):
    """In a mount namespace without systemd's and the bus's sockets, as in a container."""
    script = "mount -t tmpfs tmpfs /run/systemd && mount -t tmpfs tmpfs /run/dbus && exec " + os.environ["EXTENSION"]
    process = subprocess.Popen(
        ["unshare", "--mount", "sh", "-c", f"{script} --socket {manager.path}"], stderr=subprocess.DEVNULL)
    try:
        manager.wait_for_registration()
        response = manager.call("table", "systemd", {"action": "generate", "context": "{}"})
        assert response.status.code == 1
        assert "systemd does not run here" in response.status.message
    finally:
        process.kill()
        process.wait()
