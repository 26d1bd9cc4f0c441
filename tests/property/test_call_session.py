"""Whatever order the engine's events come in, a call's snapshots stay legal, and nothing follows its end."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any
from unittest import mock

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from c2c import CallFailed, CallSession, SessionStatus, create_webrtc_client
from c2c._c2c import CallEnd, CallState, Event
from support.client import Recorder
from support.fake_endpoint import URL, FakeEndpoint
from support.fake_engine import START, FakeEngine, make_stats

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c import Call

# which status may follow which; the same again is always allowed until the end
NEXT = {
    SessionStatus.INIT: {SessionStatus.RINGING, SessionStatus.ANSWERED, SessionStatus.FAILED},
    SessionStatus.RINGING: {SessionStatus.ANSWERED, SessionStatus.FAILED},
    SessionStatus.ANSWERED: {SessionStatus.ENDED},
    SessionStatus.ENDED: set(),
    SessionStatus.FAILED: set(),
}
OF_A_CALL = {"ringing", "answered", "ended", "failed", "muted", "unmuted", "infoReceived", "transcription"}

states = st.builds(
    CallState,
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from(["init", "ringing", "answered", "ended", "failed"]),
    st.just(False),
    st.just(START),
    st.sampled_from([None, START + 1]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)
ends = st.builds(
    CallEnd,
    st.sampled_from(["local", "remote", "system"]),
    st.sampled_from(["Terminated", "Busy", "Connection Error"]),
    st.sampled_from([None, "486"]),
    st.sampled_from([None, 486]),
    st.sampled_from([None, "invite", "ice", "dtls", "media", "websocket"]),
    st.just(""),
)
calls = st.sampled_from([1, 2])
engine_events = st.one_of(
    st.builds(Event.CallCreated, states),
    st.builds(Event.Ringing, states),
    st.builds(Event.TrackAdded, calls),
    st.builds(Event.Answered, states),
    st.builds(Event.MediaConnected, calls),
    st.builds(Event.Muted, states),
    st.builds(Event.Unmuted, states),
    st.builds(Event.HoldChanged, states),
    st.builds(Event.InfoSent, calls, st.just(1)),
    st.builds(Event.InfoFailed, calls, st.just(1), st.none(), st.just("cause")),
    st.builds(Event.InfoReceived, calls, st.just("application/json"), st.binary(max_size=40)),
    st.builds(Event.PlayEnded, calls, st.just(1), st.booleans()),
    st.builds(Event.RingReady, st.integers(0, 3)),
    st.builds(Event.Ended, states, ends, st.builds(make_stats)),
    st.builds(Event.Failed, states, ends, st.builds(make_stats)),
    st.builds(Event.Registered),
    st.builds(Event.Unregistered),
    st.builds(Event.Disconnected, st.none(), st.none()),
)


def run(scenario: Callable[..., Any], *args: object) -> None:
    """Runs it; that all tasks wait for ever is a failure at once, as the clock jumps there."""

    async def limited() -> None:
        with trio.fail_after(86_400):
            await scenario(*args)

    trio.run(limited, clock=trio.testing.MockClock(autojump_threshold=0))


def check_snapshot(session: CallSession) -> None:
    is_answered = session.status in {SessionStatus.ANSWERED, SessionStatus.ENDED}
    assert (session.answer_time is not None) == is_answered
    assert session.duration >= 0
    assert session.duration == 0 or is_answered
    assert session.id.startswith("call-")


def check_path(snapshots: list[CallSession]) -> None:
    for before, after in itertools.pairwise(snapshots):
        assert after.status == before.status or after.status in NEXT[before.status]
        assert (after.id, after.start_time) == (before.id, before.start_time)
        assert before.answer_time in {None, after.answer_time}
    statuses = [snapshot.status for snapshot in snapshots]
    over = [status for status in statuses if not NEXT[status]]
    assert len(set(over)) <= 1


def check_told(told: Recorder, call: Call) -> None:
    names = [name for name in told.names if name in OF_A_CALL]
    ends = [index for index, name in enumerate(names) if name in {"ended", "failed"}]
    assert len(ends) == (1 if not NEXT[call.session.status] else 0)
    if ends:
        assert ends == [len(names) - 1]
        assert names[-1] == call.session.status
    assert names.count("answered") <= 1
    if "answered" in names:
        assert "ringing" not in names[names.index("answered") :]


async def check(sequence: list[Event], pauses: list[int]) -> None:
    engine = FakeEngine()
    endpoint = FakeEndpoint()
    with (
        mock.patch("c2c._open_client.open_engine", return_value=engine),
        mock.patch("c2c._http.get", endpoint.get),
    ):
        client = create_webrtc_client(URL, capture_audio=True)
        told = Recorder(client)
        async with trio.open_nursery() as nursery, client:
            call = await client.connect_and_call()
            nursery.start_soon(wait_for_all, call)
            snapshots = [call.session]
            for index, event in enumerate(sequence):
                engine.tell(event)
                if index in pauses:
                    await trio.sleep(1.5)
                await trio.testing.wait_all_tasks_blocked()
                snapshots.append(call.session)
                active = client.get_current_session()
                assert (active is not None) == (call.session.status is SessionStatus.ANSWERED)
            check_told(told, call)
            for snapshot in snapshots:
                check_snapshot(snapshot)
            check_path(snapshots)
        assert not NEXT[call.session.status]
    engine.release()


async def wait_for_all(call: Call) -> None:
    """All waiters of a call are let go by its end, and agree with it."""
    failure: CallFailed | None = None
    try:
        await call.wait_answered()
    except CallFailed as error:
        failure = error
    end_info = await call.wait_ended()
    assert failure is None or failure.end_info == end_info
    assert call.session.status == (SessionStatus.FAILED if failure else SessionStatus.ENDED)


@given(st.lists(engine_events, max_size=12), st.lists(st.integers(0, 12), max_size=3))
def test_any_order_of_events(sequence: list[Event], pauses: list[int]) -> None:
    run(check, sequence, pauses)


@pytest.mark.parametrize("kind", [Event.Ended, Event.Failed])
@pytest.mark.parametrize("answered", [False, True])
def test_the_end_is_named_by_what_was_before(kind: type[Event], *, answered: bool) -> None:
    """The engine never mixes them up; if it did, the SDK's rule would hold."""
    state = CallState(1, "ended", False, START, START + 1, False, False, False)
    end: Any = kind
    sequence = [Event.Answered(state)] if answered else []
    run(check, [*sequence, end(state, CallEnd("remote", "Terminated", None, None, None, ""), make_stats())], [])
