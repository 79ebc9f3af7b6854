"""The fixtures of Tests/Integration: an extension, a manager that plays osqueryd, the journal."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Integration"))

import importlib.util  # noqa: E402

_spec = importlib.util.spec_from_file_location(
    "integration_conftest", os.path.join(os.path.dirname(os.path.abspath(__file__)), "../Integration/conftest.py"))
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items() if not name.startswith("_")})
