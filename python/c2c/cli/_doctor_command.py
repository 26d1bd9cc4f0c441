"""`c2c doctor`."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING, Annotated

import trio
import typer

from c2c.cli._doctor import Doctor
from c2c.cli._interrupts import interrupts
from c2c.cli._options import CaFile, IceServers, Json, Proxy, Url, UserId, client_options, new_client
from c2c.cli._output import JsonOutput, Output, PlainOutput
from c2c.cli._warnings import Warnings

if TYPE_CHECKING:
    from c2c.cli._finding import Finding

_LIMIT = typer.Option("--timeout", metavar="SECONDS", min=0.1, max=600.0, help="How long each stage may take.")
_CALL = typer.Option("--call", help="Place a short call too, to see sound come back over UDP.")


def doctor(
    url: Url,
    user_id: UserId = None,
    ice_server: IceServers = None,
    ca: CaFile = None,
    proxy: Proxy = None,
    timeout: Annotated[float, _LIMIT] = 10.0,
    call: Annotated[bool, _CALL] = False,
    json: Json = False,
) -> None:
    """Examine an endpoint: DNS, TCP, TLS, config, WSS, REGISTER, STUN, TURN, UDP.

    Tells for each stage how long it took, what failed and what to do about it.
    Exit status: 0 nothing failed, 1 something did, 2 wrong usage.
    """
    options = client_options(url, user_id, ca, ice_server, proxy)
    options |= {"config_timeout": timeout, "connect_timeout": timeout}
    examiner = Doctor(options, new_client(options), limit=timeout, place_call=call)
    with JsonOutput() if json else PlainOutput() as output, Warnings(output):
        is_ok = trio.run(_run, examiner, output)
        output.tell("summary", ok=is_ok)
    sys.exit(0 if is_ok else 1)


async def _run(examiner: Doctor, output: Output) -> bool:
    def report(finding: Finding) -> None:
        output.tell("check", **dataclasses.asdict(finding))

    is_ok = False
    with trio.CancelScope() as scope:
        async with interrupts(scope.cancel, output):
            is_ok = await examiner.run(report)
    return is_ok
