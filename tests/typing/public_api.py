"""What a type checker makes of the public API; run by mypy --strict only, never by Python."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import Any, assert_type

import c2c
from c2c import events


async def a_call(client: c2c.WebRTCClient) -> None:
    assert_type(await client.connect(), None)
    call = await client.connect_and_call()
    assert_type(call, c2c.Call)
    assert_type(await client.start_call(), c2c.Call)
    assert_type(await call.wait_answered(), c2c.CallSession)
    assert_type(await call.wait_ended(), c2c.CallEndInfo)
    assert_type(call.session.status, c2c.SessionStatus)
    assert_type(client.get_current_session(), c2c.CallSession | None)
    assert_type(client.is_connected(), bool)
    client.network_changed()
    await client.send_info("text", {"key": [1, None]})
    await client.send_info(data={})
    await client.mute()
    await client.unmute()
    await client.end_call()
    await client.disconnect()
    await client.destroy()
    await client.aclose()


async def sound(call: c2c.Call) -> None:
    stream = call.audio(rate=16_000)
    assert_type(stream, c2c.AudioStream)
    async for frame in stream:
        assert_type(frame, c2c.AudioFrame)
        assert_type(frame.position, int)
        memoryview(frame)
        bytes(frame)
    await call.play("hello.wav")
    await call.play(Path("hello.wav"))
    await call.play(b"", rate=8_000)
    await call.play(array("h"), rate=8_000)
    await call.play(c2c.Clip(b"", 8_000))
    await call.write(bytearray(), rate=48_000)
    await call.write(memoryview(b""))
    async with call.record(Path("call.wav"), rate=16_000) as recording:
        assert_type(recording, c2c.Recording)
        assert_type(recording.duration, float)
    call.record(7)  # type: ignore[arg-type]
    await call.send_dtmf("1,#", duration=0.1, inter_tone_gap=0.5, transport_type="RFC2833")
    await call.send_dtmf(1)  # type: ignore[arg-type]
    await call.send_dtmf("1", transport_type="RTP")  # type: ignore[arg-type]
    assert_type(call.stats(), c2c.CallStats)
    assert_type(call.stats().jitter, float)
    await call.play(7)  # type: ignore[arg-type]
    await call.write([1, 2])  # type: ignore[arg-type]


async def handlers(client: c2c.WebRTCClient) -> None:
    async def later(session: c2c.CallSession, end_info: c2c.CallEndInfo) -> None: ...

    assert_type(client.on("ended", later).on("registered", lambda: None), c2c.WebRTCClient)
    client.off(events.Ended, later)
    client.on("ended", "not a handler")  # type: ignore[arg-type]
    async for event in client.events():
        assert_type(event, events.Event)
        match event:
            case events.Transcription():
                assert_type(event.texts, tuple[str, ...])
                assert_type(event.transcription, Any)
            case events.InfoReceived(originator, info):
                assert_type(originator, str)
                assert_type(info, events.SipInfo)
            case events.Failed(session, end_info):
                assert_type(session, c2c.CallSession)
                assert_type(end_info, c2c.CallEndInfo)
            case events.CaptureAudio(stream):
                assert_type(stream, c2c.AudioStream)
            case events.Error(error):
                assert_type(error, c2c.C2CError)
            case _:
                assert_type(event.name, str)


async def creation() -> None:
    c2c.create_webrtc_client(endpoint_url="https://endpoint.example/token", user_id="user-123", capture_audio=True)
    c2c.create_webrtc_client("", pc_config={"iceServers": [{"urls": "stun:stun.example"}]})
    c2c.create_webrtc_client("", pc_config=c2c.PeerConnectionConfig(ice_servers=(c2c.IceServer(urls=("stun:a",)),)))
    c2c.create_webrtc_client("", tls=c2c.TLSConfig(ca_file="ca.pem"), on_handler_error="raise")
    c2c.create_webrtc_client("", on_handler_error="ignore")  # type: ignore[arg-type]
    c2c.create_webrtc_client("", "user-123")  # type: ignore[call-arg]
    async with c2c.create_webrtc_client("") as client:
        assert_type(client, c2c.WebRTCClient)
    assert_type(c2c.check_webrtc_support().missing, tuple[str, ...])
    assert_type(c2c.is_webrtc_supported(), bool)


def errors(error: c2c.C2CError) -> None:
    assert_type(error.stage, str | None)
    assert_type(error.sip_status, int | None)
    assert_type(error.cause, str | None)
    assert_type(error.hint, str | None)
    if isinstance(error, c2c.CallFailed):
        assert_type(error.end_info, c2c.CallEndInfo)
    if isinstance(error, c2c.ConfigInvalid):
        assert_type(error.path, str)
