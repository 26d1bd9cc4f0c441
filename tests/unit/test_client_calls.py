from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from c2c import (
    CallError,
    CallFailed,
    ClientNotOpen,
    DtlsFailed,
    IceFailed,
    MediaError,
    NoActiveCall,
    NoCommonCodec,
    NotConnected,
    SessionStatus,
    WebRTCClient,
)
from c2c._c2c import CallEnd, Event
from support.client import Recorder, answered_call
from support.fake_engine import START, FakeCall
from support.fake_engine import make_stats as stats

if TYPE_CHECKING:
    from support.fake_engine import FakeEngine

LEGACY_HEADERS = [("X-Source", "webrtc"), ("X-Organisation-Id", "organisation"), ("X-Project-Id", "project")]


async def test_events_of_a_call_that_we_end(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        await client.end_call()
        assert told.names == [
            "connecting", "connected", "registered", "sessionCreated", "ringing", "answered", "audioEnded", "ended",
        ]  # fmt: skip
        assert engine.commands[-1] == ("end_call", 1, 480, "Ended by user")
        session, end_info = told.payload("ended")
        assert session.status == "ended"
        assert (end_info.originator, end_info.cause, end_info.description) == ("local", "Terminated", None)


async def test_events_of_a_call_that_the_far_side_ends(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    async with client:
        call = await answered_call(client, engine)
        engine.finish(CallEnd("remote", "Terminated", "16", None, None, ""))
        end_info = await call.wait_ended()
        assert told.names[-2:] == ["audioEnded", "ended"]
        assert told.payload("ended")[1] == end_info
        assert (end_info.originator, end_info.cause, end_info.description) == ("remote", "Terminated", "16")
        assert (end_info.stage, end_info.hint) == (None, None)


async def test_a_rejected_call(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await client.connect_and_call()
        engine.ring()
        engine.reject(486, "Busy")
        with pytest.raises(CallFailed) as caught:
            await call.wait_answered()
        assert str(caught.value) == "Call failed: Busy (486)"
        assert (caught.value.sip_status, caught.value.hint) == (486, "try later")
        assert told.names[-3:] == ["ringing", "audioEnded", "failed"]
        session, end_info = told.payload("failed")
        assert session.status == "failed"
        assert end_info == caught.value.end_info == await call.wait_ended()
        with pytest.raises(CallFailed):
            await call.wait_answered()


@pytest.mark.parametrize(
    ("stage", "cause", "kind"),
    [
        ("ice", "RTP Timeout", IceFailed),
        ("dtls", "WebRTC Error", DtlsFailed),
        ("invite", "Incompatible SDP", NoCommonCodec),
        ("media", "Bad Media Description", MediaError),
    ],
)
async def test_a_call_that_fails_for_its_sound(
    client: WebRTCClient, engine: FakeEngine, stage: str, cause: str, kind: type[MediaError]
) -> None:
    async with client:
        call = await client.connect_and_call()
        engine.finish(CallEnd("local", cause, None, None, stage, "do something"))
        with pytest.raises(CallFailed) as caught:
            await call.wait_answered()
        assert type(caught.value.__cause__) is kind
        assert caught.value.stage == stage


async def test_start_call_comes_before_the_answer(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        call = await client.start_call()
        assert engine.commands[-1] == ("start_call", 1, "app-application-sid", LEGACY_HEADERS)
        assert call.session.status is SessionStatus.INIT
        assert call.session.direction == "outgoing"
        assert call.session.id.startswith("call-")
        assert len(call.session.id) == 13
        assert call.session.start_time == datetime.fromtimestamp(START, UTC)
        assert client.get_current_session() is None
        assert told.names == ["connecting", "connected", "registered", "sessionCreated"]


async def test_start_call_while_a_call_is_live_returns_it(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await client.connect_and_call()
        assert await client.start_call() is call
        assert await client.connect_and_call() is call
        assert engine.names() == ["connect", "start_call"]


async def test_concurrent_starts_make_one_call(client: WebRTCClient, engine: FakeEngine) -> None:
    calls: list[Any] = []

    async def start() -> None:
        calls.append(await client.start_call())

    async with client:
        await client.connect()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(start)
            nursery.start_soon(start)
        assert calls[0] is calls[1]
        assert engine.names().count("start_call") == 1


async def test_one_call_after_another(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        first = await answered_call(client, engine)
        await client.end_call()
        second = await client.start_call()
        assert second is not first
        assert second.session.id != first.session.id
        assert engine.commands[-1][:2] == ("start_call", 2)


async def test_a_call_that_the_engine_refuses(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        end = CallEnd("local", "Internal Error", "no file descriptor is left", None, "media", "raise the limit")
        engine.answers["start_call"] = [Event.Failed(FakeCall(1).state("failed"), end, stats())]
        with pytest.raises(CallError) as caught:
            await client.start_call()
        assert str(caught.value) == "Failed to start call: no file descriptor is left"
        assert (caught.value.stage, caught.value.hint) == ("media", "raise the limit")
        assert told.names[-3:] == ["audioEnded", "failed", "error"]
        assert str(told.payload("error")[0]) == "Failed to make call: no file descriptor is left"


async def test_a_call_that_fails_at_once_is_an_event(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        state, end = FakeCall(1).state("init"), CallEnd("local", "Canceled", None, None, None, "")
        engine.answers["start_call"] = [Event.CallCreated(state), Event.Failed(state, end, stats())]
        call = await client.start_call()
        assert call.session.status == "failed"
        assert told.names[-1] == "failed"


async def test_starting_without_a_connection(client: WebRTCClient) -> None:
    async with client:
        with pytest.raises(NotConnected) as caught:
            await client.start_call()
        assert str(caught.value) == "Client not connected. Call connect() first."


async def test_starting_after_the_connection_was_lost(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await client.connect()
        engine.tell(Event.Disconnected(1006, "reset"))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(NotConnected):
            await client.start_call()


async def test_a_cancelled_start_hangs_up(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("start_call")
    async with client:
        with trio.move_on_after(1) as scope:
            await client.connect_and_call()
        assert scope.cancelled_caught
        assert engine.commands[-1] == ("end_call", 1, 480, "Ended by user")


async def test_a_cancelled_wait_does_not_hang_up(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await client.connect_and_call()
        with trio.move_on_after(1):
            await call.wait_answered()
        assert engine.names() == ["connect", "start_call"]
        assert call.session.status == "init"


@pytest.mark.parametrize("rings", [False, True])
async def test_ending_before_the_answer(
    client: WebRTCClient, engine: FakeEngine, told: Recorder, *, rings: bool
) -> None:
    async with client:
        call = await client.connect_and_call()
        if rings:
            engine.ring()
            await trio.testing.wait_all_tasks_blocked()
        await client.end_call()
        assert told.names[-2:] == ["audioEnded", "failed"]
        assert (await call.wait_ended()).cause == "Canceled"
        assert client.is_connected()


async def test_ending_without_a_call(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        with pytest.raises(NoActiveCall, match=r"^Failed to end call: No active session to terminate"):
            await client.end_call()
        await answered_call(client, engine)
        await client.end_call()
        with pytest.raises(NoActiveCall, match=r"^Failed to end call: No active session to terminate"):
            await client.end_call()


async def test_snapshots_do_not_change(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await answered_call(client, engine)
        before = call.session
        assert (before.status, before.duration, before.muted) == ("answered", 0, False)
        assert before.answer_time == before.start_time + timedelta(seconds=1)
        await trio.sleep(2.5)
        await client.mute()
        assert client.get_current_session() == call.session
        assert (call.session.duration, call.session.muted) == (2, True)
        await trio.sleep(1)
        await client.end_call()
        await trio.sleep(5)
        assert call.session == told.payload("ended")[0]
        assert (call.session.status, call.session.duration) == ("ended", 3)
        assert (before.status, before.duration, before.muted) == ("answered", 0, False)
        assert client.get_current_session() is None


async def test_early_media_and_several_provisional_responses(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    async with client:
        await client.connect_and_call()
        engine.ring()
        engine.ring()
        engine.answer()
        await trio.testing.wait_all_tasks_blocked()
        assert told.names[-3:] == ["ringing", "ringing", "answered"]


async def test_hold_is_seen_in_later_snapshots_only(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await answered_call(client, engine)
        engine.call.remote_hold = True
        engine.tell(Event.HoldChanged(engine.call.state("answered")))
        await trio.testing.wait_all_tasks_blocked()
        assert call.session.remote_hold
        assert told.names[-1] == "answered"


async def test_mute_and_unmute(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        await client.mute()
        assert told.payload("muted")[0].muted
        await client.mute()
        await client.unmute()
        assert not told.payload("unmuted")[0].muted
        await client.unmute()
        assert told.names[-2:] == ["muted", "unmuted"]
        assert engine.commands[-2:] == [("set_muted", 1, True), ("set_muted", 1, False)]


async def test_muting_without_an_answered_call(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        for prepare in (client.connect, client.start_call):
            await prepare()
            with pytest.raises(NoActiveCall, match=r"^Failed to mute call: No active session to mute"):
                await client.mute()
            await client.unmute()
        assert "set_muted" not in engine.names()


async def test_crossing_mute_and_unmute_both_return(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.mute)
            nursery.start_soon(client.unmute)
        assert call.session.muted == engine.call.muted


async def test_a_cancelled_mute_can_be_taken_back(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await answered_call(client, engine)
        engine.silent.add("set_muted")
        with trio.move_on_after(1):
            await client.mute()
        engine.silent.clear()
        await client.unmute()
        assert engine.commands[-2:] == [("set_muted", 1, True), ("set_muted", 1, False)]
        assert not call.session.muted


async def test_muting_a_call_that_ends_meanwhile(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("set_muted")
    async with client, trio.open_nursery() as nursery:
        await answered_call(client, engine)
        nursery.start_soon(client.mute)
        await trio.testing.wait_all_tasks_blocked()
        engine.hang_up()


async def test_send_info(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    data = {"key": 1, "nested": {"a": [None, True, "ü"]}}
    async with client:
        await answered_call(client, engine)
        await client.send_info("text", data)
        body = '{"text":"text","data":{"key":1,"nested":{"a":[null,true,"ü"]}}}'.encode()
        assert engine.commands[-1] == ("send_info", 1, 1, "application/json", body)
        assert told.events[-1] == ("infoSent", ("text", data))
        await client.send_info("text")
        assert engine.commands[-1][-1] == b'{"text":"text","data":{}}'
        assert told.events[-1] == ("infoSent", ("text", {}))
        await client.send_info(data={"only": "data"})
        assert engine.commands[-1][-1] == b'{"text":"","data":{"only":"data"}}'
        assert "infoReceived" not in told.names


async def test_sending_info_without_an_answered_call(client: WebRTCClient) -> None:
    async with client:
        for prepare in (client.connect, client.start_call):
            await prepare()
            with pytest.raises(NoActiveCall, match=r"^Failed to send info: No active session to send info"):
                await client.send_info("text")


@pytest.mark.parametrize(
    ("text", "data", "kind", "named"),
    [
        (7, {}, TypeError, "text"),
        ("", [1], TypeError, "data"),
        ("", {"a": object()}, TypeError, "data"),
        ("", {"a": float("nan")}, ValueError, "data"),
        ("", {(1, 2): 1}, TypeError, "data"),
    ],
)
async def test_info_that_is_not_json(
    client: WebRTCClient, engine: FakeEngine, text: Any, data: Any, kind: type[Exception], named: str
) -> None:
    async with client:
        await answered_call(client, engine)
        with pytest.raises(kind, match=f"^{named}: "):
            await client.send_info(text, data)
        assert "send_info" not in engine.names()


async def test_info_that_cannot_be_sent(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        engine.answers["send_info"] = [Event.InfoFailed(1, 1, None, "the body is too long")]
        with pytest.raises(CallError) as caught:
            await client.send_info("text")
        assert str(caught.value) == "Failed to send info: the body is too long"
        assert str(told.payload("error")[0]) == str(caught.value)
        assert "infoSent" not in told.names


async def test_info_that_is_refused_after_it_left_is_only_logged(
    client: WebRTCClient, engine: FakeEngine, told: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    async with client:
        await answered_call(client, engine)
        await client.send_info("text")
        engine.tell(Event.InfoFailed(1, 1, 488, "488 Not Acceptable Here"))
        await trio.testing.wait_all_tasks_blocked()
        assert told.names[-1] == "infoSent"
        assert "488 Not Acceptable Here" in caplog.text


@pytest.mark.parametrize(("status", "cause"), [(481, "Dialog Error"), (None, "Request Timeout")])
async def test_an_info_that_finds_nobody_is_an_error_event_and_the_call_goes_on(
    client: WebRTCClient, engine: FakeEngine, told: Recorder, status: int | None, cause: str
) -> None:
    async with client:
        await answered_call(client, engine)
        await client.send_info("text")
        engine.tell(Event.InfoFailed(1, 1, status, cause))
        await trio.testing.wait_all_tasks_blocked()
        error = told.payload("error")[0]
        assert (str(error), error.sip_status, error.cause) == (f"Failed to send info: {cause}", status, cause)
        assert told.names[-1] == "error"
        assert client.get_current_session() is not None


async def test_info_of_a_call_that_ends_meanwhile(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await answered_call(client, engine)
        engine.silent.add("send_info")
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def send() -> None:
                with pytest.raises(NoActiveCall, match=r"^Failed to send info: The call is over: Terminated"):
                    await client.send_info("text")

            await trio.testing.wait_all_tasks_blocked()
            engine.hang_up()


@pytest.mark.parametrize("body", ["text", "[1]", '{"key": 1}', '"_transcription"', "{", "\xff", ""])
async def test_info_from_the_far_side(client: WebRTCClient, engine: FakeEngine, told: Recorder, body: str) -> None:
    async with client:
        await answered_call(client, engine)
        engine.tell(Event.InfoReceived(1, "application/json", body.encode()))
        await trio.testing.wait_all_tasks_blocked()
        name, (received,) = told.events[-1]
        assert name == "infoReceived"
        assert received.originator == "remote"
        assert (received.info.body, received.info.content_type) == (body, "application/json")


async def test_info_that_is_no_text(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        engine.tell(Event.InfoReceived(1, "image/png", b"\x89PNG"))
        await trio.testing.wait_all_tasks_blocked()
        assert told.payload("infoReceived")[0].info.body == "\N{REPLACEMENT CHARACTER}PNG"


async def test_a_transcription(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        with client.events() as events:
            await answered_call(client, engine)
            body = b'{"_transcription":{"originator":"bot","messages":[{"text":"Hi"}]}}'
            engine.tell(Event.InfoReceived(1, "application/json", body))
            await trio.testing.wait_all_tasks_blocked()
        assert told.events[-1] == ("transcription", ({"originator": "bot", "messages": [{"text": "Hi"}]},))
        assert "infoReceived" not in told.names
        seen = [event async for event in events]
        assert (seen[-1].name, seen[-1].payload) == told.events[-1]


async def test_nothing_comes_after_the_end(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await answered_call(client, engine)
        state = engine.call.state("answered")
        engine.hang_up()
        engine.tell(
            Event.Muted(state),
            Event.Ringing(state),
            Event.Answered(state),
            Event.InfoReceived(1, "text/plain", b"late"),
            Event.Ended(state, CallEnd("remote", "late", None, None, None, ""), stats()),
        )
        end_info = await call.wait_ended()
        assert told.names[-1] == "ended"
        assert end_info.cause == "Terminated"


async def test_stats(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await client.connect_and_call()
        assert call.stats().packets_received == 0
        engine.finish(CallEnd("remote", "Busy", "486", 486, "invite", ""))
        await call.wait_ended()
        assert call.stats().codec == "opus"
    assert call.stats().codec == "opus"


async def test_a_call_on_a_second_connection_tells_its_events(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    """test for docs/differences.md: in the SDK's 0.0.x `disconnect()` takes the handlers of calls away"""
    async with client:
        await client.connect()
        await client.disconnect()
        told.events.clear()
        await answered_call(client, engine)
        await client.end_call()
    assert [name for name in told.names if name in {"ringing", "answered", "ended"}] == ["ringing", "answered", "ended"]


async def test_network_changed_asks_the_engine_to_look(client: WebRTCClient, engine: FakeEngine) -> None:
    with pytest.raises(ClientNotOpen):
        client.network_changed()
    async with client:
        await answered_call(client, engine)
        client.network_changed()
        assert engine.commands[-1] == ("network_changed",)
        await client.destroy()
        before = list(engine.commands)
        client.network_changed()
        assert engine.commands == before
