"""Which tests there are: those with a real osqueryd where OSQUERYD names one."""

import os

collect_ignore = [] if os.environ.get("OSQUERYD") else ["test_osqueryd.py"]
