"""The commands and what they share."""

from __future__ import annotations

from typing import Annotated

import typer

from c2c import VERSION
from c2c.cli._call_command import call
from c2c.cli._doctor_command import doctor
from c2c.cli._gateway_command import gateway

app = typer.Typer(
    name="c2c",
    help="Voice calls to AI agents behind a Click To Call endpoint.",
    no_args_is_help=True,
    add_completion=False,
    # tracebacks with local variables would show secrets
    pretty_exceptions_enable=False,
)
app.command()(call)
app.command()(doctor)
app.command()(gateway)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"c2c {VERSION}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    pass
