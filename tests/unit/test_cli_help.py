"""The command line's help, and the commands that the README shows."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from c2c import VERSION
from c2c.cli._app import app

README = Path(__file__).parents[2] / "README.md"
WIDE = {"COLUMNS": "1000", "TERM": "dumb"}
OF_THE_ISSUE = {
    "call": "user-id play record duration info dtmf ice-server ca proxy json ladder",
    "doctor": "user-id ice-server ca proxy json",
    "gateway": "host port config step misbehave json",
}


def help_of(command: str) -> str:
    result = CliRunner().invoke(app, [command, "--help"], env=WIDE)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("command", OF_THE_ISSUE)
def test_the_help_names_every_option(command: str) -> None:
    shown = help_of(command)
    for option in OF_THE_ISSUE[command].split():
        assert f"--{option} " in shown


def test_the_commands_in_the_readme_exist() -> None:
    shown = re.findall(r"^    c2c (.+)$", README.read_text(), re.MULTILINE)
    assert {line.split()[0] for line in shown} == set(OF_THE_ISSUE)
    for line in shown:
        command, *arguments = shlex.split(line)
        for option in (argument for argument in arguments if argument.startswith("--")):
            assert f"{option} " in help_of(command), line


def test_the_version() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert (result.exit_code, result.stdout) == (0, f"c2c {VERSION}\n")


def test_no_command_shows_the_help() -> None:
    result = CliRunner().invoke(app, [], env=WIDE)
    assert result.exit_code == 2
    assert all(command in result.stdout + result.stderr for command in OF_THE_ISSUE)
