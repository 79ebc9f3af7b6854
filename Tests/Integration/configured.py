"""osqueryd as it takes its configuration: what config/config.cpp and config/packs.cpp do that shows in its tables."""

import hashlib
import json
import sqlite3

from osquery.extensions.ttypes import ExtensionResponse, ExtensionStatus
from osqueryd import Manager


class ConfiguredManager(Manager):
    """Takes its configuration from the plugin `gist`, and answers queries about it, as SQLite does."""

    def __init__(self, path, limit=1 << 20):
        super().__init__(path)
        self.limit = limit
        self.config_hash, self.packs, self.inactive, self.delimiter = "", {}, set(), "_"
        self.hash_of_source = None
        self.queries = []

    def refresh(self):
        """What osqueryd does when it starts, and each --config_refresh: the text that it was given, or why it was not."""
        response = self.call("config", "gist", {"action": "genConfig"})
        if response.status.code != 0:
            return response.status.message
        text = response.response[0]["gist"]
        self.update(text)
        return text

    def update(self, text):
        digest = hashlib.sha1(text.encode()).hexdigest()
        if digest == self.hash_of_source:
            return
        self.hash_of_source = digest
        self.config_hash = hashlib.sha1(digest.encode()).hexdigest()
        self.packs = {}
        if len(text) > self.limit:
            return
        configuration = json.loads(text)
        packs = {}
        if "schedule" in configuration:
            packs["main"] = {"queries": configuration["schedule"]}
        for name, pack in configuration.get("packs", {}).items():
            if isinstance(pack, str):
                response = self.call("config", "gist", {"action": "genPack", "name": name, "value": pack})
                if response.status.code != 0:
                    continue
                pack = json.loads(response.response[0][name])
            packs[name] = pack
        self.packs = packs

    def restart(self):
        """A new worker knows nothing."""
        self.config_hash, self.packs, self.hash_of_source = "", {}, None

    @property
    def scheduled(self):
        """The names of the queries that run."""
        return sorted(name for name, _ in self._queries())

    def _queries(self):
        for pack, content in self.packs.items():
            if pack in self.inactive:
                continue
            for name, query in content["queries"].items():
                if query.get("platform", "linux") == "linux" and query.get("shard", 100) == 100:
                    yield name if pack == "main" else self.delimiter.join(["pack", pack, name]), query["query"]

    def query(self, sql):
        self.queries.append(sql)
        database = sqlite3.connect(":memory:")
        database.row_factory = sqlite3.Row
        database.execute("CREATE TABLE osquery_info (config_hash, config_valid)")
        database.execute("INSERT INTO osquery_info VALUES (?, 1)", [self.config_hash])
        database.execute("CREATE TABLE osquery_flags (name, value)")
        database.execute("INSERT INTO osquery_flags VALUES ('pack_delimiter', ?)", [self.delimiter])
        database.execute("CREATE TABLE osquery_packs (name, active)")
        database.executemany("INSERT INTO osquery_packs VALUES (?, ?)", [(name, int(name not in self.inactive)) for name in self.packs])
        database.execute("CREATE TABLE osquery_schedule (name, query)")
        database.executemany("INSERT INTO osquery_schedule VALUES (?, ?)", self._queries())
        rows = [{name: str(row[name]) for name in row.keys()} for row in database.execute(sql)]
        return ExtensionResponse(ExtensionStatus(0, "OK", 0), rows)
