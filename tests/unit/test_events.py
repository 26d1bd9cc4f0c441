from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import pytest

from c2c.events import Connected, Disconnected, InfoReceived, InfoSent, SipInfo, Transcription


def test_payloads_are_those_of_the_sdk() -> None:
    assert Connected().payload == ()
    assert InfoSent("text", {"key": 1}).payload == ("text", {"key": 1})
    gone = Disconnected(1006, "reset")
    assert gone.payload == (gone,)
    received = InfoReceived("remote", SipInfo("{}", "application/json"))
    assert received.payload == (received,)
    assert Transcription({"text": "Hi"}).payload == ({"text": "Hi"},)


def test_events_are_frozen() -> None:
    event: Any = Disconnected(1006, "reset")
    with pytest.raises(FrozenInstanceError):
        event.code = 1


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        ({"originator": "bot", "messages": [{"text": "a"}, {"text": "b"}]}, ("a", "b")),
        ("a", ("a",)),
        ({"message": "a"}, ("a",)),
        ({"message": ["a", "b"]}, ("a", "b")),
        ({"text": "a"}, ("a",)),
        ({"transcript": "a"}, ("a",)),
        ({"messages": ["a", {"text": ""}, 7, None, ["b"]]}, ("a",)),
        ({"messages": {"text": "a"}}, ()),
        ({}, ()),
        (None, ()),
        (7, ()),
        ([], ()),
    ],
)
def test_texts_of_a_transcription(value: object, texts: tuple[str, ...]) -> None:
    assert Transcription(value).texts == texts


@pytest.mark.parametrize(
    ("value", "originator"), [({"originator": "user"}, "user"), ({"originator": 7}, None), ("a", None)]
)
def test_originator_of_a_transcription(value: object, originator: str | None) -> None:
    assert Transcription(value).originator == originator
