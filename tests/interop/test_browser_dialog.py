"""What a browser does in a call with c2c: holds and resumes, sends and hears tones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
from trio.to_thread import run_sync

from .peer import wait_until
from .test_calls import C2C_HZ, CALLEE_HZ, clip, heard, new_client, speak, wait_for

if TYPE_CHECKING:
    from pathlib import Path

    from .browser import BrowserAgent
    from .rig import Rig

__all__ = ["clip"]  # a fixture


@pytest.mark.parametrize("use_update", [False, True], ids=["re-INVITE", "UPDATE"])
async def test_hold_and_resume(rig: Rig, callee: BrowserAgent, clip: Path, *, use_update: bool) -> None:
    async with new_client(rig, "callee") as client, trio.open_nursery() as nursery:
        call = await client.connect_and_call()
        await call.wait_answered()
        nursery.start_soon(speak, call, clip)
        await run_sync(callee.wait_for_tone, C2C_HZ)
        callee.hold(use_update=use_update)
        await wait_for(lambda: call.session.remote_hold)
        await trio.sleep(0.5)
        packets = call.stats().packets_sent
        await trio.sleep(1)
        assert call.stats().packets_sent == packets
        callee.resume(use_update=use_update)
        await wait_for(lambda: not call.session.remote_hold)
        await run_sync(callee.wait_for_tone, C2C_HZ)
        assert (await heard(call, CALLEE_HZ)).is_near(CALLEE_HZ)
        assert call.stats().packets_lost == 0
        await client.end_call()


@pytest.mark.parametrize("transport", ["INFO", "RFC2833"])
async def test_tones_from_the_browser(rig: Rig, callee: BrowserAgent, transport: str) -> None:
    async with new_client(rig, "callee") as client:
        tones: list[tuple[str, str]] = []
        client.on("dtmfReceived", lambda told: tones.append((told.tone, told.transport_type)))
        call = await client.connect_and_call()
        await call.wait_answered()
        await heard(call, CALLEE_HZ)
        callee.send_dtmf("15#", transport)
        await wait_for(lambda: len(tones) == 3)
        assert tones == [(tone, transport) for tone in "15#"]
        await client.end_call()


async def test_tones_to_the_browser(rig: Rig, callee: BrowserAgent) -> None:
    """JsSIP tells those that come by INFO; a browser has no ear for those in RTP."""
    async with new_client(rig, "callee") as client:
        call = await client.connect_and_call()
        await call.wait_answered()
        await run_sync(callee.wait_for_phase, "confirmed")
        await client.send_dtmf("1*", duration=0.2, inter_tone_gap=0.1)
        await run_sync(wait_until, lambda: len(callee.last_call()["tones"]) == 2, "two tones at the browser", 30)
        assert callee.last_call()["tones"] == [{"originator": "remote", "tone": t, "duration": 200} for t in "1*"]
        await client.end_call()
