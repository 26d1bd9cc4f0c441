"""Every Python example of README and docs, run as a program of its own against `c2c.gateway`.

Two things are put in their place from outside: the endpoint URL of the examples becomes the gateway's, and
`SSL_CERT_FILE` names the gateway's CA (as a company's own would be given). A fragment that awaits at the top is run as
the body of an answered call, with `client` and `call`. In the working directory lies a `hello.wav`.
"""

from __future__ import annotations

import ast
import inspect
import io
import os
import re
import sys
import textwrap
import wave
from pathlib import Path

import pytest
import trio

from c2c.gateway import Agent, Answer, Echo, HangUp, Metadata, Play, Transcription, serve, tone

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])
ENDPOINT = "https://endpoint.example/your-url-token"
FRAGMENT = f"""
import c2c, c2c.gateway, trio

async def main():
    async with c2c.create_webrtc_client("{ENDPOINT}") as client:
        call = await client.connect_and_call()
        await call.wait_answered()
{{body}}

trio.run(main)
"""
AGENT = Agent(
    Answer(),
    Transcription("Hello, I am the test agent."),
    Play(tone(440.0, 0.5)),
    Metadata({"event": "greeting"}),
    Echo(seconds=12.0),
    HangUp(),
)


def examples() -> list[tuple[str, str]]:
    """Name (file and line) and code of each block that is marked as Python."""
    found = []
    for document in DOCUMENTS:
        text = document.read_text()
        for block in re.finditer(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, block.start()) + 1
            found.append((f"{document.name}:{line}", block[1]))
    return found


@pytest.mark.timeout(120)
@pytest.mark.parametrize(("name", "code"), examples(), ids=[name for name, _ in examples()])
async def test_example(name: str, code: str, tmp_path: Path) -> None:
    async with serve(agent=AGENT) as gateway:
        (tmp_path / "hello.wav").write_bytes(HELLO)
        assert gateway.tls is not None
        (tmp_path / "ca.pem").write_bytes(as_bytes(gateway.tls.ca_pem))
        (tmp_path / "example.py").write_text(program(code).replace(ENDPOINT, gateway.endpoint_url))
        outcome = await trio.run_process(
            [sys.executable, "-W", "error", "example.py"],
            cwd=tmp_path,
            env={**os.environ, "SSL_CERT_FILE": str(tmp_path / "ca.pem")},
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )
        assert outcome.returncode == 0, f"{name}:\n{outcome.stderr.decode()}"
        assert not any(call.end and call.end.by == "system" for call in gateway.calls)
        assert len(gateway.calls) == (ENDPOINT in program(code) and "connect_and_call" in program(code))


def program(code: str) -> str:
    compiled = compile(code, "example", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
    if compiled.co_flags & inspect.CO_COROUTINE:
        return FRAGMENT.format(body=textwrap.indent(code, " " * 8))
    return code


def as_bytes(pem: str | bytes | None) -> bytes:
    assert pem is not None
    return pem.encode() if isinstance(pem, str) else pem


def wav_of_a_second() -> bytes:
    with io.BytesIO() as file:
        with wave.open(file, "wb") as writer:
            writer.setparams((1, 2, 16_000, 0, "NONE", ""))
            writer.writeframes(bytes(2 * 16_000))
        return file.getvalue()


HELLO = wav_of_a_second()
