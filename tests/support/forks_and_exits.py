"""Forks with a call up; the child ends as any process does, the parent's call goes on."""

from __future__ import annotations

import os
import sys
import warnings

from c2c._c2c import Event
from support.border import call_echo, echoing_gateway

warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads around
gateway = echoing_gateway()
owner = call_echo(gateway)
if (child := os.fork()) == 0:
    sys.exit(0)
assert os.waitpid(child, 0)[1] == 0
reader = owner.engine.open_reader(1, 8_000)
while reader.take() is None:
    owner.wait(Event.RingReady)
owner.engine.end_call(1)
owner.wait(Event.Ended)
