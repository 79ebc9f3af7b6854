"""What only an osqueryd shows, which OSQUERYD names: its schedule, its own log lines, its shell."""

import json

import pytest
from unit import OSQUERYD, entries, install, run, start_journald, stop_journald, wait_until

if not OSQUERYD:
    pytest.skip("NOT RUN: make test-system OSQUERYD=/path/of/osqueryd runs it", allow_module_level=True)

CLOCK = ("_SYSTEMD_UNIT=osqueryd.service", "OSQUERY_QUERY_NAME=clock", "OSQUERY_ACTION=added")


@pytest.fixture(scope="module", autouse=True)
def system():
    install()


def test_status_lines_and_results_are_those_of_the_unit():
    wait_until(lambda: entries("_SYSTEMD_UNIT=osqueryd.service", "OSQUERY_LOG_TYPE=status"), 60)
    wait_until(lambda: len(entries(*CLOCK)) > 3, 60)


def test_the_table_systemd_has_its_unit():
    matches = ("_SYSTEMD_UNIT=osqueryd.service", "OSQUERY_QUERY_NAME=unit")
    wait_until(lambda: entries(*matches), 60)
    [row] = json.loads(entries(*matches)[-1]["MESSAGE"])["snapshot"]
    assert row == {"name": "osqueryd.service", "pid": run("systemctl", "show", "--value", "-p", "MainPID", "osqueryd.service").strip()}


def test_osqueryi_waits_for_the_extension_and_is_not_told_of_loggers():
    shown = run(
        "osqueryi", "--json", "--extension", "/usr/lib/osquery/extensions/tutorial-extension.ext", "--extensions_require=tutorial-extension",
        "SELECT name FROM systemd WHERE name = 'systemd-journald.service'")
    assert '"name":"systemd-journald.service"' in shown
    assert "--logger_plugin" not in shown


def test_no_second_is_missing_while_journald_is_away():
    first = len(entries(*CLOCK))
    stop_journald()
    try:
        run("sleep", "10")
    finally:
        start_journald()
    wait_until(lambda: len(entries(*CLOCK)) >= first + 10, 60)
    counters = [int(entry["OSQUERY_COUNTER"]) for entry in entries(*CLOCK)]
    assert counters == list(range(counters[0], counters[0] + len(counters)))
