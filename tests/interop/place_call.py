"""The process of `CallerProcess` (caller.py): one call, told about in lines of JSON, commanded through a Unix socket.

    python -m interop.place_call <socket> <a CallPlan as JSON>

Each line has the seconds since the process was ready.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from array import array
from collections import deque
from contextlib import suppress
from socket import AF_UNIX
from typing import Any

import trio

import c2c
from c2c import events

from .caller import SETUP_STAGES, CallPlan
from .tone import measure

TOLD = (events.Registered, events.Ringing, events.Disconnected, events.Reconnecting, events.Reconnected)
_RATE = 8000
_WINDOW = 4096
_LINE = 65_536


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("socket")
    parser.add_argument("plan", help="a CallPlan as JSON")
    options = parser.parse_args()
    caller = Caller(CallPlan(**json.loads(options.plan)))
    try:
        trio.run(caller.run, options.socket)
    except* c2c.C2CError as errors:
        caller.say("failed", error=repr(errors.exceptions[0]))
        sys.exit(1)


class Caller:
    """Connects, calls, plays its clip and listens until the call is over or has lasted long enough."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan
        self._start = time.monotonic()
        self._samples: deque[int] = deque(maxlen=_WINDOW)
        self._client = c2c.create_webrtc_client(
            endpoint_url=plan.url,
            tls=c2c.TLSConfig(ca_file=plan.ca_file),
            user_id=plan.user_id,
            config_timeout=plan.patience,
            connect_timeout=plan.patience,
            **plan.options,
        )
        self._call: c2c.Call | None = None
        for kind in TOLD:
            self._client.on(kind, self._teller(kind.name))
        self._client.on("warning", lambda *told: self.say("warning", text=repr(told)))
        self._client.on("error", lambda *told: self.say("error", text=repr(told)))

    def say(self, event: str, **more: object) -> None:
        print(json.dumps({"event": event, "at": time.monotonic() - self._start, **more}), flush=True)

    async def run(self, path: str) -> None:
        with trio.socket.socket(AF_UNIX) as listening:
            await listening.bind(path)
            listening.listen(8)
            self.say("ready")
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._serve, listening)
                async with self._client:
                    await self._make_call(nursery)
                nursery.cancel_scope.cancel()

    async def heard(self) -> list[float]:
        """Hz, rms and purity of the last half second."""
        tone = measure(array("h", self._samples), _RATE)
        return [tone.hz, tone.rms, tone.purity]

    async def info(self, text: str) -> None:
        """INFO within the dialog."""
        await self._client.send_info(text)

    async def end(self) -> None:
        """BYE, or CANCEL."""
        await self._client.end_call()

    async def network_changed(self) -> None:
        """What a service says that knows of it."""
        self._client.network_changed()

    async def stats(self, *names: str) -> list[Any]:
        """Some of the call's numbers."""
        assert self._call is not None
        stats = self._call.stats()
        return [getattr(stats, name) for name in names]

    async def _make_call(self, nursery: trio.Nursery) -> None:
        with trio.fail_after(2 * self._plan.patience):
            await self._client.connect()
            self.say("connected")
            self._call = call = await self._client.start_call()
            self.say("calling")
            await call.wait_answered()
            self.say("answered")
            nursery.start_soon(self._speak, call)
            nursery.start_soon(self._listen, call)
            setup = await setup_times(call)
        self.say("media", setup=setup)
        with trio.move_on_after(self._plan.seconds):
            end = await call.wait_ended()
            self.say("over", originator=end.originator, cause=end.cause)
        stats = call.stats()
        counted = {name: getattr(stats, name) for name in ("packets_sent", "packets_received", "packets_lost")}
        self.say("ended", setup=setup, **counted)

    def _teller(self, name: str) -> Any:
        return lambda *_: self.say(name)

    async def _speak(self, call: c2c.Call) -> None:
        """Plays until the call is over."""
        with suppress(c2c.NoActiveCall):
            await call.play(self._plan.clip)

    async def _listen(self, call: c2c.Call) -> None:
        async for frame in call.audio(rate=_RATE):
            self._samples.extend(memoryview(frame).cast("B").cast("h"))

    async def _serve(self, listening: trio.socket.SocketType) -> None:
        while True:
            connection, _ = await listening.accept()
            with connection:
                answer = await self._answer(json.loads(await connection.recv(_LINE)))
                await connection.send(json.dumps(answer, default=str).encode() + b"\n")

    async def _answer(self, asked: list[Any]) -> dict[str, Any]:
        commands = (self.heard, self.info, self.end, self.network_changed, self.stats)
        command = {one.__name__: one for one in commands}[asked[0]]
        try:
            with trio.fail_after(self._plan.patience / 2):
                return {"result": await command(*asked[1:])}
        except (c2c.C2CError, trio.TooSlowError) as error:
            return {"error": repr(error)}


async def setup_times(call: c2c.Call) -> dict[str, float]:
    """Returns the stages of a call's set-up once all are reached."""
    while True:
        stats = call.stats()
        if stats.first_packet_out is not None and stats.first_packet_in is not None:
            return {stage: getattr(stats, stage) for stage in SETUP_STAGES}
        await trio.sleep(0.02)


if __name__ == "__main__":
    main()
