"""`c2c call`."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import trio
import typer

import c2c
from c2c._clip import read_clip
from c2c._dtmf import Tones
from c2c.cli._caller import Caller, Plan
from c2c.cli._interrupts import interrupts
from c2c.cli._ladder import Ladder
from c2c.cli._options import CaFile, IceServers, Json, Proxy, Url, UserId, check_writable, client_options, new_client
from c2c.cli._output import JsonOutput, Output, people_output
from c2c.cli._warnings import Warnings


class Transport(StrEnum):
    """How tones are sent."""

    INFO = "INFO"
    RFC2833 = "RFC2833"


_PLAY = typer.Option(
    "--play", metavar="FILE", help="Play a WAV file once answered. May be repeated.", show_default=False
)
_RECORD = typer.Option("--record", metavar="FILE", help="Record the far side into a WAV file.", show_default=False)
_STEREO = typer.Option("--stereo", help="Record both sides: this one left, the far one right.")
_DURATION = typer.Option(
    "--duration", metavar="SECONDS", min=0.0, max=86_400.0, help="Hang up so long after the answer.", show_default=False
)
_INFO = typer.Option(
    "--info", metavar="TEXT", help="Send text by SIP INFO once answered. May be repeated.", show_default=False
)
_DTMF = typer.Option(
    "--dtmf",
    metavar="TONES",
    help="Send tones once answered: 0-9, A-D, #, * and , for a pause of 2 s.",
    show_default=False,
)
_DTMF_TRANSPORT = typer.Option("--dtmf-transport", help="Send tones by SIP INFO or as telephone-events in RTP.")
_LADDER = typer.Option("--ladder", help="Draw the SIP messages (methods and statuses, no secrets) at the end.")


def call(
    url: Url,
    user_id: UserId = None,
    play: Annotated[list[Path] | None, _PLAY] = None,
    record: Annotated[Path | None, _RECORD] = None,
    stereo: Annotated[bool, _STEREO] = False,
    duration: Annotated[float | None, _DURATION] = None,
    info: Annotated[list[str] | None, _INFO] = None,
    dtmf: Annotated[str | None, _DTMF] = None,
    dtmf_transport: Annotated[Transport, _DTMF_TRANSPORT] = Transport.INFO,
    ice_server: IceServers = None,
    ca: CaFile = None,
    proxy: Proxy = None,
    json: Json = False,
    ladder: Annotated[bool, _LADDER] = False,
) -> None:
    """Place a call and show how it goes.

    The call lasts until the far side hangs up, --duration is over or Ctrl-C is pressed; a second Ctrl-C leaves at once.
    Exit status: 0 answered and ended well, 1 call or connection failed, 2 wrong usage.
    """
    check_writable(record)
    tones = _tones(dtmf, dtmf_transport) if dtmf is not None else None
    plan = Plan(_clips(play or []), tuple(info or ()), tones, record, stereo, duration)
    client = new_client(client_options(url, user_id, ca, ice_server, proxy))
    with JsonOutput() if json else people_output() as output, ExitStack() as stack:
        stack.enter_context(Warnings(output))
        drawing = stack.enter_context(Ladder(output)) if ladder else None
        is_ok = trio.run(_run, client, plan, output)
        if drawing is not None:
            output.show_block(drawing.drawn())
    sys.exit(0 if is_ok else 1)


async def _run(client: c2c.WebRTCClient, plan: Plan, output: Output) -> bool:
    caller = Caller(client, plan, output)
    async with interrupts(caller.hang_up, output):
        return await caller.run()


def _tones(text: str, transport: Transport) -> Tones:
    tones = Tones(tones=text, transport_type=transport.value)
    if not tones.are_valid:
        raise typer.BadParameter(f"{text!r} holds what is no tone", param_hint="--dtmf")
    return tones


def _clips(paths: list[Path]) -> tuple[tuple[str, c2c.Clip], ...]:
    try:
        return tuple((str(path), read_clip(path)) for path in paths)
    except c2c.ClipError as error:
        raise typer.BadParameter(str(error), param_hint="--play") from None
