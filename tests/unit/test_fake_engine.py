"""The fake has what the border has, so that tests against it mean something."""

from __future__ import annotations

import inspect

import pytest

from c2c import _c2c
from support.fake_engine import FakeEngine, FakeReader, FakeWriter


@pytest.mark.parametrize(
    ("fake", "real"),
    [(FakeEngine, _c2c.Engine), (FakeReader, _c2c.AudioReader), (FakeWriter, _c2c.AudioWriter)],
    ids=["engine", "reader", "writer"],
)
def test_members(fake: type, real: type) -> None:
    instance = fake(1, 8_000) if fake is not FakeEngine else fake()
    members = {name for name in dir(real) if not name.startswith("_")}
    assert members <= set(dir(instance))
    for name in members:
        theirs = getattr(real, name)
        if callable(theirs) and getattr(theirs, "__text_signature__", None):
            expected = list(inspect.signature(theirs).parameters)
            assert list(inspect.signature(getattr(fake, name)).parameters) == expected, name
    if isinstance(instance, FakeEngine):
        instance.release()
