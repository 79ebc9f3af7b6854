"""What a running osqueryd sent to each kind of plugin."""

import json
import os


def observed_requests():
    """The requests, a dictionary each."""
    path = os.path.join(os.path.dirname(__file__), "../OsqueryTests/Fixtures/observed-requests.jsonl")
    with open(path, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]
