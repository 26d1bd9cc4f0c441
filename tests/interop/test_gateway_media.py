"""c2c and plain RTP behind rtpengine: codecs, early media, DTMF, hold and resume."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.to_thread import run_sync

from .peer import wait_until
from .test_calls import C2C_HZ, clip, heard, new_client, speak, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    import c2c

    from .rig import Rig

__all__ = ["clip"]  # a fixture


@pytest.mark.parametrize(
    ("target", "codec", "spoken"),
    [("plain", "PCMU", "PCMU"), ("plain", "PCMA", "PCMA"), ("transcoded", "PCMU", "opus")],
)
async def test_sound_both_ways(rig: Rig, clip: Path, target: str, codec: str, spoken: str) -> None:
    with rig.sipp("answer", codec):
        async with new_client(rig, target) as client, trio.open_nursery() as nursery:
            call = await client.connect_and_call()
            await call.wait_answered()
            nursery.start_soon(speak, call, clip)
            assert (await heard(call, rig.rtp_peer.hz)).is_near(rig.rtp_peer.hz)
            assert (await run_sync(rig.rtp_peer.wait_for_tone, C2C_HZ)).rms == pytest.approx(0.177, rel=0.1)
            assert call.stats().codec == spoken
            await client.end_call()


async def test_early_media(rig: Rig, clip: Path) -> None:
    """Ringback is heard before the answer. rtpengine learns where it goes by what we send, silence that is."""
    with rig.sipp("early"):
        async with new_client(rig, "plain") as client, trio.open_nursery() as nursery:
            call = await client.connect_and_call()
            assert (await heard(call, rig.rtp_peer.hz)).is_near(rig.rtp_peer.hz)
            assert call.session.status == "ringing"
            await call.wait_answered()
            nursery.start_soon(speak, call, clip)
            await run_sync(rig.rtp_peer.wait_for_tone, C2C_HZ)
            await client.end_call()


@pytest.mark.parametrize("target", ["plain", "transcoded"])
async def test_tones_in_rtp(rig: Rig, target: str) -> None:
    with rig.sipp("answer"):
        async with new_client(rig, target) as client:
            call = await client.connect_and_call()
            await call.wait_answered()
            await heard(call, rig.rtp_peer.hz)
            await client.send_dtmf("159#", transport_type="RFC2833")
            await run_sync(wait_until, lambda: len(rig.rtp_peer.tones()) == 4, "four tones at the RTP peer", 30)
            await trio.sleep(0.2)  # for the repeated ends of the last one
            assert [digit for digit, _, _ in rig.rtp_peer.tones()] == ["1", "5", "9", "#"]
            assert all(duration == pytest.approx(800, abs=160) for _, duration, _ in rig.rtp_peer.tones())
            assert all(packets >= 7 for _, _, packets in rig.rtp_peer.tones())
            await client.end_call()


@pytest.mark.parametrize("target", ["plain", "transcoded"])
async def test_tones_in_rtp_from_behind_the_gateway(rig: Rig, target: str) -> None:
    """With `transcoded` rtpengine turns them from 8000 Hz into 48000 Hz."""
    with rig.sipp("answer"):
        async with new_client(rig, target) as client:
            tones: list[tuple[str, str]] = []
            client.on("dtmfReceived", lambda told: tones.append((told.tone, told.transport_type)))
            call = await client.connect_and_call()
            await call.wait_answered()
            await heard(call, rig.rtp_peer.hz)
            rig.rtp_peer.send_tones("0*8D")
            await wait_for(lambda: len(tones) == 4)
            assert tones == [(tone, "RFC2833") for tone in "0*8D"]
            await client.end_call()


async def test_tones_by_info(rig: Rig) -> None:
    with rig.sipp("answer") as sipp:
        async with new_client(rig, "plain") as client:
            call = await client.connect_and_call()
            await call.wait_answered()
            await client.send_dtmf("5#")
            await run_sync(sipp.wait_for, "Signal=#")
            assert "Signal=5\r\nDuration=100" in sipp.messages().replace("\n", "\r\n").replace("\r\r", "\r")
            assert "Content-Type: application/dtmf-relay" in sipp.messages()
            await client.end_call()


@pytest.mark.parametrize(("target", "spoken"), [("plain", "PCMU"), ("transcoded", "opus")])
async def test_hold_resume_and_bye_with_a_reason(rig: Rig, clip: Path, target: str, spoken: str) -> None:
    """With `transcoded` the call runs on Opus, and rtpengine's offer of the hold turns it to PCMU."""
    with rig.sipp("hold"):
        async with new_client(rig, target) as client, trio.open_nursery() as nursery:
            call = await client.connect_and_call()
            await call.wait_answered()
            nursery.start_soon(speak, call, clip)
            await run_sync(rig.rtp_peer.wait_for_tone, C2C_HZ)
            assert call.stats().codec == spoken
            await client.send_info("hold")
            await wait_for(lambda: call.session.remote_hold)
            await trio.sleep(0.5)
            packets = call.stats().packets_sent
            await trio.sleep(1)
            assert call.stats().packets_sent == packets
            rig.rtp_peer.forget_sound()
            await client.send_info("resume")
            await wait_for(lambda: not call.session.remote_hold)
            await run_sync(rig.rtp_peer.wait_for_tone, C2C_HZ)
            assert (await heard(call, rig.rtp_peer.hz)).is_near(rig.rtp_peer.hz)
            assert call.stats().codec == "PCMU"
            await client.send_info("hang up")
            end: c2c.CallEndInfo = await call.wait_ended()
            assert (end.originator, end.cause, end.description) == ("remote", "Terminated", "16")
