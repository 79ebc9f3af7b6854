"""Every request of osqueryd, read back from a real systemd-journald with journalctl."""

import json
import subprocess
import threading
import time

import pytest
from conftest import text_of
from observed import observed_requests
from osqueryd import connect_raw, decode_response, encode_call

PIPELINE = """journalctl OSQUERY_LOG_TYPE=status -o export -f |awk -F'MESSAGE=' '/MESSAGE/ {print $2}'"""


def logger_requests():
    return [line["request"] for line in observed_requests() if line["registry"] == "logger"]


def status_elements(log):
    """The elements of a status array as osqueryd wrote them, which is without white space."""
    return [json.dumps(line, separators=(",", ":"), ensure_ascii=False) for line in json.loads(log)]


def expected_entries(request):
    """The fields that DESIGN's table asks for, worked out with Python's json."""
    common = {"SYSLOG_IDENTIFIER": "osqueryd"}
    if "init" in request:
        return [{**common, "MESSAGE": request["init"], "PRIORITY": "6", "OSQUERY_LOG_TYPE": "init"}]
    if "log" in request:
        return [
            {
                **common,
                "MESSAGE": text,
                "PRIORITY": {0: "6", 1: "4", 2: "3", 3: "2"}[line["s"]],
                "OSQUERY_LOG_TYPE": "status",
                "CODE_FILE": line["f"],
                "CODE_LINE": str(line["i"]),
                "OSQUERY_HOST_IDENTIFIER": line["h"],
                "OSQUERY_CALENDAR_TIME": line["c"],
                "OSQUERY_UNIX_TIME": str(line["u"]),
            }
            for text, line in zip(status_elements(request["log"]), json.loads(request["log"]))
        ]
    kind = "snapshot" if "snapshot" in request else "string"
    members = json.loads(request[kind])
    fields = {
        "OSQUERY_QUERY_NAME": members.pop("name"),
        "OSQUERY_HOST_IDENTIFIER": members.pop("hostIdentifier"),
        "OSQUERY_CALENDAR_TIME": members.pop("calendarTime"),
        "OSQUERY_UNIX_TIME": str(members.pop("unixTime")),
        "OSQUERY_EPOCH": str(members.pop("epoch")),
        "OSQUERY_COUNTER": str(members.pop("counter")),
    }
    if "action" in members:
        fields["OSQUERY_ACTION"] = members.pop("action")
    actions = {action for action, rows in members.get("diffResults", {}).items() if rows}
    if len(actions) == 1:
        fields["OSQUERY_ACTION"] = actions.pop()
    for rows in ("snapshot", "columns", "diffResults", "numerics"):
        members.pop(rows, None)
    decorations = {**members.pop("decorations", {}), **members}
    for name, value in decorations.items():
        fields["OSQUERY_DECORATION_" + name.upper().replace("-", "_").replace(".", "_")] = value
    return [{**common, **fields, "MESSAGE": request[kind], "PRIORITY": "6", "OSQUERY_LOG_TYPE": kind}]


def test_each_observed_request_becomes_its_entries_field_by_field(manager, extension, journal):
    requests = logger_requests()
    expected = []
    for request in requests:
        status = manager.call("logger", "journal", request).status
        if request.get("action") == "features":
            assert status.code == 1
        else:
            assert status.code == 0, status.message
            expected += expected_entries(request)
    opening, *entries = journal.entries(f"_PID={extension.pid}")
    ours = [{k: v for k, v in entry.items() if not k.startswith("_") and k != "SYSLOG_TIMESTAMP"} for entry in entries]
    # Which line it is: all of one stream, in the order in which they were acknowledged.
    assert {entry.pop("OSQUERY_STREAM") for entry in ours} == {opening["OSQUERY_STREAM"]}
    assert [entry.pop("OSQUERY_SEQUENCE") for entry in ours] == [str(n + 1) for n in range(len(ours))]
    assert ours == expected
    assert len(expected) > len(requests)


@pytest.mark.parametrize("changes, action", [
    ('{"removed":[],"added":[{"a":1}]}', "added"), ('{"added":[ ],"removed":[{"a":"]"},{"a":2}]}', "removed"),
    ('{"removed":[{"a":1}],"added":[{"a":1}]}', None), ('{"removed":[],"added":[]}', None), ("{}", None), ("[]", None), ('"added"', None),
    ('{"added":{"a":1},"removed":"x"}', None)])
def test_rows_that_have_the_same_action_make_it_a_field(manager, extension, journal, changes, action):
    manager.result(f'{{"diffResults":{changes},"name":"q"}}')
    (entry,) = journal.entries("OSQUERY_QUERY_NAME=q")
    assert entry.get("OSQUERY_ACTION") == action


@pytest.mark.parametrize("text", [
    '{"diffResults":{"removed":[],"added":[{}]},"name":"q","action":"prod"}', '{"action":"prod","name":"q","diffResults":{"added":[{}]}}'])
def test_an_action_of_its_own_counts_more_than_that_of_the_rows(manager, extension, journal, text):
    """With --decorations_top_level and a decoration of that name."""
    manager.result(text)
    (entry,) = journal.entries("OSQUERY_QUERY_NAME=q")
    assert entry["OSQUERY_ACTION"] == "prod"


def test_of_members_of_one_name_the_last_one_counts(manager, extension, journal):
    rows = json.dumps([{"a": "x" * 100}] * 100)
    texts = [
        '{"name":"first","action":"added","name":"second","a":"b","unixTime":1,"name":"last","unixTime":2}',
        '{"name":"first","columns":{"name":"inner"},"unixTime":2,"name":"last","a":"b","action":"added"}',
        f'{{"name":"first","unixTime":1,"name":"last","a":"b","columns":{rows[1:-1].split("}, {")[0]}}},"action":"added","unixTime":2}}',
    ]
    for text in texts:
        assert json.loads(text)["name"] == "last"
        manager.result(text)
    snapshot = f'{{"snapshot":{rows},"action":"x","name":"first","name":"last","a":"b","unixTime":2,"action":"added"}}'
    assert manager.logger(snapshot=snapshot).status.code == 0
    entries = journal.entries(f"_PID={extension.pid}", "OSQUERY_QUERY_NAME=last")
    assert [text_of(entry["MESSAGE"]) for entry in entries] == [*texts, snapshot]
    for entry in entries:
        assert (entry["OSQUERY_QUERY_NAME"], entry["OSQUERY_ACTION"], entry["OSQUERY_UNIX_TIME"]) == ("last", "added", "2")
        assert entry["OSQUERY_DECORATION_A"] == "b"


def test_the_pipeline_prints_exactly_the_status_lines(manager, extension):
    lines = [
        r'{"s":0,"f":"events.cpp","i":825,"m":"tab\\x09 quote \" } ] é","h":"web-01","c":"Mon Nov 23","u":1795426451}',
        r'{"s":1,"f":"MESSAGE.cpp","i":75,"m":"a file with that name","h":"MESSAGE-01","c":"Mon Nov 23","u":1795426452}',
    ]
    for line in lines:
        manager.status(f"[{line}]")
    manager.status("[" + ",".join(lines) + "]")
    manager.status('{"":' + lines[0] + ',"":' + lines[1] + "}")
    observed = [r["log"] for r in logger_requests() if "log" in r]
    for log in observed:
        manager.status(log)
    manager.logger(init="osqueryd")
    manager.result('{"name":"MESSAGE=","action":"added"}')
    expected = lines * 3 + [element for log in observed for element in status_elements(log)]
    # As users run it, but for following on, and for what was in the journal before.
    pipeline = PIPELINE.replace(" -f ", f" _PID={extension.pid} ")
    subprocess.run(["journalctl", "--sync"], check=True)
    output = subprocess.run(pipeline, shell=True, stdout=subprocess.PIPE, check=True).stdout
    assert output == "".join(line + "\n" for line in expected).encode()


def test_the_pipeline_as_written_follows(manager, extension):
    """The command of the tutorial to the letter, with -f, which begins with the ten newest lines and is ended after a while."""
    follower = subprocess.Popen("timeout 2 " + PIPELINE, shell=True, stdout=subprocess.PIPE)
    lines = [f'{{"s":0,"f":"a.cpp","i":{number},"m":"followed","h":"h","c":"c","u":1}}' for number in range(20)]
    for line in lines[:10]:
        manager.status(f"[{line}]")
    time.sleep(1)
    manager.status("[" + ",".join(lines[10:]) + "]")
    output = follower.communicate()[0].decode()
    assert output.endswith("".join(line + "\n" for line in lines[10:]))
    assert all(line.startswith('{"s":') for line in output.splitlines())


def test_text_of_any_kind_is_logged_whole(manager, extension, journal):
    texts = ["", "no JSON", "{", '{"name":', "a\nb\n", "nul \0 in it", "[]", "null", '"', '{"name":"n"} rest', "é漢😀"]
    for text in texts:
        manager.result(text)
    raw = b'\xff\xfe {"name":"\x80"}'
    placeholder = "#" * len(raw)
    message = encode_call("logger", "journal", {"string": placeholder}).replace(placeholder.encode(), raw)
    with connect_raw(manager.extension_path) as connection:
        connection.sendall(message)
        assert decode_response(connection).status.code == 0
    read = [t.encode() if isinstance(t, str) else t for t in journal.texts("string")]
    assert read == [t.encode() for t in texts] + [raw]
    names = [entry.get("OSQUERY_QUERY_NAME") for entry in journal.entries("OSQUERY_LOG_TYPE=string")]
    assert names[texts.index('{"name":"n"} rest')] == "n"


def test_values_cannot_forge_fields(manager, extension, journal):
    manager.result('{"name":"x\\nOSQUERY_FORGED=1\\nPRIORITY=0","decorations":{"a\\nFORGED":"b\\nFORGED=1","_PID":"1"}}')
    [entry] = journal.entries("OSQUERY_LOG_TYPE=string")
    assert entry["OSQUERY_QUERY_NAME"] == "x\nOSQUERY_FORGED=1\nPRIORITY=0"
    assert entry["PRIORITY"] == "6"
    assert not [name for name in entry if name.startswith(("OSQUERY_FORGED", "FORGED"))]
    assert entry["OSQUERY_DECORATION_A_NFORGED"] == "b\nFORGED=1"
    assert entry["OSQUERY_DECORATION__PID"] == "1"
    assert entry["_PID"] == str(extension.pid)


def test_init_names_who_logs(manager, extension, journal):
    manager.logger(init="osqueryi", log='[{"s":3,"m":"early"}]')
    manager.result("{}")
    _, *entries = journal.entries(f"_PID={extension.pid}")
    assert [entry["SYSLOG_IDENTIFIER"] for entry in entries] == ["osqueryi"] * 3
    assert [entry["OSQUERY_LOG_TYPE"] for entry in entries] == ["init", "status", "string"]
    assert entries[1]["PRIORITY"] == "2"


def test_string_batch_health_and_event(manager, extension, journal):
    manager.logger(string_batch=json.dumps(['{"name":"one"}', '{"name":"zwei é"}']))
    manager.logger(health="fine")
    manager.logger(event='{"e":1}')
    assert journal.texts("string") == ['{"name":"one"}', '{"name":"zwei é"}']
    assert journal.texts("health") == ["fine"]
    assert journal.texts("event") == ['{"e":1}']


def test_a_snapshot_of_16_mib_costs_no_second_copy(manager, extension, journal):
    row = '{"path":"/usr/bin/%06d","value":"quoted \\"text\\" [and] {more}"}'
    rows = ",".join(row % number for number in range((16 << 20) // len(row % 0)))
    text = '{"snapshot":[' + rows + '],"action":"snapshot","name":"big","hostIdentifier":"h","unixTime":7}'
    before = extension.memory()
    assert manager.logger(snapshot=text).status.code == 0
    [entry] = journal.entries("OSQUERY_QUERY_NAME=big")
    assert text_of(entry["MESSAGE"]) == text
    assert entry["OSQUERY_UNIX_TIME"] == "7"
    memory = extension.memory()
    # The message once, and what its way touches besides. libsystemd's memfd is not resident.
    assert memory["VmHWM"] - before["VmRSS"] < (len(text) >> 10) + 2 * 1024, (before, memory)
    assert memory["RssAnon"] < 4096, memory


def send_from_callers(manager, callers, count, send):
    def run(caller):
        for number in range(count):
            send(caller, number)

    threads = [threading.Thread(target=run, args=(caller,)) for caller in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_50_000_results_and_50_000_status_lines_from_4_callers(manager, extension, journal):
    """None missing, none doubled, order kept within a caller."""
    batch = 10

    def send(caller, number):
        manager.result(f'{{"name":"q{caller}","counter":{number}}}')
        if number % batch == 0:
            lines = [f'{{"s":0,"i":{line},"h":"c{caller}"}}' for line in range(number, number + batch)]
            manager.status("[" + ",".join(lines) + "]")

    send_from_callers(manager, 4, 12_500, send)
    results, lines = journal.texts("string"), journal.texts("status")
    assert (len(results), len(lines)) == (50_000, 50_000)
    for caller in range(4):
        prefix = f'{{"name":"q{caller}"'
        assert [r for r in results if r.startswith(prefix)] == [
            f'{prefix},"counter":{number}}}' for number in range(12_500)]
        suffix = f'"h":"c{caller}"}}'
        assert [line for line in lines if line.endswith(suffix)] == [
            f'{{"s":0,"i":{number},{suffix}' for number in range(12_500)]
    assert extension.memory()["RssAnon"] < 2560
