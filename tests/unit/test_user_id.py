from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import pytest
import trio

from c2c import WebRTCClient, WrongState, create_webrtc_client
from support.fake_endpoint import URL, FakeEndpoint

if TYPE_CHECKING:
    from support.fake_engine import FakeEngine

UUID = "3f2b8c1e-9a41-4d6e-8f0a-2b7c5d9e1f34"


@pytest.mark.parametrize(
    ("user_id", "what"),
    [
        ("jane.doe@example.com", "an e-mail address"),
        ("+49 211 123456", "a phone number"),
        ("0049211123456", "a phone number"),
        ("(555) 123-4567", "a phone number"),
        ("+15551234567", "a phone number"),
        ("15551234567", "a phone number"),
        ("tel:+15551234567", "a phone number"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "a token"),
        ("Bearer abc", "a token"),
        ("sk-12345678abcdef", "a token"),
        ("aB3dE5fG7hJ9kL1mN3pQ5rS7tU9vW1xY", "a token"),
    ],
)
def test_what_looks_like_a_secret_or_a_person(user_id: str, what: str) -> None:
    with pytest.warns(UserWarning, match=f"^user_id looks like {what}: ") as caught:
        create_webrtc_client(URL, user_id=user_id)
    assert user_id not in str(caught[0].message)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    "user_id",
    [
        "",
        "user-123",
        "12345",
        UUID,
        UUID.replace("-", ""),
        "jane@desk",
        "a b",
        "ü",
        "2026-11-23",
        "kiosk_hall_3",
        "user:7",
    ],
)
def test_what_looks_like_an_identifier(user_id: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        create_webrtc_client(URL, user_id=user_id)


@pytest.mark.parametrize(
    ("user_id", "kind"),
    [
        (7, TypeError),
        (None, TypeError),
        ("", ValueError),
        ("a\r\nb", ValueError),
        ("\ud800", ValueError),
        ("x" * 257, ValueError),
    ],
)
async def test_what_is_no_user_id(
    client: WebRTCClient, engine: FakeEngine, user_id: Any, kind: type[Exception]
) -> None:
    async with client:
        with pytest.raises(kind, match=r"^(user_id: |userId must be a non-empty string)"):
            client.set_user_id(user_id)
    if user_id:
        with pytest.raises(kind, match=r"^(user_id: |userId must be a non-empty string)"):
            create_webrtc_client(URL, user_id=user_id)


async def test_set_user_id(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        client.set_user_id("user-7")
        await client.connect()
        assert endpoint.requests == [f"{URL}?userId=user-7"]
        assert engine.commands[0][1].user == "user-7"
        with pytest.raises(WrongState, match=r"^Cannot change userId while connected"):
            client.set_user_id("user-8")
        await client.disconnect()
        client.set_user_id("user-8")
        with pytest.warns(UserWarning, match="e-mail") as caught:
            client.set_user_id("jane@example.com")
        assert caught[0].filename == __file__


@pytest.mark.parametrize("method", ["connect", "load_config"])
async def test_not_while_connecting(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, method: str
) -> None:
    endpoint.is_silent = True
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(getattr(client, method))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(WrongState, match=r"^Cannot change userId while connecting"):
            client.set_user_id("user-8")
        nursery.cancel_scope.cancel()
