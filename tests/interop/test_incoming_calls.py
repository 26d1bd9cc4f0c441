"""The browser calls c2c, both registered at the same Kamailio."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
from trio.to_thread import run_sync

import c2c

from .test_calls import C2C_HZ, clip, heard, speak

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from .browser import BrowserAgent
    from .rig import Rig

__all__ = ["clip"]  # a fixture

USER = "c2c-called"
CALLER_HZ = 660.0


@asynccontextmanager
async def rung(rig: Rig, caller: BrowserAgent) -> AsyncIterator[tuple[c2c.WebRTCClient, c2c.Call]]:
    """A registered client that the browser calls, and the call while it rings."""
    client = c2c.create_webrtc_client(
        endpoint_url=rig.endpoint.url("callee"),
        tls=c2c.TLSConfig(ca_file=rig.identity.ca_file),
        user_id=USER,
        accept_incoming=True,
    )
    caller.set_tone(CALLER_HZ)
    async with client:
        await client.connect()
        told = client.events()
        await run_sync(caller.call, USER)
        call = await incoming(told)
        await run_sync(caller.wait_for_phase, "ringing")
        yield client, call


async def incoming(told: AsyncIterator[c2c.events.Event]) -> c2c.Call:
    """The next call that comes."""
    with trio.fail_after(30):
        async for event in told:
            if isinstance(event, c2c.events.IncomingCall):
                return event.call
    raise AssertionError("no call")


@pytest.mark.parametrize("who", ["c2c", "browser"])
async def test_answered_with_sound_both_ways(rig: Rig, caller: BrowserAgent, clip: Path, who: str) -> None:
    async with rung(rig, caller) as (client, call), trio.open_nursery() as nursery:
        await call.answer()
        nursery.start_soon(speak, call, clip)
        assert (await heard(call, CALLER_HZ)).rms == pytest.approx(0.177, rel=0.1)
        assert (await run_sync(caller.wait_for_tone, C2C_HZ)).rms == pytest.approx(0.177, rel=0.1)
        assert (await run_sync(caller.last_call))["phase"] == "confirmed"
        await client.send_info("hello", {"quoteId": 1})
        assert '"hello"' in (await run_sync(caller.wait_for_info))["body"]
        if who == "c2c":
            await client.end_call()
            ended = await run_sync(caller.wait_for_phase, "ended")
            assert (ended["originator"], ended["cause"]) == ("remote", "Terminated")
        else:
            caller.hang_up()
            end_info = await call.wait_ended()
            assert (end_info.originator, end_info.cause) == ("remote", "Terminated")


async def test_c2c_calls_c2c(rig: Rig, clip: Path) -> None:
    trust = c2c.TLSConfig(ca_file=rig.identity.ca_file)
    called = c2c.create_webrtc_client(rig.endpoint.url("callee"), tls=trust, user_id=USER, accept_incoming=True)
    calling = c2c.create_webrtc_client(rig.endpoint.url(USER), tls=trust, user_id="c2c-calling")
    async with called, calling, trio.open_nursery() as nursery:
        await called.connect()
        told = called.events()
        ours = await calling.connect_and_call()
        theirs = await incoming(told)
        await theirs.answer()
        await ours.wait_answered()
        nursery.start_soon(speak, ours, clip)
        await heard(theirs, C2C_HZ)
        nursery.start_soon(speak, theirs, clip)
        await heard(ours, C2C_HZ)
        await called.end_call()
        assert (await ours.wait_ended()).originator == "remote"


async def test_rejected(rig: Rig, caller: BrowserAgent) -> None:
    async with rung(rig, caller) as (_, call):
        await call.reject()
        failed = await run_sync(caller.wait_for_phase, "failed")
        assert (failed["originator"], failed["cause"], failed["code"]) == ("remote", "Busy", 486)


async def test_the_browser_gives_up(rig: Rig, caller: BrowserAgent) -> None:
    async with rung(rig, caller) as (_, call):
        caller.hang_up()
        end_info = await call.wait_ended()
        assert (end_info.originator, end_info.cause) == ("remote", "Canceled")
        with pytest.raises(c2c.CallFailed, match="Canceled"):
            await call.answer()


async def test_refused_unless_asked_for(rig: Rig, caller: BrowserAgent) -> None:
    client = c2c.create_webrtc_client(
        endpoint_url=rig.endpoint.url("callee"), tls=c2c.TLSConfig(ca_file=rig.identity.ca_file), user_id=USER
    )
    async with client:
        await client.connect()
        caller.call(USER)
        assert (await run_sync(caller.wait_for_phase, "failed"))["code"] == 403
