"""One direction of a link: which packets leave, and when. Told the time and the seed; touches nothing."""

from __future__ import annotations

import heapq
import math
from collections import deque
from dataclasses import dataclass, field
from random import Random

from .counts import Counts
from .impairment import Impairment

MOST_IN_FLIGHT = 20_000
"""Packets kept at once; what comes then is dropped and counted as overflowed."""


@dataclass(frozen=True)
class Departure:
    """A packet that leaves now; it was to leave at `due` and had come at `came`."""

    packet: bytes
    came: float
    due: float


@dataclass(order=True)
class _Waiting:
    due: float
    number: int
    packet: bytes = field(compare=False)
    came: float = field(compare=False)
    jitter: float = field(compare=False)
    is_held: bool = field(compare=False)
    under: Impairment = field(compare=False)
    """What was set when it came."""
    passed_by: int = field(compare=False, default=0)


class Direction:
    """Packets go in with `offer` and come out of `take`; the same seed, packets and times give the same again.

    Each kind of chance has a generator of its own and is asked once for each packet, so that which packets are lost
    depends on nothing but the seed and the settings of loss.
    """

    def __init__(self, seed: str, impairment: Impairment | None = None) -> None:
        self.impairment = impairment or Impairment()
        self.counts = Counts()
        self.is_up = True
        self._loss, self._burst, self._jitter, self._reorder = (
            Random(f"{seed}/{kind}") for kind in ("loss", "burst", "jitter", "reorder")
        )
        self._is_bad = False
        self._number = 0
        self._line: deque[_Waiting] = deque()
        self._line_bytes = 0
        self._line_free = 0.0
        self._flying: list[_Waiting] = []
        self._held: list[_Waiting] = []
        self._last_due = -math.inf

    @property
    def in_flight(self) -> int:
        """How many packets are inside."""
        return len(self._line) + len(self._flying) + len(self._held)

    def set(self, impairment: Impairment, now: float) -> None:
        """Changes what happens to the packets that come from now on; a new rate also to those queueing for it."""
        self._pass_line(now)
        old, self.impairment = self.impairment.rate, impairment
        if self._line and impairment.rate is None:
            self._line_free = now
        elif self._line and old is not None and impairment.rate is not None:
            self._line_free = now + (self._line_free - now) * old / impairment.rate
        self._pass_line(now)

    def down(self) -> None:
        """Cuts the line: what is in flight is gone, and what comes."""
        self.is_up = False
        self.counts.cut += self.in_flight
        self._line.clear()
        self._line_bytes = 0
        self._flying.clear()
        self._held.clear()
        self._last_due = -math.inf

    def up(self) -> None:
        """Mends the line."""
        self.is_up = True

    def offer(self, packet: bytes, now: float) -> None:
        """Takes a packet that came now."""
        self.counts.offered += 1
        self.counts.offered_bytes += len(packet)
        self._pass_line(now)
        waiting = self._drawn(packet, now)
        if waiting is None:
            return
        if self.impairment.rate is None:
            self._fly(waiting, now)
        elif self._line_bytes + len(packet) > self.impairment.queue:
            self.counts.queue_full += 1
        else:
            if not self._line:
                self._line_free = now + self._time_on_line(packet)
            self._line.append(waiting)
            self._line_bytes += len(packet)

    def take(self, now: float) -> list[Departure]:
        """Returns the packets that leave by now, in their order."""
        self._pass_line(now)
        leaving: list[_Waiting] = []
        while self._flying or self._held:
            if (due := self._next_departure()) > now:
                break
            if self._flying and self._flying[0].due <= due:
                self._leave(heapq.heappop(self._flying), leaving)
            else:
                self._release([one for one in self._held if _held_until(one) <= due], due, leaving)
        self.counts.delivered += len(leaving)
        self.counts.delivered_bytes += sum(len(one.packet) for one in leaving)
        return [Departure(one.packet, one.came, one.due) for one in leaving]

    def next_due(self) -> float | None:
        """When `take` or the line will have something to do, None while nothing is in flight."""
        due = min(self._next_departure(), self._line_free if self._line else math.inf)
        return None if due == math.inf else due

    def _drawn(self, packet: bytes, now: float) -> _Waiting | None:
        """The packet with what chance has for it, None if that is to be dropped."""
        settings = self.impairment
        is_lost = self._loss.random() < settings.loss
        is_lost_in_burst = self._burst_takes_it()
        jitter = self._jitter.uniform(-1, 1) * settings.jitter
        is_held = self._reorder.random() < settings.reorder
        if not self.is_up:
            self.counts.cut += 1
        elif is_lost:
            self.counts.lost += 1
        elif is_lost_in_burst:
            self.counts.lost_in_bursts += 1
        elif self.in_flight >= MOST_IN_FLIGHT:
            self.counts.overflowed += 1
        else:
            self._number += 1
            return _Waiting(now, self._number, packet, now, jitter, is_held, settings)
        return None

    def _burst_takes_it(self) -> bool:
        """One step of the Gilbert-Elliott model: the state changes, then its loss applies."""
        change, loss = self._burst.random(), self._burst.random()
        model = self.impairment.burst
        if model is None:
            self._is_bad = False
            return False
        if change < (model.leave if self._is_bad else model.enter):
            self._is_bad = not self._is_bad
        return loss < (model.loss_bad if self._is_bad else model.loss_good)

    def _time_on_line(self, packet: bytes) -> float:
        rate = self.impairment.rate
        return 0.0 if rate is None else len(packet) * 8 / rate

    def _pass_line(self, now: float) -> None:
        """Sends off what the rate has let through by now, each at the time when its last bit is out."""
        while self._line and self._line_free <= now:
            waiting = self._line.popleft()
            self._line_bytes -= len(waiting.packet)
            self._fly(waiting, self._line_free)
            if self._line:
                self._line_free += self._time_on_line(self._line[0].packet)

    def _fly(self, waiting: _Waiting, start: float) -> None:
        settings = waiting.under
        waiting.due = start + max(0.0, settings.delay + waiting.jitter)
        if settings.keep_order:
            waiting.due = max(waiting.due, self._last_due)
        self._last_due = max(waiting.due, self._last_due)
        heapq.heappush(self._flying, waiting)

    def _next_departure(self) -> float:
        flying = self._flying[0].due if self._flying else math.inf
        return min(flying, min(map(_held_until, self._held), default=math.inf))

    def _leave(self, waiting: _Waiting, leaving: list[_Waiting]) -> None:
        if waiting.is_held:
            self._held.append(waiting)
            return
        leaving.append(waiting)
        for one in self._held:
            one.passed_by += 1
        passed = [one for one in self._held if one.passed_by >= one.under.reorder_gap]
        self._release(passed, waiting.due, leaving)

    def _release(self, released: list[_Waiting], due: float, leaving: list[_Waiting]) -> None:
        for one in released:
            self._held.remove(one)
            one.due = due
            self.counts.reordered += one.passed_by > 0
            leaving.append(one)


def _held_until(waiting: _Waiting) -> float:
    return waiting.due + waiting.under.reorder_wait
