"""Run by a Python that has only the wheel: a call to the embedded gateway; prints where c2c is and what was heard."""

from __future__ import annotations

import trio

import c2c
from c2c import gateway


async def main() -> None:
    agent = gateway.Agent(gateway.Answer(), gateway.Echo(seconds=30.0))
    async with (
        gateway.serve(agent=agent) as far_side,
        c2c.create_webrtc_client(far_side.endpoint_url, tls=far_side.tls) as client,
    ):
        call = await client.connect_and_call()
        await call.wait_answered()
        await far_side.calls[0].wait_media()
        await call.play(gateway.tone(440.0, 1.0))
        await client.end_call()
        await far_side.calls[0].wait_ended()
    heard = far_side.calls[0].heard
    assert heard is not None
    assert heard.level > -40, heard
    print(c2c.__file__, c2c.VERSION, heard)


trio.run(main)
