"""The border between Rust and Trio: how long it takes, and what a stalled Python does to a call's sound.

    python benches/bench_border.py [--json]

1. There and back: `mute()` and `unmute()` from the call of the method to the handler of its event, so a command down to
   the driver and an event up to a Trio handler: once in an idle program, once beside a task that computes all the time.
2. Stalled: a clip plays while a thread holds the GIL for 500 ms again and again. The far side's numbers say whether
   the clip went on unbroken, the driver's whether each frame left on time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from typing import Any

import trio

import c2c
from c2c import gateway

ROUNDS = 2_000
STALL = 0.5
CLIP_SECONDS = 10.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = trio.run(measure)
    print(json.dumps(figures) if options.json else table(figures))


async def measure() -> dict[str, Any]:
    agent = gateway.Agent(gateway.Answer())
    async with (
        gateway.serve(agent) as far_side,
        c2c.create_webrtc_client(endpoint_url=far_side.endpoint_url, tls=far_side.tls) as client,
    ):
        call = await client.connect_and_call()
        await call.wait_answered()
        figures: dict[str, Any] = {"idle": await there_and_back(client)}
        async with trio.open_nursery() as nursery:
            nursery.start_soon(compute)
            figures["busy"] = await there_and_back(client)
            nursery.cancel_scope.cancel()
        figures["stalled"] = await play_while_stalled(call)
        await client.end_call()
        theirs = far_side.calls[0]
        await theirs.wait_ended()
        assert theirs.stats is not None
        figures["stalled"] |= {
            "far_packets_lost": theirs.stats.packets_lost,
            "far_frames_concealed": theirs.stats.frames_concealed,
            "far_jitter_ms": theirs.stats.jitter * 1e3,
        }
    return figures


async def there_and_back(client: c2c.WebRTCClient) -> dict[str, float]:
    """Microseconds from the call of the method to its event's handler."""
    handled = [0.0]

    def note(*_: object) -> None:
        handled[0] = time.perf_counter()

    client.on("muted", note).on("unmuted", note)
    took = []
    for _ in range(ROUNDS // 2):
        for method in (client.mute, client.unmute):
            start = time.perf_counter()
            await method()
            took.append((handled[0] - start) * 1e6)
    client.off("muted", note).off("unmuted", note)
    quantiles = statistics.quantiles(took, n=100)
    return {"p50_us": quantiles[49], "p99_us": quantiles[98], "max_us": max(took)}


async def compute() -> None:
    """A task that is never idle and lets others run every 200 microseconds."""
    while True:
        until = time.perf_counter() + 200e-6
        while time.perf_counter() < until:
            pass
        await trio.lowlevel.checkpoint()


async def play_while_stalled(call: c2c.Call) -> dict[str, Any]:
    stop = threading.Event()
    stalls: list[float] = []
    thread = threading.Thread(target=hold_the_gil, args=(stop, stalls))
    before = call.stats()
    thread.start()
    try:
        await call.play(gateway.tone(440.0, CLIP_SECONDS))
    finally:
        stop.set()
        thread.join()
    await trio.sleep(0.3)  # numbers are published every 200 ms
    after = call.stats()
    return {
        "stalls": len(stalls),
        "shortest_stall_ms": min(stalls) * 1e3,
        "longest_stall_ms": max(stalls) * 1e3,
        "frames": after.ticks - before.ticks,
        "frames_late_5ms": after.ticks_late - before.ticks_late,
        "packets_sent": after.packets_sent - before.packets_sent,
    }


def hold_the_gil(stop: threading.Event, stalls: list[float]) -> None:
    """Computes for half a second again and again; the others' requests for the GIL come too late to interrupt that."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(4 * STALL)
    try:
        while not stop.is_set():
            start = time.perf_counter()
            while time.perf_counter() - start < STALL:
                pass
            stalls.append(time.perf_counter() - start)
            time.sleep(0.02)
    finally:
        sys.setswitchinterval(usual)


def table(figures: dict[str, Any]) -> str:
    lines = []
    for name in ("idle", "busy"):
        one = figures[name]
        lines.append(
            f"command to handler, {name:<5} p50 {one['p50_us']:.0f} us, p99 {one['p99_us']:.0f} us, "
            f"max {one['max_us']:.0f} us"
        )
    stalled = figures["stalled"]
    lines.append(
        f"GIL held {stalled['stalls']} times for {stalled['shortest_stall_ms']:.0f} to "
        f"{stalled['longest_stall_ms']:.0f} ms while a clip played: "
        f"{stalled['frames_late_5ms']} of {stalled['frames']} frames more than 5 ms late, "
        f"{stalled['packets_sent']} packets sent"
    )
    lines.append(
        f"far side: {stalled['far_packets_lost']} packets lost, {stalled['far_frames_concealed']} frames concealed, "
        f"jitter {stalled['far_jitter_ms']:.2f} ms"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
