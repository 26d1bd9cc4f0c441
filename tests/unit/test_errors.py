from __future__ import annotations

import copy
import pickle
import traceback

import pytest

import c2c
from c2c import C2CError, CallEndInfo, CallFailed

TREE = {
    "ConfigError": "C2CError",
    "ConfigFetchError": "ConfigError",
    "ConfigTimeout": "ConfigError",
    "ConfigInvalid": "ConfigError",
    "WidgetInactive": "ConfigError",
    "SignalingError": "C2CError",
    "ConnectFailed": "SignalingError",
    "ConnectTimeout": "SignalingError",
    "ConnectionLost": "SignalingError",
    "RegistrationRejected": "SignalingError",
    "RemoteProtocolError": "SignalingError",
    "CallError": "C2CError",
    "CallFailed": "CallError",
    "NoActiveCall": "CallError",
    "NotConnected": "CallError",
    "CallLimitReached": "CallError",
    "MediaError": "C2CError",
    "NoCommonCodec": "MediaError",
    "IceFailed": "MediaError",
    "DtlsFailed": "MediaError",
    "ClipError": "MediaError",
    "RecordingError": "MediaError",
    "ClientError": "C2CError",
    "ClientNotOpen": "ClientError",
    "ClientDestroyed": "ClientError",
    "WrongState": "ClientError",
    "EventsLost": "ClientError",
    "EngineError": "C2CError",
    "EngineClosed": "EngineError",
    "EngineFailed": "EngineError",
    "UsedAfterFork": "EngineError",
    "UnsupportedPlatform": "EngineError",
}
BASES = {"C2CError", "SignalingError", "CallError", "MediaError", "ClientError", "EngineError"}
BUSY = CallEndInfo(
    originator="remote", cause="Busy", description="486", sip_status=486, stage="invite", hint="try again later"
)


def subclasses(kind: type[C2CError]) -> set[type[C2CError]]:
    return {kind}.union(*(subclasses(child) for child in kind.__subclasses__()))


def test_the_tree() -> None:
    parents = {kind.__name__: kind.__mro__[1].__name__ for kind in subclasses(C2CError) - {C2CError}}
    assert parents == TREE
    assert all(getattr(c2c, name) in subclasses(C2CError) for name in TREE)


@pytest.mark.parametrize("name", sorted(set(TREE) - BASES - {"CallFailed", "WrongState"}))
def test_each_says_what_to_do(name: str) -> None:
    error = getattr(c2c, name)("what happened")
    assert str(error) == "what happened"
    assert error.hint


@pytest.mark.parametrize("name", sorted(set(TREE) - {"CallFailed"}))
def test_one_argument_is_enough(name: str) -> None:
    """The extension raises them so."""
    error = getattr(c2c, name)("what happened")
    assert (error.sip_status, error.cause) == (None, None)


def test_attributes_and_note() -> None:
    error = c2c.RegistrationRejected(
        "Registration failed: Rejected", sip_status=403, cause="Rejected", hint="ask the owner"
    )
    assert (error.stage, error.sip_status, error.cause, error.hint) == ("register", 403, "Rejected", "ask the owner")
    shown = "".join(traceback.format_exception(error))
    assert "Registration failed: Rejected\nstage: register; hint: ask the owner" in shown


def test_call_failed_carries_the_end_info() -> None:
    error = CallFailed(BUSY)
    assert str(error) == "Call failed: Busy (486)"
    assert (error.end_info, error.stage, error.sip_status, error.cause) == (BUSY, "invite", 486, "Busy")
    assert error.hint == "try again later"


@pytest.mark.parametrize("error", [CallFailed(BUSY), c2c.IceFailed("no path", cause="timeout")], ids=str)
@pytest.mark.parametrize("duplicate", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))])
def test_copies_are_whole(error: C2CError, duplicate: object) -> None:
    assert callable(duplicate)
    other = duplicate(error)
    assert type(other) is type(error)
    assert (str(other), vars(other)) == (str(error), vars(error))


def test_prefixed_leaves_the_original_alone() -> None:
    error = CallFailed(BUSY)
    prefixed = error.prefixed("Failed to start call: ")
    prefixed.add_note("only here")
    assert str(prefixed) == "Failed to start call: Call failed: Busy (486)"
    assert prefixed.end_info is BUSY
    assert str(error) == "Call failed: Busy (486)"
    assert error.__notes__ == ["stage: invite; hint: try again later"]
