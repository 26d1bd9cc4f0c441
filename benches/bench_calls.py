"""N calls between two processes: what one endpoint costs in CPU and memory, and how punctual its frames are.

    python benches/bench_calls.py --calls 50 --seconds 20 --json

The far side (`c2c.gateway`) runs in a process of its own and is not counted. Every caller plays speech and reads the
far side's sound at 16 kHz. "opus" is what libopus alone costs for the same frames, measured in the same run.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import trio

import c2c
from c2c import gateway

READER_RATE = 16_000
SPEECH = Path(gateway.__file__).parent / "speech"
CALLER_CLIP = SPEECH / "hello.wav"
AGENT_CLIP = SPEECH / "greeting.wav"
START_LIMIT = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=20.0, help="measured after all calls stand")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--far-side", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.far_side:
        trio.run(serve_until_stdin_closes, options.seconds)
        return
    figures = trio.run(measure, options.calls, options.seconds)
    print(json.dumps(figures) if options.json else table(figures))


async def serve_until_stdin_closes(seconds: float) -> None:
    """The far side: every agent says its greeting again and again."""
    repeats = int((seconds + START_LIMIT) / 2) + 1
    agent = gateway.Agent(*[gateway.Play(str(AGENT_CLIP))] * repeats)
    async with gateway.serve(agent) as far_side:
        assert far_side.tls is not None
        ca = far_side.tls.ca_pem
        print(
            json.dumps({"url": far_side.endpoint_url, "ca": ca.decode() if isinstance(ca, bytes) else ca}), flush=True
        )
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


async def measure(calls: int, seconds: float) -> dict[str, Any]:
    command = [sys.executable, __file__, "--far-side", "--seconds", str(seconds)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as far_side:  # noqa: ASYNC220 (before anything runs)
        assert far_side.stdin is not None
        assert far_side.stdout is not None
        try:
            greeting = json.loads(await trio.to_thread.run_sync(far_side.stdout.readline))
            figures = await run_calls(greeting["url"], c2c.TLSConfig(ca_pem=greeting["ca"]), calls, seconds)
        finally:
            far_side.stdin.close()
    return figures | {"opus_cpu_s_per_call_minute": opus_alone(seconds)}


async def run_calls(url: str, tls: c2c.TLSConfig, calls: int, seconds: float) -> dict[str, Any]:
    async with trio.open_nursery() as nursery:
        # what is paid once (TLS roots, threads, codecs) is paid here
        live: list[c2c.Call] = [await nursery.start(hold_call, url, tls)]
        await trio.sleep(1)
        memory_before = rss()
        live += [await nursery.start(hold_call, url, tls) for _ in range(calls - 1)]
        await trio.sleep(2)
        memory_after, before, cpu_before = rss(), [call.stats() for call in live], cpu()
        await trio.sleep(seconds)
        cpu_spent, after = cpu() - cpu_before, [call.stats() for call in live]
        figures = steady(calls, seconds, cpu_spent, memory_after - memory_before)
        figures |= totals(before, after)
        nursery.cancel_scope.cancel()
    return figures


async def hold_call(url: str, tls: c2c.TLSConfig, task_status: trio.TaskStatus[c2c.Call]) -> None:
    async with c2c.create_webrtc_client(endpoint_url=url, tls=tls) as client, trio.open_nursery() as nursery:
        with trio.fail_after(START_LIMIT):
            call = await client.connect_and_call()
            await call.wait_answered()
        nursery.start_soon(play_for_ever, call)
        nursery.start_soon(read_for_ever, call)
        task_status.started(call)


async def play_for_ever(call: c2c.Call) -> None:
    while call.session.status == "answered":
        await call.play(str(CALLER_CLIP))


async def read_for_ever(call: c2c.Call) -> None:
    async for _ in call.audio(rate=READER_RATE):
        pass


def steady(calls: int, seconds: float, cpu_spent: float, memory: int) -> dict[str, Any]:
    return {
        "calls": calls,
        "seconds": seconds,
        "cpu_s_per_call_minute": cpu_spent / calls / (seconds / 60),
        "rss_kib_per_call": memory / 1024 / max(calls - 1, 1),
    }


def totals(before: list[Any], after: list[Any]) -> dict[str, Any]:
    def grown(name: str) -> int:
        return sum(getattr(b, name) - getattr(a, name) for a, b in zip(before, after, strict=True))

    return {
        "frames_due": grown("ticks"),
        "frames_late_5ms": grown("ticks_late"),
        "packets_sent": grown("packets_sent"),
        "packets_received": grown("packets_received"),
        "packets_lost": grown("packets_lost"),
        "frames_concealed": grown("frames_concealed"),
    }


def opus_alone(seconds: float) -> float:
    """CPU-seconds per call-minute of encoding and decoding alone, in a process of its own."""
    frames = int(max(seconds, 10) * 50) * 5
    command = ["cargo", "run", "--quiet", "--release", "--example", "opus_cost", "--"]
    subprocess.run([*command, str(CALLER_CLIP), "1", str(READER_RATE)], check=True, stdout=subprocess.DEVNULL)
    binary = Path(os.environ.get("CARGO_TARGET_DIR", "target"), "release", "examples", "opus_cost")
    before = children_cpu()
    subprocess.run([binary, str(CALLER_CLIP), str(frames), str(READER_RATE)], check=True, stdout=subprocess.DEVNULL)
    return (children_cpu() - before) * 3000 / frames


def rss() -> int:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def children_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def table(figures: dict[str, Any]) -> str:
    own, opus = figures["cpu_s_per_call_minute"], figures["opus_cpu_s_per_call_minute"]
    rows = [
        ("calls", f"{figures['calls']} for {figures['seconds']:.0f} s"),
        ("CPU-seconds per call-minute, one endpoint", f"{own:.3f}"),
        ("  of which libopus alone (same run)", f"{opus:.3f} ({own / opus:.2f} times that in all)"),
        ("RSS per call", f"{figures['rss_kib_per_call']:.0f} KiB"),
        ("frames more than 5 ms late", f"{figures['frames_late_5ms']} of {figures['frames_due']}"),
        ("packets sent, received, lost", "{packets_sent}, {packets_received}, {packets_lost}".format(**figures)),
        ("frames concealed", str(figures["frames_concealed"])),
    ]
    return "\n".join(f"{name:<44} {value}" for name, value in rows)


if __name__ == "__main__":
    main()
