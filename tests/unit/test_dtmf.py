from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from c2c import CallError, NoActiveCall, events
from c2c._c2c import Event
from support.client import Recorder, answered_call

if TYPE_CHECKING:
    from c2c import WebRTCClient
    from support.fake_engine import FakeEngine


async def test_tones_are_handed_over(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await answered_call(client, engine)
        await client.send_dtmf("1aR,#")
        await call.send_dtmf("9", duration=0.2, inter_tone_gap=1, transport_type="RFC2833")
        assert engine.commands[-2:] == [
            ("send_dtmf", 1, 1, "1aR,#", "INFO", None, None),
            ("send_dtmf", 1, 2, "9", "RFC2833", 0.2, 1),
        ]
        assert told.events[-2:] == [("dtmfSent", ("1aR,#",)), ("dtmfSent", ("9",))]
        assert "infoReceived" not in told.names


@pytest.mark.parametrize(
    ("tones", "transport"),
    [("", "INFO"), ("x", "INFO"), ("1 2", "INFO"), ("1\r\n", "INFO"), ("R", "RFC2833"), ("\u0661", "INFO")],
)
async def test_invalid_tones(
    client: WebRTCClient, engine: FakeEngine, told: Recorder, tones: str, transport: Any
) -> None:
    async with client:
        await answered_call(client, engine)
        with pytest.raises(CallError) as caught:
            await client.send_dtmf(tones, transport_type=transport)
        assert str(caught.value) == f"Failed to send DTMF: Invalid tones: {tones}"
        assert "send_dtmf" not in engine.names()
        assert "dtmfSent" not in told.names


@pytest.mark.parametrize(
    ("tones", "options", "kind", "named"),
    [
        (1, {}, TypeError, "tones"),
        (None, {}, TypeError, "tones"),
        ("1", {"duration": "100"}, TypeError, "duration"),
        ("1", {"duration": True}, TypeError, "duration"),
        ("1", {"duration": 100}, ValueError, "duration"),
        ("1", {"duration": float("nan")}, ValueError, "duration"),
        ("1", {"inter_tone_gap": -1}, ValueError, "inter_tone_gap"),
        ("1", {"transport_type": "RTP"}, ValueError, "transport_type"),
    ],
)
async def test_wrong_arguments(
    client: WebRTCClient, engine: FakeEngine, tones: Any, options: dict[str, Any], kind: type[Exception], named: str
) -> None:
    async with client:
        call = await answered_call(client, engine)
        for send in (client.send_dtmf, call.send_dtmf):
            with pytest.raises(kind, match=f"^{named}: "):
                await send(tones, **options)
        assert "send_dtmf" not in engine.names()


async def test_without_an_answered_call(client: WebRTCClient, engine: FakeEngine) -> None:
    text = r"^Failed to send DTMF: No active session to send DTMF"
    async with client:
        await client.connect()
        call = await client.start_call()
        for send in (client.send_dtmf, call.send_dtmf):
            with pytest.raises(NoActiveCall, match=text):
                await send("1")
        engine.answer()
        await call.wait_answered()
        await client.end_call()
        with pytest.raises(NoActiveCall, match=text):
            await call.send_dtmf("1")


async def test_what_cannot_be_sent(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        engine.answers["send_dtmf"] = [Event.DtmfFailed(1, 1, "the far side takes no telephone-events; use INFO")]
        with pytest.raises(CallError) as caught:
            await client.send_dtmf("1", transport_type="RFC2833")
        assert str(caught.value) == "Failed to send DTMF: the far side takes no telephone-events; use INFO"
        assert str(told.payload("error")[0]) == str(caught.value)
        assert "dtmfSent" not in told.names


async def test_a_tone_that_finds_nobody_is_an_error_event_and_the_call_goes_on(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    async with client:
        call = await answered_call(client, engine)
        await call.send_dtmf("12")
        engine.tell(Event.DtmfFailed(1, 1, "Dialog Error"))
        await trio.testing.wait_all_tasks_blocked()
        error = told.payload("error")[0]
        assert (str(error), error.cause) == ("Failed to send DTMF: Dialog Error", "Dialog Error")
        assert told.names[-2:] == ["dtmfSent", "error"]
        assert client.get_current_session() is not None


async def test_a_call_that_ends_meanwhile(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await answered_call(client, engine)
        engine.silent.add("send_dtmf")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def send() -> None:
                with pytest.raises(NoActiveCall, match=r"^Failed to send DTMF: The call is over: Terminated"):
                    await client.send_dtmf("1")

            await trio.testing.wait_all_tasks_blocked()
            engine.hang_up()


async def test_tones_from_the_far_side(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        engine.tell(Event.DtmfReceived(1, "#", 0.16, "RFC2833"), Event.DtmfReceived(1, "1", None, "INFO"))
        await trio.testing.wait_all_tasks_blocked()
        first, second = events.DtmfReceived("#", 0.16, "RFC2833"), events.DtmfReceived("1", None, "INFO")
        assert told.events[-2:] == [("dtmfReceived", (first,)), ("dtmfReceived", (second,))]
