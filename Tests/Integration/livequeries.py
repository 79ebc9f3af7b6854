"""The distributed plugin `directory`, as osqueryd and its users see it: calls, and files in a folder."""

import json
import os
import time


def put(folder, name, text):
    """Makes a file that was written a while ago, as rename(2) brings one."""
    path = folder / name
    path.write_text(text)
    os.utime(path, (time.time() - 5, time.time() - 5))


def queries(manager):
    response = manager.call("distributed", "directory", {"action": "getQueries"})
    assert response.status.code == 0, response.status.message
    (row,) = response.response
    return json.loads(row["results"])


def write(manager, **results):
    response = manager.call("distributed", "directory", {"action": "writeResults", "results": json.dumps(results)})
    assert response.status.code == 0, response.status.message


def result(folder, name):
    return json.loads((folder / "results" / f"{name}.json").read_text())
