"""Options that commands share, and the client's options that come of them."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

import typer

import c2c
from c2c._endpoint_url import request_url

Url = Annotated[str, typer.Argument(metavar="URL", help="The endpoint's URL: https://host/token", show_default=False)]
UserId = Annotated[str | None, typer.Option("--user-id", metavar="ID", help="Who calls.", show_default=False)]
CaFile = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        metavar="FILE",
        exists=True,
        dir_okay=False,
        readable=True,
        help="CA certificates (PEM) to trust instead of the platform's.",
        show_default=False,
    ),
]
IceServers = Annotated[
    list[str] | None,
    typer.Option(
        "--ice-server",
        metavar="URL",
        help="A STUN or TURN server: stun:HOST[:PORT], turn:USER:PASSWORD@HOST[:PORT][?transport=tcp], turns:... "
        "May be repeated. USER and PASSWORD are percent-decoded.",
        show_default=False,
    ),
]
Proxy = Annotated[
    str | None,
    typer.Option(
        "--proxy",
        metavar="URL",
        help="HTTP proxy for the configuration and the WebSocket: http://[USER:PASSWORD@]HOST:PORT. "
        "Unless given it is the environment's (HTTPS_PROXY, NO_PROXY); empty for none.",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line on standard output.")]


def client_options(
    url: str, user_id: str | None, ca: Path | None, ice_servers: list[str] | None, proxy: str | None
) -> dict[str, Any]:
    """Returns the keyword options of `create_webrtc_client`; `typer.BadParameter` for a URL that may not be asked."""
    try:
        request_url(url, user_id)
    except c2c.ConfigError as error:
        raise typer.BadParameter(error.cause or str(error), param_hint="URL") from None
    options: dict[str, Any] = {"endpoint_url": url, "user_id": user_id, "proxy": proxy}
    if ca is not None:
        options["tls"] = c2c.TLSConfig(ca_file=ca)
    if servers := [ice_server(server) for server in ice_servers or ()]:
        options["pc_config"] = {"iceServers": servers}
    return options


def new_client(options: dict[str, Any]) -> c2c.WebRTCClient:
    """Returns a client; what it refuses is a wrong use of the command line."""
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        try:
            client = c2c.create_webrtc_client(**options)
        except (TypeError, ValueError) as error:
            raise typer.BadParameter(str(error)) from None
    for note in noted:
        typer.echo(f"c2c: {note.message}", err=True)
    return client


def ice_server(text: str) -> dict[str, str]:
    """Returns the browser's spelling of a server given as a URL with its credentials inside."""
    scheme, colon, rest = text.partition(":")
    credentials, at, host = rest.rpartition("@")
    if not colon or scheme not in {"stun", "turn", "turns"} or not host:
        raise typer.BadParameter("must be stun:HOST or turn:USER:PASSWORD@HOST", param_hint="--ice-server")
    server = {"urls": f"{scheme}:{host}"}
    if at:
        username, _, credential = credentials.partition(":")
        server |= {"username": unquote(username), "credential": unquote(credential)}
    return server


def check_writable(path: Path | None) -> None:
    """Refuses a path at which no file can be made, before anything is sent."""
    if path is None:
        return
    folder = path.parent
    if path.is_dir():
        reason = "is a directory"
    elif not folder.is_dir():
        reason = f"{folder} is no directory"
    elif not os.access(path if path.exists() else folder, os.W_OK):
        reason = "may not be written"
    else:
        return
    raise typer.BadParameter(f"{path}: {reason}", param_hint="--record")
