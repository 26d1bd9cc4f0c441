"""The user agent in the browser: JsSIP in a page, its commands and what it tells."""

from __future__ import annotations

import base64
import json
import subprocess
from array import array
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .identity import CALLEE_USERNAME, REALM, Identity
from .peer import READY_WITHIN, PeerError, program, wait_until
from .tone import Tone, measure, wait_for_tone

if TYPE_CHECKING:
    from collections.abc import Callable

    from .chromium import Chromium, Json, Tab

_SOURCES = Path(__file__).parent / "browser"
_RATE = 48000


def bundle(directory: Path, page: str = "page") -> None:
    """Puts <page>.html and the bundled <page>.js into a folder; raises PeerError if npm's part is missing."""
    modules = _SOURCES.parent / "node_modules"
    for needed in ("jssip", "esbuild"):
        if not (modules / needed / "package.json").exists():
            raise PeerError(f"{needed} is missing: npm ci in tests/interop (install.sh does)")
    node = program("node", "nodejs")
    arguments = ["--bundle", "--format=iife", "--log-level=warning", f"--outfile={directory / page}.js"]
    command = [node, str(modules / "esbuild" / "bin" / "esbuild"), str(_SOURCES / f"{page}.js"), *arguments]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise PeerError(f"esbuild: {done.stderr}")
    (directory / f"{page}.html").write_bytes((_SOURCES / f"{page}.html").read_bytes())


class BrowserAgent:
    """A SIP user agent in a tab: registers, then takes every call by itself unless told otherwise.

    All methods block, for some milliseconds or as long as their `seconds` say; a Trio test calls the
    waiting ones through `trio.to_thread.run_sync`.
    """

    def __init__(self, browser: Chromium, page_url: str, user: str, realm: str = REALM) -> None:
        self.user = user
        self.realm = realm
        self.uri = f"sip:{user}@{realm}"
        self._tab: Tab = browser.open(page_url)
        wait_until(lambda: self._evaluate("typeof window.agent") == "object", "the page to be loaded")

    def start(self, ws_uri: str, identity: Identity, **options: object) -> None:
        """Connects and asks for registration.

        `options` are JsSIP's and win, e.g. password, session_timers_refresh_method.
        """
        configuration = {
            "wsUri": ws_uri,
            "uri": self.uri,
            "authorization_user": CALLEE_USERNAME,
            "password": identity.password,
        }
        self._command("start", configuration | options)

    def stop(self) -> None:
        """Un-registers, closes the connection and the tab."""
        self._command("stop")
        self._tab.close()

    def wait_until_registered(self, seconds: float = READY_WITHIN) -> None:
        """Returns once the registrar has said 200; raises PeerError with the cause if it does not."""
        registered = "the browser to be registered"
        self._wait(lambda state: bool(state["registration"]["registered"]), registered, seconds)

    def wait_until_refused(self, seconds: float = 30.0) -> dict[str, Any]:
        """Returns {"registered", "cause", "code"} of a registration that failed."""
        refused = "the registration to be refused"
        self._wait(lambda state: state["registration"]["cause"] is not None, refused, seconds)
        registration: dict[str, Any] = self.state()["registration"]
        return registration

    def set_policy(self, **policy: object) -> None:
        """What the next INVITE meets.

        on_invite: "answer" (default), "ring" (180 and no more), "reject" (with `code`, 486);
        after: milliseconds before that; refresher="uac": the caller is to refresh the session.
        """
        if "on_invite" in policy:
            policy["onInvite"] = policy.pop("on_invite")
        self._command("setPolicy", policy)

    def set_tone(self, hz: float, amplitude: float = 0.25) -> None:
        """The sine that calls carry: 440 Hz at a quarter of full scale (rms 0.177) unless set."""
        self._command("setTone", hz, amplitude)

    def call(self, target: str) -> None:
        """Calls sip:<target>@<realm>."""
        self._command("call", f"sip:{target}@{self.realm}")

    def answer(self) -> None:
        """Answers a call that rings."""
        self._command("answer")

    def hang_up(self, **options: object) -> None:
        """Ends the call: BYE, CANCEL or a refusal; options are JsSIP's (status_code, reason_phrase)."""
        self._command("hangUp", options)

    def send_info(self, body: str, content_type: str = "application/json") -> None:
        """Sends an INFO with that body."""
        self._command("sendInfo", content_type, body)

    def send_transcription(self, *texts: str, originator: str = "bot") -> None:
        """Sends an INFO with the gateway's transcription payload."""
        inner = {"originator": originator, "messages": [{"text": text} for text in texts]}
        self.send_info(json.dumps({"_transcription": inner}, separators=(",", ":")))

    def hold(self, *, use_update: bool = False) -> None:
        """Holds the call, by re-INVITE or by UPDATE."""
        if self._command("hold", use_update) is not True:
            raise PeerError("JsSIP does not hold the call")

    def resume(self, *, use_update: bool = False) -> None:
        """Takes the call off hold."""
        if self._command("resume", use_update) is not True:
            raise PeerError("JsSIP does not resume the call")

    def restart_ice(self) -> None:
        """Restarts ICE, by re-INVITE."""
        if self._command("restartIce") is not True:
            raise PeerError("JsSIP does not restart ICE")

    def send_dtmf(self, tones: str, transport_type: str = "INFO") -> None:
        """Sends tones, by INFO or by the RTP sender (RFC2833)."""
        self._command("sendDtmf", tones, transport_type)

    def reset(self) -> None:
        """Ends the call, forgets earlier ones, goes back to answering with 440 Hz."""
        self._command("reset")
        self.set_tone(440.0)

    def state(self) -> dict[str, Any]:
        """{"registration": {"registered", "cause", "code"}, "connected", "calls": [...]}."""
        state: dict[str, Any] = self._command("state")
        return state

    def last_call(self) -> dict[str, Any]:
        """The newest call.

        {"direction", "phase", "originator", "cause", "code", "updates", "infos"}: phase is new,
        ringing, accepted, confirmed, ended or failed; updates counts the UPDATEs received; infos
        are {"originator": "remote" or "local", "contentType", "body"}.
        """
        calls: list[dict[str, Any]] = self.state()["calls"]
        if not calls:
            raise PeerError("the browser has had no call")
        return calls[-1]

    def wait_for_phase(self, phase: str, seconds: float = 30.0) -> dict[str, Any]:
        """Returns the newest call once it is in that phase; raises PeerError if it never is."""

        def reached(state: dict[str, Any]) -> bool:
            return bool(state["calls"]) and state["calls"][-1]["phase"] == phase

        self._wait(reached, f"the browser's call to be {phase}", seconds)
        return self.last_call()

    def wait_for_info(self, count: int = 1, seconds: float = 30.0) -> dict[str, Any]:
        """Returns the count-th INFO received in the newest call."""

        def received(state: dict[str, Any]) -> list[dict[str, Any]]:
            infos = state["calls"][-1]["infos"] if state["calls"] else []
            return [info for info in infos if info["originator"] == "remote"]

        self._wait(lambda state: len(received(state)) >= count, f"{count} INFO in the browser", seconds)
        return received(self.state())[count - 1]

    def heard(self) -> Tone:
        """The tone in the last third of a second that the page heard."""
        samples = array("h", base64.b64decode(self._command("lastHeard")))
        return measure(samples, _RATE)

    def wait_for_tone(self, hz: float, seconds: float = 30.0) -> Tone:
        """Returns the tone once it is clearly heard; raises PeerError with what was heard instead."""
        try:
            return wait_for_tone(self.heard, hz, seconds, window=0.4)
        except PeerError as error:
            raise PeerError(f"{error} in the browser: {self.statistics()}") from None

    def statistics(self) -> dict[str, Any] | None:
        """getStats() of the call, reduced (browser/statistics.js): inbound, outbound, transport, ..."""
        statistics: dict[str, Any] | None = self._command("statistics")
        return statistics

    def messages(self) -> list[dict[str, Any]]:
        """SIP that went through the page's WebSocket since reset: {"sent", "at" (ms), "text"}."""
        messages: list[dict[str, Any]] = self._command("messages")
        return messages

    def received(self, method: str) -> list[str]:
        """The requests of that method that the page received, as text."""
        texts = [message["text"] for message in self.messages() if not message["sent"]]
        return [text for text in texts if text.startswith(f"{method} ")]

    def sent(self, method: str) -> list[str]:
        """The requests of that method that the page sent, as text."""
        texts = [message["text"] for message in self.messages() if message["sent"]]
        return [text for text in texts if text.startswith(f"{method} ")]

    def fetch_json(self, url: str) -> dict[str, Any]:
        """Gets a JSON document as the page's own script would, from another origin for example."""
        document: dict[str, Any] = self._evaluate(f"fetch({json.dumps(url)}).then((answer) => answer.json())")
        return document

    def log(self) -> str:
        """The SIP messages, for a failure's report."""
        arrows = [(">>>" if m["sent"] else "<<<", m["at"], m["text"]) for m in self.messages()]
        return "\n".join(f"{arrow} {self.user} +{at} ms\n{text}" for arrow, at, text in arrows)

    def _wait(self, condition: Callable[[dict[str, Any]], bool], what: str, seconds: float) -> None:
        try:
            wait_until(lambda: condition(self.state()), what, seconds)
        except PeerError as error:
            raise PeerError(f"{error}; its state: {json.dumps(self.state())}") from None

    def _command(self, name: str, *arguments: object) -> Json:
        listed = ", ".join(json.dumps(argument) for argument in arguments)
        return self._evaluate(f"window.agent.{name}({listed})")

    def _evaluate(self, expression: str) -> Json:
        return self._tab.evaluate(expression)
