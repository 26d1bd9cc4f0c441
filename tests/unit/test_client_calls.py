from __future__ import annotations

from typing import TYPE_CHECKING

from support.client import Recorder, answered_call

if TYPE_CHECKING:
    from c2c import WebRTCClient
    from support.fake_engine import FakeEngine


async def test_events_of_a_call_that_we_end(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        await client.end_call()
        assert told.names == [
            "connecting", "connected", "registered", "ringing", "answered", "audioEnded", "ended",
        ]  # fmt: skip
