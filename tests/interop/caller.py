"""A c2c call in a process of its own, so that it can be made in another network namespace.

Run by `CallerProcess`; writes what happens as lines of JSON, each with the seconds since the process was ready.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

import c2c

from .peer import Peer, PeerError, wait_until

if TYPE_CHECKING:
    from collections.abc import Sequence

SETUP_STAGES = (
    "invite_sent",
    "ringing",
    "answered",
    "ice_connected",
    "dtls_connected",
    "first_packet_out",
    "first_packet_in",
)
"""In the order in which a call goes through them; seconds since `start_call()`."""


@dataclass(frozen=True)
class CallPlan:
    """A call to make: where, what is played, how patiently, and how long it may last before the far side hangs up."""

    url: str
    ca_file: str
    clip: str
    patience: float = 60.0
    seconds: float = 120.0
    user_id: str = "c2c-interop"


class CallerProcess(Peer):
    """Makes a call in the namespace that the thread is in when it is started; `wait_for` tells what happened."""

    def __init__(self, directory: Path, plan: CallPlan, name: str = "caller") -> None:
        self.name = name
        super().__init__(directory)
        self._plan = plan

    def command(self) -> Sequence[str]:
        tests = Path(__file__).parents[1]
        environment = ["env", f"PYTHONPATH={tests}:{os.environ.get('PYTHONPATH', '')}"]
        return [*environment, sys.executable, "-m", "interop.caller", json.dumps(asdict(self._plan))]

    def ready(self) -> bool:
        return "ready" in self.events()

    def events(self) -> dict[str, dict[str, Any]]:
        """What has happened so far, by name."""
        lines = self.log(1000).splitlines()
        told = [json.loads(line) for line in lines if line.startswith('{"event"') and line.endswith("}")]
        return {one["event"]: one for one in told}

    def wait_for(self, event: str, seconds: float = 120.0) -> dict[str, Any]:
        """Returns an event once it has happened; raises PeerError with the log if it does not or the call failed."""
        try:
            wait_until(lambda: event in self.events() or "failed" in self.events(), f"{event} at the caller", seconds)
            return self.events()[event]
        except (PeerError, KeyError) as error:
            raise PeerError(f"{error}\n{self.log()}") from None


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plan", help="a CallPlan as JSON")
    plan = CallPlan(**json.loads(parser.parse_args().plan))
    start = time.monotonic()
    say("ready", start)
    try:
        trio.run(make_call, plan, start)
    except c2c.C2CError as error:
        say("failed", start, error=repr(error))
        sys.exit(1)


def say(event: str, start: float, **more: object) -> None:
    print(json.dumps({"event": event, "at": time.monotonic() - start, **more}), flush=True)


async def make_call(plan: CallPlan, start: float) -> None:
    client = c2c.create_webrtc_client(
        endpoint_url=plan.url,
        tls=c2c.TLSConfig(ca_file=plan.ca_file),
        user_id=plan.user_id,
        config_timeout=plan.patience,
        connect_timeout=plan.patience,
    )
    async with client, trio.open_nursery() as nursery:
        with trio.fail_after(2 * plan.patience):
            await client.connect()
            say("connected", start)
            call = await client.start_call()
            await call.wait_answered()
            say("answered", start)
            nursery.start_soon(speak, call, plan.clip)
            setup = await setup_times(call)
        say("media", start, setup=setup)
        with trio.move_on_after(plan.seconds):
            await call.wait_ended()
        stats = call.stats()
        counted = {name: getattr(stats, name) for name in ("packets_sent", "packets_received", "packets_lost")}
        nursery.cancel_scope.cancel()
    say("ended", start, setup=setup, **counted)


async def speak(call: c2c.Call, clip: str) -> None:
    """Plays until the call is over."""
    with suppress(c2c.NoActiveCall):
        await call.play(clip)


async def setup_times(call: c2c.Call) -> dict[str, float]:
    """Returns the stages of a call's set-up once all are reached."""
    while True:
        stats = call.stats()
        if stats.first_packet_out is not None and stats.first_packet_in is not None:
            return {stage: getattr(stats, stage) for stage in SETUP_STAGES}
        await trio.sleep(0.02)


if __name__ == "__main__":
    main()
