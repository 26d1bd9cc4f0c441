"""`c2c gateway`."""

from __future__ import annotations

import sys
import tempfile
from contextlib import AbstractAsyncContextManager, ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import trio
import typer

from c2c.cli._gateway_watch import GatewayWatch
from c2c.cli._interrupts import interrupts
from c2c.cli._named import MISBEHAVIOURS, STEPS, named_misbehaviour, named_step, sound, usage
from c2c.cli._options import Json
from c2c.cli._output import JsonOutput, Output, PlainOutput
from c2c.gateway import (
    Agent,
    Echo,
    EndpointConfig,
    Play,
    Ring,
    RunningGateway,
    Step,
    Transcription,
    serve,
)

if TYPE_CHECKING:
    from c2c.gateway import Codec


class Kind(StrEnum):
    """Kinds of endpoints."""

    LEGACY = "legacy"
    RUNTIME = "runtime"


class CodecName(StrEnum):
    """Codecs of an agent."""

    OPUS = "opus"
    PCMU = "PCMU"
    PCMA = "PCMA"


_HOST = typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")
_PORT = typer.Option("--port", min=0, max=65_535, help="Port of the config endpoint; 0 takes a free one.")
_PLAIN = typer.Option("--plain", help="Serve http and ws instead of https and wss.")
_KIND = typer.Option("--config", help="legacy: REGISTER with digest; runtime: neither.")
_CA = typer.Option("--ca-out", metavar="FILE", help="Write the CA here instead of a temporary folder.")
_CODEC = typer.Option("--codec", help="Codec that the agent speaks, best first; repeatable. All unless given.")
_STEP = typer.Option(
    "--step",
    metavar="NAME[=VALUE]",
    help=f"A step of the agent's script, repeatable: {usage(STEPS)}. A SOUND is hello, greeting, tone:HZ:SECONDS or a "
    "WAV file. Unless given: ring, greet, echo.",
)
_MISBEHAVE = typer.Option(
    "--misbehave", metavar="NAME[=VALUE]", help=f"Something done wrong, repeatable: {usage(MISBEHAVIOURS)}."
)


def gateway(
    host: Annotated[str, _HOST] = "127.0.0.1",
    port: Annotated[int, _PORT] = 0,
    plain: Annotated[bool, _PLAIN] = False,
    kind: Annotated[Kind, _KIND] = Kind.LEGACY,
    ca_out: Annotated[Path | None, _CA] = None,
    codec: Annotated[list[CodecName] | None, _CODEC] = None,
    step: Annotated[list[str] | None, _STEP] = None,
    misbehave: Annotated[list[str] | None, _MISBEHAVE] = None,
    json: Json = False,
) -> None:
    """Serve a stand-in for the voice gateway, to be called by c2c or a browser with JsSIP.

    Prints the endpoint's URL and the path of the CA to trust, then what happens, until Ctrl-C. It is a test double.
    """
    steps = [named_step(text) for text in step or ()] or _default_steps()
    wrong = [named_misbehaviour(text) for text in misbehave or ()]
    agent = Agent(*steps, codecs=cast("list[Codec]", codec or list(CodecName)))
    with JsonOutput() if json else PlainOutput() as output, ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="c2c-gateway-"))
        ca_file = ca_out or Path(folder, "ca.pem")
        config = EndpointConfig(kind=kind.value)
        served = serve(agent, misbehave=wrong, config=config, host=host, port=port, secure=not plain)
        try:
            trio.run(_run, served, None if plain else ca_file, output)
        except OSError as error:
            output.tell("error", fatal=True, type=type(error).__name__, message=str(error))
            sys.exit(1)


async def _run(served: AbstractAsyncContextManager[RunningGateway], ca_file: Path | None, output: Output) -> None:
    with trio.CancelScope() as scope:
        async with interrupts(scope.cancel, output), served as running:
            if ca_file is not None and running.tls is not None:
                assert isinstance(running.tls.ca_pem, bytes)
                await trio.Path(ca_file).write_bytes(running.tls.ca_pem)
            output.tell(
                "listening",
                endpoint_url=running.endpoint_url,
                websocket_uri=running.websocket_uri,
                ca_file=str(ca_file) if ca_file else None,
            )
            await GatewayWatch(running, output).run()


def _default_steps() -> list[Step]:
    return [Ring(0.5), Transcription("Hello, this is the gateway's agent."), Play(sound("greeting")), Echo(86_400)]
