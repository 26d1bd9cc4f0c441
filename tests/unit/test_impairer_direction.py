"""The impairer's decisions on virtual time: each impairment, exact for its seed."""

from __future__ import annotations

from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import pytest

from interop.impairer.direction import MOST_IN_FLIGHT, Departure, Direction
from interop.impairer.impairment import GilbertElliott, Impairment

if TYPE_CHECKING:
    from collections.abc import Iterable

SIZE = 100


def packet(number: int) -> bytes:
    return number.to_bytes(SIZE, "big")


def numbers(departures: Iterable[Departure]) -> list[int]:
    return [int.from_bytes(one.packet, "big") for one in departures]


def sent(direction: Direction, count: int, *, every: float = 0.02) -> dict[int, float]:
    """Offers packets at a steady pace, then waits for the last one: when each left, in the order of leaving."""
    left: list[tuple[int, float]] = []
    for number in range(count):
        offered = number * every
        while (due := direction.next_due()) is not None and due <= offered:
            left += [(leaving, due) for leaving in numbers(direction.take(due))]
        direction.offer(packet(number), offered)
        left += [(leaving, offered) for leaving in numbers(direction.take(offered))]
    while (due := direction.next_due()) is not None:
        left += [(leaving, due) for leaving in numbers(direction.take(due))]
    return dict(left)


def lost(direction: Direction, count: int) -> list[int]:
    return sorted(set(range(count)) - set(sent(direction, count)))


def test_a_perfect_line_delivers_at_once() -> None:
    direction = Direction("seed")
    assert sent(direction, 50) == {number: number * 0.02 for number in range(50)}
    assert (direction.counts.delivered, direction.counts.delivered_bytes) == (50, 50 * SIZE)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_loss_is_the_share_asked_for(share: float) -> None:
    count, direction = 20_000, Direction("seed", Impairment(loss=share))
    missing = lost(direction, count)
    # four standard deviations of the binomial distribution
    assert len(missing) == pytest.approx(count * share, abs=4 * (count * share * (1 - share)) ** 0.5)
    assert direction.counts.lost == len(missing)


def test_the_seed_decides_what_is_lost() -> None:
    settings = Impairment(loss=0.2, burst=GilbertElliott(0.05, 0.5))
    first = lost(Direction("one", settings), 500)
    assert first == lost(Direction("one", settings), 500)
    assert first != lost(Direction("two", settings), 500)


def test_what_is_lost_does_not_depend_on_delay_jitter_and_order() -> None:
    plain = lost(Direction("seed", Impairment(loss=0.2)), 500)
    delayed = Impairment(loss=0.2, delay=0.1, jitter=0.05, reorder=0.25, rate=1e6)
    assert lost(Direction("seed", delayed), 500) == plain
    also_bursts = lost(Direction("seed", Impairment(loss=0.2, burst=GilbertElliott(0.1, 0.5))), 500)
    assert set(also_bursts) > set(plain)


def test_bursts_have_the_share_and_the_length_asked_for() -> None:
    count, direction = 50_000, Direction("seed", Impairment(burst=GilbertElliott.of(0.1, 4)))
    missing = lost(direction, count)
    # bursts of 4: the count varies by the factor (2 * 4 - 1) more than a binomial one
    assert len(missing) == pytest.approx(count * 0.1, abs=4 * (7 * count * 0.09) ** 0.5)
    # the number minus its place is the same for neighbours
    runs = [len(list(run)) for _, run in groupby(enumerate(missing), key=lambda pair: pair[1] - pair[0])]
    assert sum(runs) / len(runs) == pytest.approx(4, rel=0.1)
    assert direction.counts.lost_in_bursts == len(missing)


def test_delay_and_jitter_stay_within_their_bounds() -> None:
    left = sent(Direction("seed", Impairment(delay=0.1, jitter=0.03, keep_order=False)), 2000)
    delays = [at - number * 0.02 for number, at in left.items()]
    assert 0.07 <= min(delays) < 0.072
    assert 0.128 < max(delays) <= 0.13
    assert sum(delays) / len(delays) == pytest.approx(0.1, abs=0.002)
    assert any(after < before for before, after in pairwise(left))


def test_jitter_keeps_the_order_unless_told() -> None:
    left = sent(Direction("seed", Impairment(delay=0.1, jitter=0.1)), 2000)
    assert list(left) == list(range(2000))
    assert all(number * 0.02 <= at <= number * 0.02 + 0.2 for number, at in left.items())


def test_a_held_packet_leaves_after_the_gap() -> None:
    direction = Direction("seed", Impairment(reorder=0.25, reorder_gap=2))
    order = list(sent(direction, 400, every=0.001))
    displaced = [number for place, number in enumerate(order) if place > number]
    assert sorted(order) == list(range(400))
    assert direction.counts.reordered == len(displaced) == pytest.approx(100, abs=4 * 75**0.5)
    # two packets later, or as much more as packets in between were held themselves
    assert all(order.index(number) - number >= 2 for number in displaced[:-2])


def test_a_held_packet_waits_no_longer_than_told() -> None:
    direction = Direction("seed", Impairment(delay=0.1, reorder=1.0, reorder_wait=0.3))
    direction.offer(packet(1), 0.0)
    assert direction.take(0.39) == []
    assert direction.next_due() == pytest.approx(0.4)
    assert numbers(direction.take(0.41)) == [1]
    assert direction.counts.reordered == 0


def test_packets_inside_keep_what_was_set_when_they_came() -> None:
    direction = Direction("seed", Impairment(delay=0.1, reorder=1.0, reorder_wait=0.3))
    direction.offer(packet(1), 0.0)
    direction.set(Impairment(delay=0.1, reorder=1.0, reorder_wait=5.0), 0.2)
    direction.offer(packet(2), 0.2)
    assert numbers(direction.take(0.41)) == [1]
    assert direction.next_due() == pytest.approx(5.3)


def test_the_rate_spaces_packets_by_their_length() -> None:
    direction = Direction("seed", Impairment(rate=8000, delay=1.0))  # 100 bytes take 0.1 s
    left = sent(direction, 10, every=0.0)
    assert list(left.values()) == pytest.approx([1.1 + 0.1 * number for number in range(10)])


def test_a_full_queue_drops_what_comes() -> None:
    direction = Direction("seed", Impairment(rate=8000, queue=5 * SIZE))
    assert list(sent(direction, 12, every=0.0)) == [0, 1, 2, 3, 4]
    assert direction.counts.queue_full == 7


def test_a_new_rate_goes_for_packets_in_the_queue() -> None:
    direction = Direction("seed", Impairment(rate=8000))
    for number in range(3):
        direction.offer(packet(number), 0.0)
    direction.set(Impairment(rate=80_000), 0.05)  # half of the first is out: 5 ms are left of it
    left: dict[int, float] = {}
    while (due := direction.next_due()) is not None:
        left |= dict.fromkeys(numbers(direction.take(due)), due)
    assert left == pytest.approx({0: 0.055, 1: 0.065, 2: 0.075})


def test_without_a_rate_the_queue_empties_at_once() -> None:
    direction = Direction("seed", Impairment(rate=8000))
    for number in range(3):
        direction.offer(packet(number), 0.0)
    direction.set(Impairment(), 0.01)
    assert numbers(direction.take(0.01)) == [0, 1, 2]


def test_a_new_delay_goes_for_what_comes_then() -> None:
    direction = Direction("seed", Impairment(delay=1.0, keep_order=False))
    direction.offer(packet(0), 0.0)
    direction.set(Impairment(keep_order=False), 0.1)
    direction.offer(packet(1), 0.1)
    assert numbers(direction.take(0.1)) == [1]
    assert numbers(direction.take(1.0)) == [0]


def test_down_takes_what_is_in_flight_too() -> None:
    direction = Direction("seed", Impairment(rate=8000, delay=1.0, reorder=0.5))
    for number in range(10):
        direction.offer(packet(number), 0.0)
    direction.take(1.3)
    gone = direction.in_flight
    direction.down()
    direction.offer(packet(10), 1.4)
    assert direction.next_due() is None
    assert direction.counts.cut == gone + 1
    direction.up()
    direction.set(Impairment(), 1.5)
    direction.offer(packet(11), 1.5)
    assert numbers(direction.take(1.5)) == [11]


def test_memory_is_bounded() -> None:
    direction = Direction("seed", Impairment(delay=60.0))
    for number in range(MOST_IN_FLIGHT + 5):
        direction.offer(packet(number), 0.0)
    assert (direction.in_flight, direction.counts.overflowed) == (MOST_IN_FLIGHT, 5)
