"""Whatever a line goes through, every packet is accounted for, none leaves early, and in the end none is left."""

from __future__ import annotations

import math
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from interop.impairer.direction import Departure, Direction
from interop.impairer.impairment import GilbertElliott, Impairment

shares = st.floats(0, 1)
impairments = st.builds(
    Impairment,
    loss=shares,
    burst=st.none() | st.builds(GilbertElliott, shares, shares, shares, shares),
    delay=st.floats(0, 2),
    jitter=st.floats(0, 2),
    keep_order=st.booleans(),
    reorder=shares,
    reorder_gap=st.integers(1, 5),
    reorder_wait=st.floats(0, 2),
    rate=st.none() | st.floats(1000, 1e7),
    queue=st.integers(1, 5000),
)
Step: TypeAlias = tuple[str, object]
steps: st.SearchStrategy[Step] = st.one_of(
    st.tuples(st.just("offer"), st.integers(20, 1500)),
    st.tuples(st.just("wait"), st.floats(0, 1)),
    st.tuples(st.just("set"), impairments),
    st.tuples(st.sampled_from(["down", "up"]), st.none()),
)


def run(seed: str, script: list[Step]) -> tuple[Direction, list[Departure]]:
    direction, now, left = Direction(seed), 0.0, list[Departure]()
    for name, value in script:
        if name == "offer":
            assert isinstance(value, int)
            direction.offer(bytes(value), now)
        elif name == "wait":
            assert isinstance(value, float)
            now += value
        elif name == "set":
            assert isinstance(value, Impairment)
            direction.set(value, now)
        elif name == "down":
            direction.down()
        else:
            direction.up()
        departures = direction.take(now)
        assert all(one.came <= one.due <= now for one in departures)
        assert accounted_for(direction)
        left += departures
    return direction, left


def accounted_for(direction: Direction) -> bool:
    counts = direction.counts
    dropped = counts.lost + counts.lost_in_bursts + counts.queue_full + counts.overflowed + counts.cut
    return counts.offered == counts.delivered + dropped + direction.in_flight


@given(st.text(max_size=3), st.lists(steps, max_size=60))
def test_every_packet_is_accounted_for_and_leaves_in_time(seed: str, script: list[Step]) -> None:
    direction, _ = run(seed, script)
    rounds = 0
    while (due := direction.next_due()) is not None and rounds < 1000:
        direction.take(due)
        rounds += 1
    assert (direction.in_flight, direction.next_due()) == (0, None)
    assert accounted_for(direction)


@given(st.text(max_size=3), st.lists(steps, max_size=60))
def test_the_same_again_is_the_same(seed: str, script: list[Step]) -> None:
    assert run(seed, script)[1] == run(seed, script)[1]


@given(impairments, st.lists(st.floats(0, 0.1), max_size=40))
def test_a_line_that_keeps_order_keeps_it(impairment: Impairment, pauses: list[float]) -> None:
    settings = Impairment(loss=impairment.loss, delay=impairment.delay, jitter=impairment.jitter, rate=impairment.rate)
    direction, now = Direction("seed", settings), 0.0
    for number, pause in enumerate(pauses):
        now += pause
        direction.offer(number.to_bytes(20, "big"), now)
    left = [int.from_bytes(one.packet, "big") for one in direction.take(math.inf)]
    assert left == sorted(left)
