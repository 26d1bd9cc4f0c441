"""`make demo`: a call to the gateway in the box, over real loopback sockets.

The caller says hello, the agent listens, answers and sends what was said as transcriptions; the caller records what it
hears into `demo-heard.wav`, hangs up and says how the call went. Exit status 0 if both sides heard each other.
"""

from __future__ import annotations

import sys
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import trio

import c2c
import c2c.gateway
from c2c import events
from c2c.gateway import Agent, AwaitInfo, Listen, Metadata, Play, Ring, Transcription

if TYPE_CHECKING:
    from collections.abc import Iterator

SPEECH = Path(c2c.gateway.__file__).with_name("speech")
RECORDING = Path("demo-heard.wav")
RATE = 16_000
LIMIT_SECONDS = 50

AGENT = Agent(
    Ring(0.4),
    Listen(at_most=15, silence=0.8),
    Transcription("Hello, this is c2c calling. Can you hear me?", originator="user"),
    Transcription("Hello, I am the test agent. I can hear you well."),
    Play(SPEECH / "greeting.wav"),
    Metadata({"event": "greeted", "data": {"quoteId": "7"}}),
    AwaitInfo(at_most=15),
)


class Timeline:
    """Prints lines with the time since its start."""

    def __init__(self) -> None:
        self._started = time.monotonic()

    def say(self, text: str) -> None:
        """Print one line."""
        print(f"{time.monotonic() - self._started:7.3f} s  {text}", flush=True)


class Recording:
    """Keeps what the caller hears until it is saved."""

    def __init__(self) -> None:
        self._pcm = bytearray()

    async def take(self, stream: c2c.AudioStream) -> None:
        """Take all frames of a call."""
        async for frame in stream:
            self._pcm += memoryview(frame).cast("B")

    def save(self, path: Path) -> None:
        """Write a WAV file."""
        with wave.open(str(path), "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(RATE)
            file.writeframes(bytes(self._pcm))


async def print_events(stream: c2c.EventStream, timeline: Timeline) -> None:
    """Print each event of the client as it comes, the end of its connection last."""
    async for event in stream:
        timeline.say(described(event))
        if isinstance(event, events.Disconnected):
            return


def described(event: events.Event) -> str:
    """One line about an event."""
    match event:
        case events.Transcription():
            return f"transcription  {event.originator}: {' '.join(event.texts)}"
        case events.InfoReceived(_, info):
            return f"infoReceived   {info.content_type} {info.body}"
        case events.InfoSent(text, data):
            return f"infoSent       {text} {dict(data)}"
        case events.Ended(_, end) | events.Failed(_, end):
            return f"{event.name:14} {end.cause} by {end.originator}"
        case events.Answered():
            return f"{event.name:14} we play hello.wav and listen"
        case _:
            return event.name


async def converse(client: c2c.WebRTCClient) -> c2c.Call:
    """One call: say hello, hear the greeting until the agent tells that it is over, send an INFO, hang up."""
    greeted = trio.Event()
    client.on(events.InfoReceived, lambda _: greeted.set())
    recording = Recording()
    async with trio.open_nursery() as nursery:
        call = await client.connect_and_call()
        nursery.start_soon(recording.take, call.audio(rate=RATE))
        await call.wait_answered()
        await call.play(SPEECH / "hello.wav")
        await greeted.wait()
        await client.send_info("thank you", {"quoteId": 7})
        await client.end_call()
    recording.save(RECORDING)
    return call


def print_summary(stats: c2c.CallStats, theirs: c2c.CallStats) -> None:
    """Say how the call went."""
    print("\nSet-up, from start_call():")
    for name, value in stages(stats):
        print(f"  {name:18}" + (f"{value * 1000:7.1f} ms" if value is not None else "      -"))
    print(f"Media: {stats.codec}, {stats.srtp_profile}")
    print(
        f"  packets           sent {stats.packets_sent}, received {stats.packets_received}, lost {stats.packets_lost}"
    )
    print(f"  jitter            {stats.jitter * 1000:.2f} ms")
    print(f"  we heard          {stats.seconds_heard:.1f} s of sound at {stats.mean_level_in:.1f} dBFS")
    print(f"  the agent heard   {theirs.seconds_heard:.1f} s of sound at {theirs.mean_level_in:.1f} dBFS")
    print(f"What we heard is in {RECORDING.resolve()}")


def stages(stats: c2c.CallStats) -> Iterator[tuple[str, float | None]]:
    """Name and time of each stage of the set-up."""
    yield "INVITE sent", stats.invite_sent
    yield "ringing", stats.ringing
    yield "answered", stats.answered
    yield "ICE connected", stats.ice_connected
    yield "DTLS connected", stats.dtls_connected
    yield "first packet out", stats.first_packet_out
    yield "first packet in", stats.first_packet_in


async def demo() -> int:
    """Run it; the exit status."""
    timeline = Timeline()
    with trio.fail_after(LIMIT_SECONDS):
        async with (
            c2c.gateway.serve(AGENT) as gateway,
            c2c.create_webrtc_client(gateway.endpoint_url, user_id="demo", tls=gateway.tls) as client,
            trio.open_nursery() as nursery,
        ):
            timeline.say(f"the gateway is at {gateway.websocket_uri}, its endpoint at {gateway.endpoint_url}")
            nursery.start_soon(print_events, client.events(), timeline)
            call = await converse(client)
            await client.disconnect()
            far_side = gateway.calls[0]
            await far_side.wait_ended()
    assert far_side.stats is not None
    print_summary(call.stats(), far_side.stats)
    return verdict(far_side.stats.seconds_heard)


def verdict(heard_there: float) -> int:
    """0 if each side heard more than a second of the other; here what counts is what was recorded."""
    heard_here = seconds_of_sound(RECORDING)
    if min(heard_here, heard_there) > 1:
        return 0
    print(f"Nothing was heard: {heard_here:.1f} s here, {heard_there:.1f} s there", file=sys.stderr)
    return 1


def seconds_of_sound(path: Path) -> float:
    """Seconds of a recording that are louder than -40 dBFS, counted in frames of 20 ms."""
    with wave.open(str(path)) as file:
        samples = memoryview(file.readframes(file.getnframes())).cast("h")
    frames = (samples[start : start + RATE // 50] for start in range(0, len(samples), RATE // 50))
    return sum(max(map(abs, frame)) > 327 for frame in frames) / 50


if __name__ == "__main__":
    sys.exit(trio.run(demo))
