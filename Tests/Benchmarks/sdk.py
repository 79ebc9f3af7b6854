"""A peer: a journal logger with PyPI's `osquery` and `systemd-python`, as their documentation has it."""

import osquery
from systemd import journal


@osquery.register_plugin
class JournalLogger(osquery.LoggerPlugin):
    def name(self):
        return "journal"

    def log_string(self, value):
        journal.send(value, PRIORITY=6, SYSLOG_IDENTIFIER="osqueryd", OSQUERY_LOG_TYPE="string")
        return osquery.extensions.ttypes.ExtensionStatus(code=0, message="OK")

    def log_snapshot(self, value):
        journal.send(value, PRIORITY=6, SYSLOG_IDENTIFIER="osqueryd", OSQUERY_LOG_TYPE="snapshot")
        return osquery.extensions.ttypes.ExtensionStatus(code=0, message="OK")


if __name__ == "__main__":
    osquery.start_extension(name="sdk", version="1.0.0")
