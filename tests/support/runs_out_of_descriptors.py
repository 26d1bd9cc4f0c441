"""Makes clients until the process is out of descriptors, and prints what it is told."""

from __future__ import annotations

import resource

from c2c import EngineError
from support.border import Owner

resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40))
owners = []
try:
    while True:
        owners.append(Owner())
except EngineError as error:
    print(error)
