"""Steps and misbehaviours by name on the command line."""

from __future__ import annotations

import pytest
import typer
from typer.testing import CliRunner

from c2c import Clip
from c2c.cli._app import app
from c2c.cli._named import MISBEHAVIOURS, STEPS, named_misbehaviour, named_step, sound, usage
from c2c.gateway import (
    Answer,
    AwaitInfo,
    BadAnswer,
    ConfigBody,
    ConfigStatus,
    ConfigValue,
    ConfigWithout,
    DropWebSocket,
    HangUp,
    IgnoreBye,
    MediaLoss,
    Metadata,
    Misbehaviour,
    Play,
    Progress,
    Reject,
    RejectRegister,
    Ring,
    SendInfo,
    Step,
    Transcription,
    Wait,
)


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("ring", Ring()),
        ("ring=0.5", Ring(0.5)),
        ("reject=486", Reject(486)),
        ("reject=486 Busy Here", Reject(486, "Busy Here")),
        ("answer", Answer()),
        ("wait=2", Wait(2.0)),
        ("transcription=Hello: how = you?", Transcription("Hello: how = you?")),
        ('metadata={"a": 1}', Metadata({"a": 1})),
        ("send-info=plain words", SendInfo("plain words")),
        ("await-info=3", AwaitInfo(3.0)),
        ("hang-up=16 NORMAL_CLEARING", HangUp(16, "NORMAL_CLEARING")),
    ],
)
def test_steps(text: str, step: Step) -> None:
    assert named_step(text) == step


@pytest.mark.parametrize(
    ("text", "misbehaviour"),
    [
        ("ignore-bye", IgnoreBye()),
        ("config-status=404", ConfigStatus(404)),
        ("config-body=no JSON", ConfigBody(b"no JSON")),
        ("config-without=endpointSettings.endpointId", ConfigWithout("endpointSettings.endpointId")),
        ("config-value=a.b=[1, 2]", ConfigValue("a.b", [1, 2])),
        ("config-value=a.b=words", ConfigValue("a.b", "words")),
        ("reject-register=503 Not now", RejectRegister(503, "Not now")),
        ("bad-answer=garbage", BadAnswer("garbage")),
        ("drop-websocket=ringing", DropWebSocket("ringing")),
        ("media-loss=0.1", MediaLoss(0.1)),
    ],
)
def test_misbehaviours(text: str, misbehaviour: Misbehaviour) -> None:
    assert named_misbehaviour(text) == misbehaviour


def test_sounds() -> None:
    assert sound("greeting").duration > 3
    assert sound("tone:440:0.5").duration == 0.5
    assert isinstance(named_step("play=hello"), Play)
    progress = named_step("progress=2 tone:440:0.5")
    assert isinstance(progress, Progress)
    assert isinstance(progress.sound, Clip)


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "answer=1", "reject", "reject=busy", "reject=200", "wait=-1", "metadata=[]", "play=nothing.wav"],
)
def test_steps_that_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        named_step(text)


@pytest.mark.parametrize("text", ["ring", "bad-answer=fine", "drop-websocket=never", "media-loss=2", "config-value=a"])
def test_misbehaviours_that_are_none(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        named_misbehaviour(text)


@pytest.mark.parametrize("kinds", [STEPS, MISBEHAVIOURS])
def test_the_help_names_them_all(kinds: dict[str, type]) -> None:
    shown = CliRunner().invoke(app, ["gateway", "--help"], env={"COLUMNS": "1000", "TERM": "dumb"})
    assert usage(kinds) in shown.stdout
    assert len(usage(kinds).split(", ")) == len(kinds) > 10
