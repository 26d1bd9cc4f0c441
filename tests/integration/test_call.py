"""Calls that go well: sound, INFO and hanging up, both ways."""

from __future__ import annotations

import json
from array import array
from typing import TYPE_CHECKING, Any

import pytest
import trio

from c2c import events
from c2c.gateway import (
    AwaitInfo,
    ChangeCodec,
    Echo,
    HangUp,
    Metadata,
    Play,
    Progress,
    Refresh,
    Ring,
    SendDtmf,
    SendInfo,
    Transcription,
    Wait,
    tone,
)
from support.gateway import RATE, served
from support.sound import level_at

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c._dtmf import DtmfTransport
    from c2c.gateway import Codec, GatewayCall


@pytest.mark.parametrize("codec", ["opus", "PCMU", "PCMA"])
async def test_both_sides_hear_each_other(codec: Codec) -> None:
    async with served(Play(tone(440, 2)), codecs=(codec,)) as caller, trio.open_nursery() as nursery:
        call, far_side = await caller.answered()
        nursery.start_soon(caller.listen, call)
        await call.play(tone(1000, 2))
        await far_side.wait_script()
        await caller.client.end_call()
        await far_side.wait_ended()
    assert far_side.heard is not None
    theirs = far_side.heard.between(0.5, 1.5)
    assert level_at(1000, theirs.samples, theirs.rate) == pytest.approx(-20, abs=1.5)
    assert level_at(440, theirs.samples, theirs.rate) < -50
    ours = caller.heard[RATE // 2 : RATE * 3 // 2]
    assert level_at(440, ours, RATE) == pytest.approx(-20, abs=1.5)
    assert level_at(1000, ours, RATE) < -50
    stats = call.stats()
    assert stats.codec == codec
    assert stats.packets_received > 50
    assert stats.packets_rejected == 0
    assert stats.seconds_heard > 1


async def test_events_come_in_the_sdks_order() -> None:
    async with served(Ring(0.1), options={"capture_audio": True}) as caller:
        call, far_side = await caller.answered()
        assert call.session.status == "answered"
        await caller.client.end_call()
        assert caller.told.names == [
            "connecting", "connected", "registered", "sessionCreated", "ringing", "captureAudio", "answered",
            "audioEnded", "ended",
        ]  # fmt: skip
        end = await far_side.wait_ended()
        assert (end.by, end.how) == ("remote", "BYE")
        assert end.reason is not None
        assert "Ended by user" in end.reason
        await caller.client.disconnect()
        assert caller.told.names[-2:] == ["unregistered", "disconnected"]
        await caller.gateway.wait_until(lambda gateway: not gateway.connections)
        assert [one.expires for one in caller.gateway.registrations] == [600, 0]


async def test_the_invite_names_the_application_and_the_organisation() -> None:
    async with served() as caller:
        _, far_side = await caller.answered()
        config = caller.gateway.config
        assert far_side.target == f"sip:app-{config.application_sid}@{config.realm}"
        assert far_side.caller == f"sip:user-1@{config.realm}"
        assert far_side.header("X-Source") == "webrtc"
        assert far_side.header("X-Organisation-Id") == config.organisation_id
        assert caller.gateway.requests[0].user_id == "user-1"


async def test_transcriptions_and_metadata_arrive_in_order() -> None:
    steps = [Transcription("Hi"), Transcription(["How", "are you?"], "user"), Metadata({"event": "greeted"})]
    async with served(*steps, SendInfo("plain words", "text/plain")) as caller:
        _, far_side = await caller.answered()
        await far_side.wait_script()
        assert far_side.responses == [("INFO", 200)] * 4
        # the last 200 may have been heard at the gateway before its INFO was told here
        with trio.fail_after(10):
            while caller.told.names.count("infoReceived") < 2:  # noqa: ASYNC110 (told by a handler)
                await trio.sleep(0.01)
        told = [(name, *payload) for name, payload in caller.told.events if name in {"transcription", "infoReceived"}]
        assert [name for name, *_ in told] == ["transcription", "transcription", "infoReceived", "infoReceived"]
        assert told[0][1] == {"originator": "bot", "messages": [{"text": "Hi"}]}
        assert told[1][1]["originator"] == "user"
        assert [message["text"] for message in told[1][1]["messages"]] == ["How", "are you?"]
        assert json.loads(told[2][1].info.body) == {"event": "greeted"}
        assert (told[3][1].info.content_type, told[3][1].info.body) == ("text/plain", "plain words")


async def test_info_reaches_the_agent_as_the_sdk_writes_it() -> None:
    async with served(AwaitInfo(), HangUp()) as caller:
        call, far_side = await caller.answered()
        await caller.client.send_info("hello", {"quoteId": 1})
        info = await far_side.wait_info()
        assert (info.content_type, info.body) == ("application/json", b'{"text":"hello","data":{"quoteId":1}}')
        await call.wait_ended()


async def test_the_gateway_hangs_up() -> None:
    async with served(Wait(0.1), HangUp(16, "NORMAL_CLEARING", "Q.850")) as caller:
        call, far_side = await caller.answered()
        await call.wait_ended()
        session, end_info = caller.ended()
        assert session.status == "ended"
        assert (end_info.originator, end_info.cause, end_info.description) == ("remote", "Terminated", "16")
        assert (await far_side.wait_ended()).by == "local"


async def test_mute_sends_silence() -> None:
    async with served() as caller:
        call, far_side = await caller.answered()
        await caller.client.mute()
        with trio.move_on_after(1):
            await call.play(tone(1000, 5))
        await caller.client.end_call()
        await far_side.wait_ended()
        assert far_side.heard is not None
        assert far_side.heard.level < -60
        assert "muted" in caller.told.names


async def test_the_echo_of_live_samples_comes_back() -> None:
    async with served(Echo(30)) as caller, trio.open_nursery() as nursery:
        call, _ = await caller.answered()
        nursery.start_soon(caller.listen, call)
        samples = _samples(700, 1.5)
        await call.write(samples, rate=RATE)
        await trio.sleep(0.3)
        await caller.client.end_call()
    middle = len(caller.heard) // 2
    assert level_at(700, caller.heard[middle - RATE // 4 : middle + RATE // 4], RATE) == pytest.approx(-20, abs=2)


async def test_the_session_is_refreshed_again_and_again() -> None:
    async with served(Refresh(), Refresh(), Refresh()) as caller:
        call, far_side = await caller.answered()
        await far_side.wait_script()
        assert far_side.responses == [("UPDATE", 200)] * 3
        assert far_side.refreshes == ["gateway"] * 3
        assert call.session.status == "answered"


async def test_the_far_side_holds_and_resumes() -> None:
    async with served() as caller:
        call, far_side = await caller.answered()
        for number, (change, held) in enumerate([(far_side.hold, True), (far_side.resume, False)], 1):
            change()
            await far_side.wait_until(has_responses(number))
            assert far_side.responses[-1] == ("INVITE", 200)
            with trio.fail_after(10):
                while call.session.remote_hold is not held:  # noqa: ASYNC110 (no event tells of hold)
                    await trio.sleep(0.01)
        await call.play(tone(1000, 0.2))
        assert call.session.status == "answered"


async def test_transcriptions_in_every_shape() -> None:
    shapes: list[Any] = [
        {"originator": "user", "messages": [{"text": "a"}, {"text": "b"}]},
        "a",
        {"message": "a"},
        {"message": ["a", "b"]},
        {"originator": "bot", "text": "a"},
        {"transcript": "a"},
    ]
    async with served(*(Metadata({"_transcription": shape}) for shape in shapes)) as caller:
        with caller.client.events() as told:
            _, far_side = await caller.answered()
            await far_side.wait_script()
            heard = []
            with trio.fail_after(30):
                async for event in told:
                    if isinstance(event, events.Transcription):
                        heard.append(event)
                    if len(heard) == len(shapes):
                        break
        assert [event.transcription for event in heard] == shapes
        assert [event.texts for event in heard] == [("a", "b"), ("a",), ("a",), ("a", "b"), ("a",), ("a",)]
        assert [event.originator for event in heard] == ["user", None, None, None, "bot", None]
        assert "infoReceived" not in caller.told.names


async def test_the_codec_changes_in_mid_call() -> None:
    async with served(ChangeCodec("PCMU"), Play(tone(440, 2))) as caller, trio.open_nursery() as nursery:
        call, far_side = await caller.answered()
        nursery.start_soon(caller.listen, call)
        await far_side.wait_until(lambda far_side: ("INVITE", 200) in far_side.responses)
        await call.play(tone(1000, 2))
        await far_side.wait_script()
        assert call.stats().codec == "PCMU"
        await caller.client.end_call()
        await far_side.wait_ended()
    assert far_side.heard is not None
    middle = far_side.heard.between(1, 1.5)
    assert level_at(1000, middle.samples, middle.rate) == pytest.approx(-20, abs=3)
    last = caller.heard[-RATE * 3 // 2 : -RATE // 2]
    assert level_at(440, last, RATE) == pytest.approx(-20, abs=3)


@pytest.mark.parametrize("transport", ["INFO", "RFC2833"])
async def test_tones_both_ways(transport: DtmfTransport) -> None:
    steps = (SendDtmf("5#"),) if transport == "RFC2833" else (_relay("5"), _relay("#"))
    async with served(*steps) as caller:
        call, far_side = await caller.answered()
        await call.send_dtmf("1,D", inter_tone_gap=0.1, transport_type=transport)
        with trio.fail_after(30):
            await far_side.wait_tones("1D")
            await far_side.wait_script()
            while caller.told.names.count("dtmfReceived") < 2:  # noqa: ASYNC110 (told by a handler)
                await trio.sleep(0.02)
        assert [(tone.transport_type, tone.duration) for tone in far_side.tones] == [(transport, 0.1)] * 2
        received = [payload[0] for name, payload in caller.told.events if name == "dtmfReceived"]
        assert [(tone.tone, tone.transport_type) for tone in received] == [("5", transport), ("#", transport)]
        assert "infoReceived" not in caller.told.names


async def test_early_media() -> None:
    async with served(Progress(2, tone(440, 1.5)), options={"capture_audio": True}) as caller:
        with caller.client.events() as told, trio.fail_after(30):
            await caller.client.connect()
            call = await caller.client.start_call()
            samples = array("h")
            async for frame in call.audio(rate=RATE):
                samples.frombytes(memoryview(frame).cast("B"))
                if len(samples) >= RATE:
                    break
            assert call.session.status == "ringing"
            assert level_at(440, samples[-RATE // 2 :], RATE) == pytest.approx(-20, abs=3)
            await call.wait_answered()
            names = []
            async for event in told:
                names.append(event.name)
                if event.name == "answered":
                    break
        assert names[-3:] == ["captureAudio", "ringing", "answered"]
        assert (await anext(aiter(call.audio()))).position < 48_000


async def test_a_second_call_on_the_same_connection() -> None:
    async with served() as caller:
        await caller.answered()
        await caller.client.end_call()
        call = await caller.client.start_call()
        await call.wait_answered()
        far_side = await caller.gateway.wait_call(1)
        await far_side.wait_media()
        assert len(caller.gateway.calls) == 2
        assert len(caller.gateway.requests) == 1


def _relay(tone: str) -> SendInfo:
    return SendInfo(f"Signal={tone}\r\nDuration=100", "application/dtmf-relay")


def _samples(hz: float, seconds: float) -> bytes:
    import math
    from array import array

    step = 2 * math.pi * hz / RATE
    return array("h", (round(4634 * math.sin(step * n)) for n in range(int(seconds * RATE)))).tobytes()


def has_responses(number: int) -> Callable[[GatewayCall], bool]:
    return lambda far_side: len(far_side.responses) == number
