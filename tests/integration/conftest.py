"""Tests of the real extension against the gateway in the box, over loopback sockets."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    return "trio"
