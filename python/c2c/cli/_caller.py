"""One call from the command line: places it, says what was asked for, tells what happens, and ends it."""

from __future__ import annotations

from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import trio

import c2c
from c2c.cli._line import NOT_TOLD, error_fields, event_fields, stats_fields
from c2c.cli._quality import mean_opinion_score

if TYPE_CHECKING:
    from pathlib import Path

    from c2c._dtmf import Tones
    from c2c.cli._output import Output

MEASURE_EVERY = 0.2  # seconds
TERMINATED = "Terminated"  # JsSIP's cause of a call that somebody hung up


@dataclass(frozen=True)
class Plan:
    """What a call is to do; `duration` is in seconds from the answer, `None` until somebody hangs up."""

    clips: tuple[tuple[str, c2c.Clip], ...] = ()
    infos: tuple[str, ...] = ()
    tones: Tones | None = None
    record: Path | None = None
    stereo: bool = False
    duration: float | None = None


class Caller:
    """Runs a plan once."""

    def __init__(self, client: c2c.WebRTCClient, plan: Plan, output: Output) -> None:
        self._client = client
        self._plan = plan
        self._output = output
        self._call: c2c.Call | None = None
        self._starting = trio.CancelScope()
        self._hang_up = trio.Event()
        self._error: c2c.C2CError | None = None
        self._end_info: c2c.CallEndInfo | None = None

    def hang_up(self) -> None:
        """Ends the call, or the attempt to make one."""
        self._output.tell("hangingUp")
        self._starting.cancel()
        self._hang_up.set()

    async def run(self) -> bool:
        """Returns whether the call was answered and ended well."""
        try:
            async with trio.open_nursery() as nursery:
                await self._connected(nursery)
        except* c2c.C2CError as group:
            self._fail(_first(group))
        return self._summarise()

    async def _connected(self, nursery: trio.Nursery) -> None:
        async with self._client as client:
            nursery.start_soon(self._tell_events, client.events())
            with self._starting:
                await client.connect()
                self._call = await client.start_call()
            if self._call is not None:
                await self._converse(self._call)
                await client.disconnect()

    async def _converse(self, call: c2c.Call) -> None:
        try:
            async with AsyncExitStack() as stack:
                if self._plan.record is not None:
                    await stack.enter_async_context(call.record(self._plan.record, stereo=self._plan.stereo))
                    self._output.tell("recording", path=str(self._plan.record))
                await self._follow(call)
        except c2c.RecordingError as error:
            self._fail(error)
            with suppress(c2c.NoActiveCall):
                await self._client.end_call()

    async def _follow(self, call: c2c.Call) -> None:
        async with trio.open_nursery() as nursery:
            for task in (self._speak, self._measure, self._limit, self._end):
                nursery.start_soon(task, call)
            self._end_info = await call.wait_ended()
            nursery.cancel_scope.cancel()

    async def _speak(self, call: c2c.Call) -> None:
        try:
            await call.wait_answered()
            for text in self._plan.infos:
                await self._client.send_info(text)
            if (tones := self._plan.tones) is not None:
                await self._client.send_dtmf(tones.tones, transport_type=tones.transport_type)
            for name, clip in self._plan.clips:
                self._output.tell("playing", file=name)
                await call.play(clip)
                self._output.tell("played", file=name)
        except c2c.C2CError as error:
            # the end of the call has lines of its own
            await self._unless_over(call, error)

    async def _unless_over(self, call: c2c.Call, error: c2c.C2CError) -> None:
        with trio.move_on_after(1):
            await call.wait_ended()
            return
        self._fail(error)

    async def _measure(self, call: c2c.Call) -> None:
        with suppress(c2c.CallFailed):
            await call.wait_answered()
            due = self._output.time + self._output.stats_every
            while numbers := _numbers(call):
                self._output.measure(numbers)
                if self._output.time >= due:
                    due += self._output.stats_every
                    self._output.tell("stats", **numbers)
                await trio.sleep(MEASURE_EVERY)

    async def _limit(self, call: c2c.Call) -> None:
        with suppress(c2c.CallFailed):
            await call.wait_answered()
            if self._plan.duration is not None:
                await trio.sleep(self._plan.duration)
                self._hang_up.set()

    async def _end(self, _: c2c.Call) -> None:
        await self._hang_up.wait()
        with suppress(c2c.NoActiveCall):
            await self._client.end_call()

    async def _tell_events(self, stream: c2c.EventStream) -> None:
        async for event in stream:
            if not isinstance(event, NOT_TOLD):
                self._output.tell(event.name, **event_fields(event))

    def _fail(self, error: c2c.C2CError) -> None:
        self._error = self._error or error
        self._output.tell("error", fatal=True, **error_fields(error))

    def _summarise(self) -> bool:
        session = self._call.session if self._call else None
        answered = session is not None and session.answer_time is not None
        end = self._end_info
        ok = answered and self._error is None and end is not None and end.cause == TERMINATED
        numbers = _numbers(self._call) if self._call else None
        self._output.tell(
            "summary",
            ok=ok,
            answered=answered,
            duration=session.duration if session else 0,
            end_info=end,
            stats=numbers,
            recording=str(self._plan.record) if answered and self._plan.record else None,
        )
        return ok


def _numbers(call: c2c.Call) -> dict[str, Any] | None:
    try:
        stats = call.stats()
    except c2c.NoActiveCall:
        return None
    return {**stats_fields(stats), "mos": round(mean_opinion_score(stats), 2)}


def _first(error: BaseException) -> c2c.C2CError:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    assert isinstance(error, c2c.C2CError)
    return error
