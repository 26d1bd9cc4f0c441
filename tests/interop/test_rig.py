"""The rig against itself, a browser in the caller's place: what fails here is not c2c's fault."""

from __future__ import annotations

import json
import ssl
import urllib.request
from typing import TYPE_CHECKING

import pytest

from .identity import REALM
from .peer import PeerError, program, wait_until
from .rig import CALLEE, Rig

if TYPE_CHECKING:
    from .browser import BrowserAgent

CALLER_HZ = 880.0
CALLEE_HZ = 440.0


def test_a_missing_program_is_named_with_its_package() -> None:
    with pytest.raises(PeerError, match="install nothing-of-the-kind"):
        program("no-such-program", "nothing-of-the-kind")


def test_the_endpoint_serves_the_config_over_https(rig: Rig) -> None:
    url = rig.endpoint.url("callee", password="another")
    context = ssl.create_default_context(cadata=rig.identity.ca_pem)
    with urllib.request.urlopen(f"{url}?userId=me", context=context) as response:
        connectivity = json.load(response)["endpointSettings"]["sipConnectivityInfo"]
    assert connectivity["wsUri"] == "wss://127.0.0.1:8443"
    assert connectivity["realm"] == REALM
    assert connectivity["password"] == "another"
    assert connectivity["applicationSid"] == "callee"
    assert rig.endpoint.requests[-1].path.endswith("?userId=me")


def test_a_browser_calls_a_browser(rig: Rig, caller: BrowserAgent, callee: BrowserAgent) -> None:
    caller.set_tone(CALLER_HZ)
    caller.call(f"app-{CALLEE}")
    callee.wait_for_phase("confirmed")
    assert caller.wait_for_tone(CALLEE_HZ).rms == pytest.approx(0.177, rel=0.2)
    assert callee.wait_for_tone(CALLER_HZ).rms == pytest.approx(0.177, rel=0.2)
    statistics = callee.statistics()
    assert statistics is not None
    assert statistics["inbound"]["packetsReceived"] > 0
    assert statistics["inbound"]["totalAudioEnergy"] > 0
    assert statistics["inbound"]["codec"] == "audio/opus"
    assert statistics["transport"]["dtlsState"] == "connected"

    caller.send_info('{"text":"hello","data":{"quoteId":1}}')
    assert callee.wait_for_info()["body"] == '{"text":"hello","data":{"quoteId":1}}'
    callee.send_transcription("Hi")
    transcription = '{"_transcription":{"originator":"bot","messages":[{"text":"Hi"}]}}'
    assert caller.wait_for_info()["body"] == transcription

    callee.hang_up()
    ended = caller.wait_for_phase("ended")
    assert (ended["originator"], ended["cause"]) == ("remote", "Terminated")


def test_only_loopback_is_offered(rig: Rig, caller: BrowserAgent, callee: BrowserAgent) -> None:
    caller.call(f"app-{CALLEE}")
    callee.wait_for_phase("confirmed")
    offer = callee.received("INVITE")[0]
    candidates = [line.split()[4] for line in offer.splitlines() if line.startswith("a=candidate:")]
    assert set(candidates) == {"127.0.0.1"}
    # The credentials stay at the proxy.
    assert "Authorization" not in offer


def test_the_callee_rejects(caller: BrowserAgent, callee: BrowserAgent) -> None:
    callee.set_policy(on_invite="reject", code=486)
    caller.call(f"app-{CALLEE}")
    failed = caller.wait_for_phase("failed")
    assert (failed["originator"], failed["cause"], failed["code"]) == ("remote", "Busy", 486)


def test_the_caller_cancels_while_it_rings(caller: BrowserAgent, callee: BrowserAgent) -> None:
    callee.set_policy(on_invite="ring")
    caller.call(f"app-{CALLEE}")
    caller.wait_for_phase("ringing")
    callee.wait_for_phase("ringing")
    caller.hang_up()
    assert callee.wait_for_phase("failed")["cause"] == "Canceled"


@pytest.mark.parametrize(
    ("target", "code", "cause"),
    [
        ("busy", 486, "Busy"),
        ("nosuch", 404, "Not Found"),
        ("declined", 603, "Rejected"),
        ("full", 503, "SIP Failure Code"),
        ("moved", 302, "Redirected"),
        ("nomedia", 488, "Incompatible SDP"),
        ("nobody-is-registered-so", 480, "Unavailable"),
    ],
)
def test_targets_that_fail(caller: BrowserAgent, target: str, code: int, cause: str) -> None:
    caller.call(f"app-{target}")
    failed = caller.wait_for_phase("failed")
    assert (failed["code"], failed["cause"]) == (code, cause)


# rtpengine makes stereo of what it encodes to Opus, 3 dB down.
@pytest.mark.parametrize(
    ("target", "codec", "level"), [("plain", "audio/PCMU", 0.177), ("transcoded", "audio/opus", 0.125)]
)
def test_a_browser_calls_plain_rtp_through_rtpengine(
    rig: Rig, caller: BrowserAgent, target: str, codec: str, level: float
) -> None:
    caller.set_tone(CALLER_HZ)
    with rig.sipp("answer") as sipp:
        caller.call(f"app-{target}")
        caller.wait_for_phase("confirmed")
        assert caller.wait_for_tone(rig.rtp_peer.hz).rms == pytest.approx(level, rel=0.2)
        assert rig.rtp_peer.wait_for_tone(CALLER_HZ).rms == pytest.approx(0.177, rel=0.2)
        statistics = caller.statistics()
        assert statistics is not None
        assert statistics["inbound"]["codec"] == codec
        assert statistics["transport"]["tlsVersion"] == "FEFD"
        caller.hang_up()
        sipp.wait_for("BYE sip:")


def test_the_application_behind_the_gateway(rig: Rig, caller: BrowserAgent) -> None:
    with rig.sipp("application") as sipp:
        caller.call("app-plain")
        greeting = json.loads(caller.wait_for_info()["body"])
        assert greeting == {"event": "greeting", "data": {"quoteId": "7"}}
        caller.send_info('{"text":"thanks","data":{}}')
        assert caller.wait_for_phase("ended")["originator"] == "remote"
        assert '{"text":"thanks","data":{}}' in sipp.messages()
        assert 'Reason: Q.850;cause=16;text="NORMAL_CLEARING"' in caller.received("BYE")[0]


def test_the_gateway_leaves_the_refresh_to_the_caller(rig: Rig, caller: BrowserAgent) -> None:
    with rig.sipp("refresh"):
        caller.call("app-plain")
        caller.wait_for_phase("confirmed")
        answer = next(m["text"] for m in caller.messages() if "refresher=uac" in m["text"])
        assert answer.startswith("SIP/2.0 200 OK")


@pytest.mark.parametrize(
    ("user", "options", "code", "cause"),
    [
        ("reg403", {}, 403, "Rejected"),
        ("reg503", {}, 503, "SIP Failure Code"),
        ("anybody", {"password": "wrong"}, 401, "Authentication Error"),
        ("anybody", {"authorization_user": "nobody"}, 401, "Authentication Error"),
    ],
)
def test_registrations_that_fail(rig: Rig, user: str, options: dict[str, str], code: int, cause: str) -> None:
    agent = rig.browser_agent(user, **options)
    registration = agent.wait_until_refused()
    assert (registration["code"], registration["cause"]) == (code, cause)
    rig.close(agent)


def test_a_registration_that_is_never_answered(rig: Rig) -> None:
    agent = rig.browser_agent("regmute")
    wait_until(lambda: len(agent.sent("REGISTER")) == 1, "the REGISTER")
    rig.close(agent)


@pytest.mark.parametrize("user", ["reg423", "regstale"])
def test_registrations_that_need_another_try(rig: Rig, user: str) -> None:
    agent = rig.browser_agent(user)
    agent.wait_until_registered()
    assert len(agent.sent("REGISTER")) == 3
    rig.close(agent)
