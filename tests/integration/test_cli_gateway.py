"""`c2c gateway` as a process of its own, called by c2c."""

from __future__ import annotations

import json
import signal
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

import c2c
from c2c.gateway import serve
from support.client import Recorder
from support.command_line import Run, finished, running
from support.sound import clearest_level_at

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

RATE = 16_000


@asynccontextmanager
async def listening(*arguments: str) -> AsyncIterator[tuple[Run, dict[str, Any]]]:
    """The running command and what it says at first; Ctrl-C ends it."""
    async with running("gateway", "--json", *arguments) as run:
        await run.wait_for("\n")
        yield run, run.lines[0]
        run.process.send_signal(signal.SIGINT)
    assert (run.process.returncode, run.errors) == (0, "")


async def test_a_call_to_it() -> None:
    script = ("transcription=Hi", "play=tone:440:1", "await-info", "echo=30")
    async with listening(*(part for step in script for part in ("--step", step))) as (run, said):
        ca_file = said["ca_file"]
        assert said["websocket_uri"].startswith("wss://127.0.0.1:")
        client = c2c.create_webrtc_client(said["endpoint_url"], user_id="user-1", tls=c2c.TLSConfig(ca_file=ca_file))
        told, heard = Recorder(client), bytearray()
        async with client, trio.open_nursery() as nursery:
            call = await client.connect_and_call()
            await call.wait_answered()
            nursery.start_soon(_listen, call, heard)
            await trio.sleep(1.2)
            await client.send_info("hello")
            await client.send_dtmf("5")
            await call.play(c2c.gateway.tone(1000, 1.5))
            await client.end_call()
        assert told.payload("transcription")[0]["messages"] == [{"text": "Hi"}]
        samples = memoryview(bytes(heard)).cast("h")
        assert clearest_level_at(440, samples[RATE // 4 : RATE * 3 // 4], RATE) == pytest.approx(-20, abs=2)
        assert clearest_level_at(1000, samples[-RATE * 3 // 4 : -RATE // 4], RATE) == pytest.approx(-20, abs=2)
        await run.wait_for("callEnded")
    named = [event for event in run.events if event not in {"refusal", "scriptEnded"}]
    assert named[:6] == ["listening", "configRequest", "registration", "call", "answered", "media"]
    assert run.line("configRequest") | {"time": 0} == {
        "time": 0, "event": "configRequest", "status": 200, "user_id": "user-1",
    }  # fmt: skip
    bodies = {line["content_type"]: line["body"] for line in run.lines if line["event"] == "info"}
    assert json.loads(bodies["application/json"]) == {"text": "hello", "data": {}}
    assert run.line("tone")["tone"] == "5"
    ended = run.line("callEnded")
    assert (ended["call"], ended["by"], ended["how"]) == (1, "remote", "BYE")
    assert ended["heard_seconds"] > 2
    assert not await trio.Path(ca_file).exists(), "the temporary folder is gone"


async def _listen(call: c2c.Call, into: bytearray) -> None:
    async for frame in call.audio(rate=RATE):
        into += memoryview(frame).cast("B")


async def test_it_misbehaves_as_told(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    arguments = ("--config", "runtime", "--step", "reject=486 Busy Here", "--misbehave", "config-slow=0.1")
    async with listening(*arguments, "--ca-out", str(ca_file)) as (run, said):
        assert said["ca_file"] == str(ca_file)
        async with c2c.create_webrtc_client(said["endpoint_url"], tls=c2c.TLSConfig(ca_file=ca_file)) as client:
            call = await client.connect_and_call()
            with pytest.raises(c2c.CallFailed, match="Busy"):
                await call.wait_answered()
        await run.wait_for("callEnded")
    assert "registration" not in run.events
    assert await trio.Path(ca_file).exists()


async def test_without_tls() -> None:
    async with listening("--plain") as (_, said):
        assert (said["endpoint_url"][:7], said["websocket_uri"][:5], said["ca_file"]) == ("http://", "ws://", None)
        async with c2c.create_webrtc_client(said["endpoint_url"]) as client:
            await client.connect()


async def test_a_port_that_is_taken() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        run = await finished("gateway", "--port", str(taken.getsockname()[1]))
    assert run.process.returncode == 1
    assert "in use" in run.errors
    assert "Traceback" not in run.errors


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("OPTIONS", 204), ("POST", 405)])
async def test_pages_of_any_origin_may_ask(method: str, status: int) -> None:
    async with serve(secure=False) as gateway:
        port = int(gateway.endpoint_url.split(":")[2].split("/")[0])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            request = f"{method} /{gateway.config.url_token} HTTP/1.1\r\nHost: a\r\nOrigin: https://b\r\n"
            await stream.send_all(f"{request}Connection: close\r\n\r\n".encode())
            answer = b"".join([data async for data in stream]).decode()
    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert "\r\nAccess-Control-Allow-Origin: *\r\n" in answer
