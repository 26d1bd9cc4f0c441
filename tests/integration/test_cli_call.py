"""`c2c call` as a process of its own, against the gateway in the box."""

from __future__ import annotations

import fcntl
import math
import os
import pty
import resource
import signal
import subprocess
import sys
import termios
import wave
from array import array
from typing import TYPE_CHECKING, Any

import pytest
import trio
from typer.testing import CliRunner

from c2c.cli._app import app
from c2c.gateway import (
    Agent,
    ConfigStatus,
    DropWebSocket,
    EndpointConfig,
    HangUp,
    IgnoreBye,
    IgnoreRegister,
    Metadata,
    Play,
    Reject,
    RejectRegister,
    Ring,
    Transcription,
    Wait,
    serve,
    tone,
)
from support.command_line import COMMAND, PATIENCE, finished, running, trusting
from support.connect_proxy import PASSWORD as PROXY_PASSWORD
from support.connect_proxy import authority, connect_proxy
from support.sound import clearest_level_at

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from c2c.gateway import Misbehaviour

PASSWORD = "correct-horse-battery-staple"
TOKEN = "c0ffee0token0c0ffee0token"


def samples_of(path: Path) -> Sequence[int]:
    with wave.open(str(path)) as file:
        return memoryview(file.readframes(file.getnframes())).cast("h")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """1000 Hz for one second."""
    path = tmp_path / "tone.wav"
    step = 2 * math.pi * 1000 / 16_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(array("h", (round(4634 * math.sin(step * n)) for n in range(16_000))).tobytes())
    return path


async def test_a_call_that_does_all(tmp_path: Path, clip: Path) -> None:
    path = tmp_path / "heard.wav"
    agent = Agent(Ring(0.1), Transcription("Hello \x1b[2J you"), Play(tone(440, 3)))
    async with serve(agent) as gateway:
        arguments = (
            "--user-id",
            "user-9",
            "--play",
            str(clip),
            "--record",
            str(path),
            "--info",
            "hi",
            "--duration",
            "2",
        )
        run = await finished("call", *trusting(gateway, tmp_path), *arguments)
        far_side = gateway.calls[0]
        end = await far_side.wait_ended()
    assert (run.process.returncode, run.errors) == (0, "")
    order = ["registered", "ringing", "answered", "playing", "played", "ended", "summary"]
    assert [word for word in run.words if word in order] == order
    assert "bot: Hello  [2J you" in run.text
    assert "Terminated by local" in run.text
    assert (end.by, end.how) == ("remote", "BYE")
    assert [info.json() for info in far_side.infos] == [{"text": "hi", "data": {}}]
    assert gateway.requests[0].user_id == "user-9"
    assert far_side.heard is not None
    said = far_side.heard.between(0.3, 0.8)
    assert clearest_level_at(1000, said.samples, said.rate) == pytest.approx(-20, abs=1.5)
    heard = samples_of(path)
    assert clearest_level_at(440, heard[48_000:72_000], 48_000) == pytest.approx(-20, abs=1.5)
    assert len(heard) / 48_000 == pytest.approx(2, abs=0.5)


async def test_json_lines(tmp_path: Path) -> None:
    agent = Agent(Ring(0.1), Transcription("Hello"), Metadata({"event": "x"}), Play(tone(440, 3)))
    async with serve(agent) as gateway:
        run = await finished("call", *trusting(gateway, tmp_path), "--json", "--ladder", "--duration", "1.5")
    assert (run.process.returncode, run.errors) == (0, "")
    _check_schema(run.lines)
    named = [name for name in run.events if name not in {"sip", "stats", "audioEnded"}]
    assert named == [
        "connecting", "connected", "registered", "sessionCreated", "ringing", "answered", "transcription",
        "infoReceived", "ended",
        "unregistered", "disconnected", "summary",
    ]  # fmt: skip
    assert run.line("transcription")["texts"] == ["Hello"]
    assert run.line("infoReceived")["info"] == {"body": '{"event":"x"}', "content_type": "application/json"}
    assert run.line("stats")["level_in"] == pytest.approx(-20, abs=1.5)
    summary = run.line("summary")
    assert (summary["ok"], summary["answered"], summary["duration"], summary["recording"]) == (True, True, 1, None)
    assert summary["end_info"]["cause"] == "Terminated"
    assert summary["stats"]["packets_received"] > 30
    sip = [(line["direction"], line["message"]) for line in run.lines if line["event"] == "sip"]
    assert sip[:4] == [
        ("sent", "REGISTER"), ("received", "401 Unauthorized"), ("sent", "REGISTER"), ("received", "200 OK"),
    ]  # fmt: skip
    assert ("sent", "BYE") in sip


async def test_through_a_proxy(tmp_path: Path) -> None:
    async with connect_proxy(credentials=True) as proxy, serve(Agent(HangUp())) as gateway:
        run = await finished("call", *trusting(gateway, tmp_path), "--proxy", proxy.url, "--user-id", "me@mail.example")
        assert proxy.asked == [authority(gateway.endpoint_url), authority(gateway.websocket_uri)]
    assert run.process.returncode == 0
    assert run.errors.startswith("c2c: user_id looks like an e-mail address")
    assert PROXY_PASSWORD not in run.text + run.errors


@pytest.mark.parametrize("transport", ["INFO", "RFC2833"])
async def test_tones(tmp_path: Path, transport: str) -> None:
    async with serve() as gateway:
        arguments = ("--dtmf", "1#", "--dtmf-transport", transport, "--json")
        async with running("call", *trusting(gateway, tmp_path), *arguments) as run:
            await (await gateway.wait_call()).wait_tones("1#")
            run.process.send_signal(signal.SIGINT)
    assert run.process.returncode == 0
    assert run.line("dtmfSent")["tones"] == "1#"


def _check_schema(lines: list[dict[str, Any]]) -> None:
    kinds = {"session": dict, "end_info": dict | None, "stats": dict | None, "texts": list, "ok": bool, "message": str}
    last = 0.0
    for line in lines:
        assert list(line)[:2] == ["time", "event"]
        assert isinstance(line["time"], float)
        assert line["time"] >= last
        last = line["time"]
        for name, kind in kinds.items():
            assert name not in line or isinstance(line[name], kind), line
    assert [line["event"] for line in lines].count("summary") == 1
    assert lines[-1]["event"] == "summary"


async def test_the_ladder_shows_no_secret(tmp_path: Path) -> None:
    config = EndpointConfig(password=PASSWORD, url_token=TOKEN)
    async with serve(Agent(Wait(0.1), HangUp()), config=config) as gateway:
        run = await finished("call", *trusting(gateway, tmp_path), "--ladder", "--user-id", "somebody")
    assert run.process.returncode == 0
    ladder = run.text[run.text.index("SIP server") :].splitlines()[1:]
    rungs = [line.split("│")[1].strip("─<> ") for line in ladder]
    invite = rungs.index("INVITE [sdp]")
    assert rungs[:4] == ["REGISTER", "401 Unauthorized (1 REGISTER)", "REGISTER", "200 OK (2 REGISTER)"]
    assert [rung.split(" (")[0] for rung in rungs[invite : invite + 4]] == [
        "INVITE [sdp]", "100 Trying", "180 Ringing", "200 OK",
    ]  # fmt: skip
    assert "BYE" in rungs
    assert ladder[invite].endswith(">│")
    assert ladder[rungs.index("BYE")].split("│")[1].startswith("<")
    for secret in (PASSWORD, TOKEN, config.username, "somebody", config.application_sid, "nonce"):
        assert secret not in run.text + run.errors


async def test_ctrl_c_hangs_up(tmp_path: Path) -> None:
    async with serve() as gateway:
        async with running("call", *trusting(gateway, tmp_path)) as run:
            await run.wait_for("answered")
            run.process.send_signal(signal.SIGINT)
        end = await gateway.calls[0].wait_ended()
        assert (end.by, end.how) == ("remote", "BYE")
        assert gateway.registrations[-1].expires == 0
    assert (run.process.returncode, run.errors) == (0, "")
    assert "hangingUp" in run.text
    assert "Terminated by local" in run.text


@pytest.mark.parametrize(
    ("agent", "misbehave", "moment", "cause"),
    [(Agent(Ring(20)), [], "ringing", "Canceled by local"), (Agent(), [IgnoreRegister()], "connected", "no call")],
)
async def test_ctrl_c_before_the_answer(
    tmp_path: Path, agent: Agent, misbehave: list[Misbehaviour], moment: str, cause: str
) -> None:
    async with serve(agent, misbehave=misbehave) as gateway:
        async with running("call", *trusting(gateway, tmp_path)) as run:
            await run.wait_for(moment)
            run.process.send_signal(signal.SIGINT)
        for call in gateway.calls:
            assert (await call.wait_ended()).how == "CANCEL"
    assert run.process.returncode == 1
    assert cause in run.text


async def test_a_second_ctrl_c_leaves_at_once(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"
    async with (
        serve(Agent(Play(tone(440, 10))), misbehave=[IgnoreBye()]) as gateway,
        running("call", *trusting(gateway, tmp_path), "--record", str(path)) as run,
    ):
        await run.wait_for("answered")
        await trio.sleep(1)
        run.process.send_signal(signal.SIGINT)
        await run.wait_for("hangingUp")
        run.process.send_signal(signal.SIGINT)
    assert run.process.returncode == 1
    assert "summary" not in run.text
    assert len(samples_of(path)) > 10_000


@pytest.mark.parametrize(
    ("misbehave", "kind", "stage"),
    [(RejectRegister(403), "RegistrationRejected", "register"), (ConfigStatus(404), "ConfigFetchError", "config")],
)
async def test_no_connection(tmp_path: Path, misbehave: Misbehaviour, kind: str, stage: str) -> None:
    async with serve(misbehave=[misbehave]) as gateway:
        run = await finished("call", *trusting(gateway, tmp_path), "--json")
    assert run.process.returncode == 1
    _check_schema(run.lines)
    error = run.line("error")
    assert (error["type"], error["stage"], error["fatal"]) == (kind, stage, True)
    assert run.errors == f"c2c: {error['message']} (hint: {error['hint']})\n"
    assert run.line("summary")["ok"] is False


@pytest.mark.parametrize(
    ("agent", "misbehave", "told"),
    [
        (Agent(Reject(486, "Busy Here")), [], "Busy (486) by remote"),
        (Agent(), [DropWebSocket("media-connected")], "Dialog Error"),
    ],
)
async def test_a_call_that_fails(tmp_path: Path, agent: Agent, misbehave: list[Misbehaviour], told: str) -> None:
    async with serve(agent, misbehave=misbehave) as gateway:
        run = await finished("call", *trusting(gateway, tmp_path))
    assert run.process.returncode == 1
    assert told in run.text
    assert run.words[-1] == "summary"


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("ftp://endpoint.example/token",),
        ("http://endpoint.example/token",),
        ("{url}", "--play", "{folder}/nothing.wav"),
        ("{url}", "--play", "{folder}/ca.pem"),
        ("{url}", "--record", "{folder}/nowhere/heard.wav"),
        ("{url}", "--record", "{folder}"),
        ("{url}", "--duration", "-1"),
        ("{url}", "--duration", "soon"),
        ("{url}", "--ca", "{folder}/nothing.pem"),
        ("{url}", "--ice-server", "http://stun.example"),
        ("{url}", "--dtmf", "1x"),
        ("{url}", "--proxy", "socks5://127.0.0.1"),
        ("{url}", "--nonsense"),
    ],
    ids=" ".join,
)
def test_wrong_usage(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "ca.pem").write_text("no sound")
    named = [argument.format(url="https://endpoint.example/token", folder=tmp_path) for argument in arguments]
    result = CliRunner().invoke(app, ["call", *named])
    assert (result.exit_code, result.stdout) == (2, "")
    assert "Error" in result.stderr


async def test_a_full_disk_hangs_up_and_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "heard.wav"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))

    async with serve(Agent(Play(tone(440, 10)))) as gateway:
        arguments = ("--record", str(path), "--json")
        run = await finished("call", *trusting(gateway, tmp_path), *arguments, preexec_fn=limit)
        assert (await gateway.calls[0].wait_ended()).how == "BYE"
    assert run.process.returncode == 1
    assert run.line("error")["type"] == "RecordingError"
    assert run.line("error")["message"] == f"{path}: File too large"
    assert f"{path}: File too large" in run.errors
    assert 2 * len(samples_of(path)) == 60_000 - 44


async def test_a_reader_that_leaves_hangs_up(tmp_path: Path) -> None:
    async with serve(Agent(Play(tone(440, 20)))) as gateway:
        async with running("call", *trusting(gateway, tmp_path), "--json") as run:
            await run.wait_for('"answered"')
            assert run.process.stdout is not None
            await run.process.stdout.aclose()
        assert (await gateway.calls[0].wait_ended()).how == "BYE"


async def test_the_live_view(tmp_path: Path) -> None:
    agent = Agent(Ring(0.2), Transcription("Hello"), Play(tone(440, 5)))
    async with serve(agent) as gateway:
        arguments = ("call", *trusting(gateway, tmp_path), "--duration", "1.5")
        status, shown = await trio.to_thread.run_sync(_on_a_terminal, arguments, abandon_on_cancel=True)
    assert status == 0, shown
    for text in ("● ringing", "● answered  00:01", "dBFS", "█", "MOS 4.4 excellent", "opus", "bot: Hello", "summary"):
        assert text in shown, shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor is given back"


async def test_no_colours_where_nobody_wants_them(tmp_path: Path) -> None:
    async with serve(Agent(HangUp())) as gateway:
        arguments = ("call", *trusting(gateway, tmp_path))
        status, shown = await trio.to_thread.run_sync(_on_a_terminal, arguments, "dumb", abandon_on_cancel=True)
    assert status == 0
    assert "\x1b" not in shown
    assert "answered" in shown


async def test_ctrl_c_twice_on_a_terminal(tmp_path: Path) -> None:
    agent = Agent(Play(tone(440, 20)))
    async with serve(agent, misbehave=[IgnoreBye()]) as gateway:
        arguments = ("call", *trusting(gateway, tmp_path))
        keys = {"answered  00:01": b"\x03", "hanging up": b"\x03"}
        status, shown = await trio.to_thread.run_sync(_on_a_terminal, arguments, "xterm", keys, abandon_on_cancel=True)
    assert status == 1, shown
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h") == 1, "the cursor is given back"


def _on_a_terminal(
    arguments: Sequence[str], kind: str = "xterm-256color", keys: Mapping[str, bytes] | None = None
) -> tuple[int, str]:
    """Runs a command on a terminal of its own; `keys` are pressed when their text is there."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": kind, "COLUMNS": "100", "LINES": "30"}
    shown, wanted = bytearray(), list((keys or {}).items())

    def take_terminal() -> None:
        os.setsid()
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    with subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        preexec_fn=take_terminal,  # noqa: PLW1509 (two system calls, no lock)
    ) as process:
        os.close(theirs)
        try:
            # EIO: the other end is closed
            while data := os.read(ours, 65_536):
                shown += data
                if wanted and wanted[0][0] in shown.decode(errors="replace"):
                    os.write(ours, wanted.pop(0)[1])
        except OSError:
            pass
        status = process.wait(PATIENCE)
    os.close(ours)
    return status, shown.decode()


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra(missing: str) -> None:
    code = f"import sys; sys.modules[{missing!r}] = None; sys.argv = ['c2c', '--help']; import c2c.cli; c2c.cli.main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "c2c: the command line needs typer and rich: pip install 'click-to-call[cli]'\n"
