"""c2c's calls to a browser through Kamailio, and to plain RTP through rtpengine."""

from __future__ import annotations

import json
import wave
from array import array
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
import trio
from trio.to_thread import run_sync

import c2c

from .tone import Tone, measure, sine

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .browser import BrowserAgent
    from .rig import Rig

C2C_HZ = 880.0
CALLEE_HZ = 440.0


def new_client(rig: Rig, target: str, *, user_id: str = "c2c-interop", password: str | None = None) -> c2c.WebRTCClient:
    replaced = {} if password is None else {"password": password}
    return c2c.create_webrtc_client(
        endpoint_url=rig.endpoint.url(target, **replaced),
        tls=c2c.TLSConfig(ca_file=rig.identity.ca_file),
        user_id=user_id,
    )


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """Twenty seconds of 880 Hz at a quarter of full scale, 48 kHz."""
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", "not compressed"))
        file.writeframes(array("h", sine(C2C_HZ, 0.25, 48000, 20.0)).tobytes())
    return path


async def wait_for(condition: Callable[[], bool]) -> None:
    """Waits until handlers have brought about what is asked for."""
    with trio.fail_after(30):
        while not condition():  # noqa: ASYNC110 (set by handlers of several events)
            await trio.sleep(0.02)


async def speak(call: c2c.Call, clip: Path) -> None:
    """Plays until the call is over."""
    with suppress(c2c.NoActiveCall):
        await call.play(str(clip))


async def heard(call: c2c.Call, hz: float) -> Tone:
    """The tone that c2c hears, once a whole window is full of it."""
    samples = array("h")
    tone = Tone(0.0, 0.0, 0.0)
    with trio.fail_after(30):
        async for frame in call.audio(rate=48000):
            samples.frombytes(memoryview(frame).cast("B"))
            if len(samples) >= 24000:
                tone = measure(samples, 48000)
                if tone.is_near(hz) and measure(samples[:8192], 48000).is_near(hz):
                    return tone
                samples = array("h")
    raise AssertionError(f"no tone of {hz} Hz, last {tone}")


async def test_sound_both_ways_with_a_browser(rig: Rig, callee: BrowserAgent, clip: Path) -> None:
    async with new_client(rig, "callee") as client, trio.open_nursery() as nursery:
        call = await client.connect_and_call()
        await call.wait_answered()
        nursery.start_soon(speak, call, clip)
        assert (await heard(call, CALLEE_HZ)).rms == pytest.approx(0.177, rel=0.1)
        tone = await run_sync(callee.wait_for_tone, C2C_HZ)
        assert tone.rms == pytest.approx(0.177, rel=0.1)
        statistics = await run_sync(callee.statistics)
        assert statistics is not None
        assert statistics["inbound"]["packetsReceived"] > 0
        assert statistics["inbound"]["totalAudioEnergy"] > 0
        assert statistics["inbound"]["codec"] == "audio/opus"
        invite = callee.received("INVITE")[0]
        assert "\r\nX-Source: webrtc\r\n" in invite
        assert "Session-Expires: 90" in invite
        await client.end_call()
        ended = await run_sync(callee.wait_for_phase, "ended")
        assert (ended["originator"], ended["cause"]) == ("remote", "Terminated")
        assert 'Reason: SIP ;cause=480; text="Ended by user"' in callee.received("BYE")[0]


async def test_info_and_transcription(rig: Rig, callee: BrowserAgent) -> None:
    async with new_client(rig, "callee") as client:
        transcriptions: list[object] = []
        infos: list[c2c.events.InfoReceived] = []
        client.on("transcription", transcriptions.append).on("infoReceived", infos.append)
        call = await client.connect_and_call()
        await call.wait_answered()
        await client.send_info("hello", {"quoteId": 1})
        info = await run_sync(callee.wait_for_info)
        assert info == {
            "originator": "remote",
            "contentType": "application/json",
            "body": '{"text":"hello","data":{"quoteId":1}}',
        }
        callee.send_transcription("Hi")
        callee.send_info("plain words", "text/plain")
        await wait_for(lambda: bool(transcriptions and infos))
        assert [received.info.body for received in infos] == ["plain words"]
        assert transcriptions == [{"originator": "bot", "messages": [{"text": "Hi"}]}]
        await client.end_call()


async def test_the_browser_hangs_up(rig: Rig, callee: BrowserAgent) -> None:
    async with new_client(rig, "callee") as client:
        ends: list[tuple[object, ...]] = []
        client.on("ended", lambda session, info: ends.append((info.originator, info.cause, info.description)))
        call = await client.connect_and_call()
        await call.wait_answered()
        await run_sync(callee.wait_for_phase, "confirmed")
        callee.hang_up()
        await wait_for(lambda: bool(ends))
        assert ends == [("remote", "Terminated", None)]


@pytest.mark.parametrize(
    ("target", "cause", "code"),
    [
        ("callee", "Busy", "486"),  # by the browser, the others by Kamailio
        ("busy", "Busy", "486"),
        ("nosuch", "Not Found", "404"),
        ("declined", "Rejected", "603"),
        ("full", "SIP Failure Code", "503"),
        ("moved", "Redirected", "302"),
        ("nomedia", "Incompatible SDP", "488"),
        ("nobody-is-registered-so", "Unavailable", "480"),
    ],
)
async def test_rejected(rig: Rig, callee: BrowserAgent, target: str, cause: str, code: str) -> None:
    callee.set_policy(on_invite="reject", code=486)
    async with new_client(rig, target) as client:
        call = await client.connect_and_call()
        with pytest.raises(c2c.CallFailed) as failed:
            await call.wait_answered()
        info = failed.value.end_info
        assert (info.originator, info.cause, info.description) == ("remote", cause, code)


async def test_cancel_while_ringing(rig: Rig, callee: BrowserAgent) -> None:
    callee.set_policy(on_invite="ring")
    async with new_client(rig, "callee") as client:
        ringing = trio.Event()
        client.on("ringing", lambda session: ringing.set())
        await client.connect_and_call()
        with trio.fail_after(30):
            await ringing.wait()
        await client.end_call()
        failed = await run_sync(callee.wait_for_phase, "failed")
        assert (failed["originator"], failed["cause"]) == ("remote", "Canceled")


@pytest.mark.parametrize(
    ("options", "status"),
    [({"password": "wrong"}, 401), ({"user_id": "reg403"}, 403), ({"user_id": "reg503"}, 503)],
)
async def test_registration_fails(rig: Rig, options: dict[str, str], status: int) -> None:
    async with new_client(rig, "callee", **options) as client:
        with pytest.raises(c2c.RegistrationRejected, match="Registration failed") as rejected:
            await client.connect()
        assert rejected.value.sip_status == status


@pytest.mark.parametrize("user_id", ["reg423", "regstale"])
async def test_registration_at_the_second_try(rig: Rig, user_id: str) -> None:
    async with new_client(rig, "callee", user_id=user_id) as client:
        await client.connect()
        assert client.is_connected()


@pytest.mark.parametrize(("target", "level"), [("plain", 0.177), ("transcoded", 0.125)])
async def test_plain_rtp_through_rtpengine(rig: Rig, clip: Path, target: str, level: float) -> None:
    with rig.sipp("answer") as sipp:
        async with new_client(rig, target) as client, trio.open_nursery() as nursery:
            call = await client.connect_and_call()
            await call.wait_answered()
            nursery.start_soon(speak, call, clip)
            assert (await heard(call, rig.rtp_peer.hz)).rms == pytest.approx(level, rel=0.1)
            tone = await run_sync(rig.rtp_peer.wait_for_tone, C2C_HZ)
            assert tone.rms == pytest.approx(0.177, rel=0.1)
            await client.end_call()
            await run_sync(sipp.wait_for, "BYE sip:")


async def test_the_application_greets_and_hangs_up(rig: Rig) -> None:
    with rig.sipp("application"):
        async with new_client(rig, "plain") as client:
            greetings: list[object] = []
            ends: list[object] = []
            client.on("infoReceived", lambda received: greetings.append(json.loads(received.info.body)))
            client.on("ended", lambda session, info: ends.append(info.description))
            call = await client.connect_and_call()
            await call.wait_answered()
            await wait_for(lambda: bool(greetings))
            await client.send_info("thanks")
            await wait_for(lambda: bool(ends))
            assert greetings[0] == {"event": "greeting", "data": {"quoteId": "7"}}
            assert ends == ["16"]


async def test_three_minutes_through_session_refreshes(rig: Rig) -> None:
    """Session-Expires 90, UPDATE at half: the browser refreshes one call, c2c the other."""
    callees = {user: rig.browser_agent(user) for user in ("browser-refreshes", "c2c-refreshes")}
    for agent in callees.values():
        await run_sync(agent.wait_until_registered)
    callees["c2c-refreshes"].set_policy(refresher="uac")
    async with trio.open_nursery() as nursery:
        for user, agent in callees.items():
            nursery.start_soon(hold_the_line, rig, user, agent)
    assert len(callees["browser-refreshes"].sent("UPDATE")) >= 2
    assert len(callees["c2c-refreshes"].received("UPDATE")) >= 2
    for agent in callees.values():
        rig.close(agent)


async def hold_the_line(rig: Rig, user: str, agent: BrowserAgent) -> None:
    async with new_client(rig, user, user_id=f"caller-of-{user}") as client:
        call = await client.connect_and_call()
        await call.wait_answered()
        await trio.sleep(185)
        assert agent.last_call()["phase"] == "confirmed"
        assert (await heard(call, CALLEE_HZ)).is_near(CALLEE_HZ)
        await client.end_call()


async def test_an_invite_carries_credentials_and_is_not_challenged(
    rig: Rig, callee: BrowserAgent, caplog: pytest.LogCaptureFixture
) -> None:
    """Kamailio takes REGISTER's nonce again, in INVITE: one round trip to ringing."""
    caplog.set_level("DEBUG", logger="c2c.proto.sip")
    async with new_client(rig, "callee") as client:
        call = await client.connect_and_call()
        await call.wait_answered()
        await client.end_call()
    told = [record.getMessage().split(" (")[0] for record in caplog.records if record.name == "c2c.proto.sip"]
    assert told[:4] == ["sent REGISTER", "received 401 Unauthorized", "sent REGISTER", "received 200 OK"]
    assert told.count("sent INVITE") == 1
    assert told.count("received 401 Unauthorized") == 1
    assert "\r\nAuthorization:" not in callee.received("INVITE")[0]
