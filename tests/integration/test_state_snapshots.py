"""A client's state in real calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import c2c
from c2c.gateway import HangUp, Hold, IgnoreRegister, Reject, RejectRegister, Resume, Ring, Transcription
from support.gateway import served

if TYPE_CHECKING:
    from c2c import ClientState


async def test_the_states_of_a_whole_call() -> None:
    steps = (Ring(0.1), Transcription("Hello"), Transcription("Hi", "user"), Hold(), Resume(), HangUp())
    async with served(*steps) as one:
        states: list[ClientState] = []
        one.client.subscribe(states.append)
        call = await one.client.connect_and_call()
        await call.wait_ended()
    order = list(dict.fromkeys(str(state.status) for state in states))
    assert order == ["connecting", "ringing", "answered", "ended"]
    held = [state.session.remote_hold for state in states if state.session]
    assert True in held
    assert held[-1] is False
    final = states[-1]
    assert [(message.originator, message.text) for message in final.transcript] == [("bot", "Hello"), ("user", "Hi")]
    assert final.end_info is not None
    assert (final.end_info.originator, final.end_info.cause) == ("remote", "Terminated")


async def test_registration_failed() -> None:
    async with served(misbehave=[RejectRegister(403, "Forbidden")]) as one:
        with pytest.raises(c2c.RegistrationRejected):
            await one.client.connect()
        (failed,) = one.told.payload("registrationFailed")
        assert (failed.response.status_code, failed.response.reason_phrase) == (403, "Forbidden")
        assert one.told.names.index("registrationFailed") == one.told.names.index("error") - 1
        info = one.client.get_state().end_info
        assert info is not None
        assert info.cause == c2c.SDK_END_CAUSES.REGISTRATION_FAILED


async def test_the_setup_time_out() -> None:
    async with served(misbehave=[IgnoreRegister()], options={"call_setup_timeout": 0.5}) as one:
        with pytest.raises(c2c.ConnectTimeout, match="Failed to connect: Call setup timeout"):
            await one.client.connect()
        info = one.client.get_state().end_info
        assert info is not None
        assert (info.originator, info.cause) == ("local", "SETUP_TIMEOUT")


@pytest.mark.parametrize("last", [HangUp(), Reject(486)], ids=["ended", "failed"])
async def test_disconnect_after_call(last: c2c.gateway.Step) -> None:
    async with served(Ring(0.1), last, options={"disconnect_after_call": True}) as one:
        told = one.client.events()
        await one.client.connect_and_call()
        async for event in told:
            if isinstance(event, c2c.events.Disconnected):
                break
        assert not one.client.is_connected()
        assert one.told.names[-2:] == ["unregistered", "disconnected"]
