"""Call after call in one process: memory, file descriptors, threads and tasks must not grow with them.

    PYTHONPATH=tests python -m soak [--calls 1000] [--connect once|each] [--loss-every 10] [--rate 1.5] [--json]

The far side (`c2c.gateway`) runs in a process of its own and is not measured. With `--connect once` one client makes
all calls, with `each` every call has a client of its own. `--rate` limits the calls a second: SIP remembers a call for
32 s after its end, and memory is flat only from then on. Exits 1 when a limit is broken.
"""

from __future__ import annotations

import argparse
import gc
import json
import subprocess
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

import c2c

from .footprint import Sample, judge

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SAMPLES = 100
PATIENCE = 60  # seconds for a call
FAR_SIDE = Path(__file__).with_name("far_side.py")


def main() -> int:
    options = _options()
    samples = trio.run(_soak, options)
    verdict = judge(samples)
    broken = verdict.broken(options.limit)
    if options.json:
        result = {"slope": verdict.slope, "broken": broken, "samples": [asdict(sample) for sample in samples]}
        print(json.dumps({"calls": options.calls, "connect": options.connect, **result}))
    else:
        last = samples[-1]
        print(
            f"{options.calls} calls: {verdict.slope:+.0f} bytes a call; {last.resident / 1e6:.1f} MB, "
            f"{last.descriptors} descriptors, {last.threads} threads, {last.tasks} tasks in the end"
        )
        print(*broken, sep="\n", end="\n" if broken else "")
    return 1 if broken else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m soak", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--connect", choices=("once", "each"), default="once")
    parser.add_argument("--loss-every", type=int, default=0, help="calls in which the WebSocket is dropped; 0: none")
    parser.add_argument("--rate", type=float, default=1.5, help="most calls a second")
    parser.add_argument("--limit", type=float, default=1024.0, help="bytes a call that memory may grow by")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.calls < SAMPLES // 5 or options.loss_every < 0 or options.rate <= 0:
        parser.error(f"--calls: at least {SAMPLES // 5}; --loss-every: 0 or more; --rate: more than 0")
    return options


async def _soak(options: argparse.Namespace) -> list[Sample]:
    async with _far_side() as (place, process):
        if options.connect == "each":
            return await _cycles(options, process, lambda: _client(place))
        async with _client(place) as client:
            return await _cycles(options, process, lambda: _kept(client))


async def _cycles(options: argparse.Namespace, far_side: trio.Process, client: Any) -> list[Sample]:
    samples: list[Sample] = []
    every = max(options.calls // SAMPLES, 1)
    begin = trio.current_time()
    for number in range(1, options.calls + 1):
        await trio.sleep_until(begin + number / options.rate)
        is_lost = options.loss_every and number % options.loss_every == 0
        with trio.fail_after(PATIENCE):
            async with client() as one:
                await _call(one, far_side if is_lost else None)
        if number % every == 0:
            gc.collect()
            samples.append(Sample.take(number))
            _show(samples[-1], options)
    return samples


async def _call(client: c2c.WebRTCClient, dropping: trio.Process | None) -> None:
    """One call, with INFO and sound; its WebSocket is lost in the middle if that is asked for."""
    call = await client.connect_and_call()
    await call.wait_answered()
    await client.send_info("soak")
    await call.play(bytes(320), rate=8_000)
    if dropping is not None:
        await _lose(client, dropping)
    with suppress(c2c.NoActiveCall):
        await client.end_call()
    assert not client.get_current_session()


async def _lose(client: c2c.WebRTCClient, far_side: trio.Process) -> None:
    assert far_side.stdin is not None
    with client.events() as events:
        await far_side.stdin.send_all(b"drop\n")
        async for event in events:
            if isinstance(event, c2c.events.Disconnected):
                break


def _client(place: dict[str, str]) -> c2c.WebRTCClient:
    tls = c2c.TLSConfig(ca_pem=place["ca_pem"].encode())
    return c2c.create_webrtc_client(place["endpoint_url"], tls=tls, user_id="soak")


@asynccontextmanager
async def _kept(client: c2c.WebRTCClient) -> AsyncIterator[c2c.WebRTCClient]:
    yield client


@asynccontextmanager
async def _far_side() -> AsyncIterator[tuple[dict[str, str], trio.Process]]:
    command = [sys.executable, str(FAR_SIDE)]
    async with trio.open_nursery() as nursery:
        process = await nursery.start(_run, command)
        try:
            yield json.loads(await _line(process)), process
        finally:
            nursery.cancel_scope.cancel()


async def _run(command: list[str], task_status: trio.TaskStatus[trio.Process]) -> None:
    await trio.run_process(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, task_status=task_status)


async def _line(process: trio.Process) -> bytes:
    text = bytearray()
    assert process.stdout is not None
    with trio.fail_after(PATIENCE):
        while not text.endswith(b"\n"):
            text += await process.stdout.receive_some()
    return bytes(text)


def _show(sample: Sample, options: argparse.Namespace) -> None:
    if sys.stderr.isatty():
        end = "\n" if sample.calls == options.calls else ""
        print(
            f"\r{sample.calls}/{options.calls} calls, {sample.resident / 1e6:.1f} MB, "
            f"{sample.descriptors} descriptors, {sample.threads} threads, {sample.tasks} tasks  ",
            end=end, file=sys.stderr, flush=True,
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
