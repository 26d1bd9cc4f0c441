"""The border itself: wake-up, rings, misuse, threads, forks and the end of the interpreter."""

from __future__ import annotations

import os
import select
import subprocess
import sys
import threading
import warnings
from array import array
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from c2c import EngineClosed, EngineError, UsedAfterFork
from c2c._c2c import AudioFrame, Clip, Event, TlsSettings
from support.border import PATIENCE, Owner, call_echo, echoing_gateway, settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from c2c._c2c import AudioReader, AudioWriter, Engine, Gateway

NOWHERE = "wss://127.0.0.1:9/"
CALL = 1
SUPPORT = Path(__file__).parent.parent / "support"


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    gateway = echoing_gateway()
    yield gateway
    gateway.close()


@pytest.fixture
def owner() -> Iterator[Owner]:
    with Owner() as owner:
        yield owner


@pytest.fixture
def caller(gateway: Gateway) -> Iterator[Owner]:
    """Its call is up, and says back what it hears."""
    with call_echo(gateway, CALL) as owner:
        yield owner


def members(engine: Engine) -> list[Callable[[], object]]:
    """Each command of an engine, ready to be called."""
    clip = Clip(bytes(320), 8_000)
    return [
        lambda: engine.connect(settings(NOWHERE)),
        engine.disconnect,
        lambda: engine.renew(settings(NOWHERE)),
        engine.retry,
        lambda: engine.start_call(7, "app-x", [("X-Test", "1")]),
        lambda: engine.end_call(7, 486, "Busy"),
        lambda: engine.send_info(7, 1, "text/plain", b"hello"),
        lambda: engine.set_muted(7, muted=True),
        lambda: engine.play(7, 1, clip),
        lambda: engine.stop_playing(7, 1),
        lambda: engine.open_reader(7, 16_000),
        lambda: engine.open_writer(7, 48_000).close(),
    ]


def test_events_come_in_order_and_closed_is_the_last(owner: Owner) -> None:
    owner.engine.connect(settings(NOWHERE))
    failure = owner.wait(Event.ConnectFailed)
    assert (failure.step, failure.http_status, failure.is_final) == ("connect", None, False)
    assert isinstance(owner.rest()[-1], Event.Closed)
    assert owner.engine.poll_events() == []


def test_the_wake_up_is_handed_out_once(owner: Owner) -> None:
    with pytest.raises(ValueError, match="taken before"):
        owner.engine.take_wake_fd()


def test_a_closed_engine_takes_no_commands(owner: Owner) -> None:
    owner.rest()
    for member in members(owner.engine):
        with pytest.raises(EngineClosed):
            member()
    assert owner.engine.stats(7) is None
    owner.engine.close()


@pytest.mark.parametrize("pem", [b"", b"nothing", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_roots_that_are_none_are_refused(pem: bytes) -> None:
    with pytest.raises(ValueError, match="ca_pem"):
        Owner(TlsSettings(ca_pem=pem))


def speak(writer: AudioWriter, owner: Owner, samples: array[int]) -> None:
    """Writes all samples, waiting for room."""
    written = 0
    while written < len(samples):
        taken = writer.write(samples, written)
        written += taken
        if not taken:
            owner.wait(Event.RingReady)


def listen(reader: AudioReader, owner: Owner, frames: int) -> list[AudioFrame]:
    """Returns the next frames."""
    heard: list[AudioFrame] = []
    while len(heard) < frames:
        if frame := reader.take():
            heard.append(frame)
        else:
            owner.wait(Event.RingReady)
    return heard


def test_sound_goes_both_ways(caller: Owner) -> None:
    reader = caller.engine.open_reader(CALL, 16_000)
    writer = caller.engine.open_writer(CALL, 24_000)
    speak(writer, caller, array("h", [8_000, -8_000] * 12_000))
    heard = listen(reader, caller, 25)
    assert {(frame.rate, frame.samples, len(frame)) for frame in heard} == {(16_000, 320, 320)}
    positions = [frame.position for frame in heard]
    assert positions == list(range(positions[0], positions[0] + 25 * 320, 320))
    stats = caller.engine.stats(CALL)
    assert stats is not None
    assert (stats.codec, stats.packets_rejected) == ("opus", 0)


def test_rings_end_with_their_call(caller: Owner) -> None:
    reader = caller.engine.open_reader(CALL, 48_000)
    writer = caller.engine.open_writer(CALL, 48_000)
    caller.engine.end_call(CALL)
    caller.wait(Event.Ended)
    while not (reader.ended and writer.ended):
        caller.wait(Event.RingReady)
    while reader.take():
        pass
    assert writer.write(bytes(20)) == 0
    assert caller.engine.stats(CALL) is None


def test_what_was_written_goes_out_after_the_close(caller: Owner) -> None:
    writer = caller.engine.open_writer(CALL, 8_000)
    assert writer.write(bytes(2 * 100)) == 100
    writer.close()
    while not writer.ended:
        caller.wait(Event.RingReady)


def test_one_writer_at_a_time(caller: Owner) -> None:
    writer = caller.engine.open_writer(CALL, 8_000)
    with pytest.raises(ValueError, match="writer"):
        caller.engine.open_writer(CALL, 8_000)
    writer.close()
    caller.engine.open_writer(CALL, 8_000)


def test_rings_of_no_call_end_at_once(owner: Owner) -> None:
    reader, writer = owner.engine.open_reader(99, 8_000), owner.engine.open_writer(99, 8_000)
    while not (reader.ended and writer.ended):
        owner.wait(Event.RingReady)


@pytest.mark.parametrize("rate", [0, 1, 11_025, 96_000])
def test_rates_that_no_ring_has_are_refused(owner: Owner, rate: int) -> None:
    with pytest.raises(ValueError, match="48000"):
        owner.engine.open_reader(1, rate)
    with pytest.raises(ValueError, match="48000"):
        owner.engine.open_writer(1, rate)


@pytest.mark.parametrize(
    "make", [bytes, bytearray, memoryview, lambda data: array("h", data), lambda data: AudioFrame(data, 8_000, 0)]
)
def test_any_buffer_goes_in(caller: Owner, make: Callable[[bytes], bytes]) -> None:
    writer = caller.engine.open_writer(CALL, 8_000)
    assert writer.write(make(array("h", range(100)).tobytes()), 60) == 40


def test_what_is_no_buffer_of_samples_does_not(caller: Owner) -> None:
    writer = caller.engine.open_writer(CALL, 8_000)
    with pytest.raises(ValueError, match="odd"):
        writer.write(b"123")
    with pytest.raises(TypeError):
        writer.write(array("f", [1.0]))
    with pytest.raises(BufferError):
        writer.write(memoryview(array("h", range(10)))[::2])
    assert writer.write(bytes(8), 100) == 0


def test_a_frame_is_a_read_only_buffer() -> None:
    frame = AudioFrame(array("h", [1, -2, 3]), 8_000, 160)
    view = memoryview(frame)
    assert (view.format, view.shape, view.readonly, view.tolist()) == ("h", (3,), True, [1, -2, 3])
    assert (frame.rate, frame.samples, frame.position) == (8_000, 3, 160)
    assert bytes(frame) == array("h", [1, -2, 3]).tobytes()
    with pytest.raises(TypeError):
        view[0] = 7


def test_clients_do_not_touch_each_other(gateway: Gateway, caller: Owner) -> None:
    with call_echo(gateway, 5) as other:
        other.rest()
    reader = caller.engine.open_reader(CALL, 8_000)
    assert listen(reader, caller, 3)


def test_all_members_from_several_threads(gateway: Gateway, caller: Owner) -> None:
    reader, writer = caller.engine.open_reader(CALL, 16_000), caller.engine.open_writer(CALL, 16_000)
    unexpected: list[BaseException] = []

    def hammer() -> None:
        for _ in range(60):
            with Owner() as other:
                for member in [
                    *members(other.engine),
                    *members(caller.engine)[2:],
                    reader.take,
                    other.engine.poll_events,
                ]:
                    try:
                        member()
                    except (EngineError, ValueError):
                        pass
                    except BaseException as error:
                        unexpected.append(error)
                caller.engine.stats(CALL)
                writer.write(bytes(1_000))

    threads = [threading.Thread(target=hammer) for _ in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        select.select([caller.wake], [], [], 0.05)
        caller.events += caller.engine.poll_events()
    assert unexpected == []
    assert not any(isinstance(event, Event.EngineFailed | Event.Closed) for event in caller.events)
    caller.engine.end_call(CALL)
    caller.wait(Event.Ended)


def in_a_fork(work: Callable[[], object]) -> bool:
    """Runs `work` in a fork of this process; whether it returned."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of forking with threads around
        child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException as error:
            os.write(2, f"in the fork: {error!r}\n".encode())
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def test_a_fork_gets_used_after_fork_and_leaves_the_parent_alone(caller: Owner) -> None:
    engine, reader = caller.engine, caller.engine.open_reader(CALL, 8_000)
    writer = engine.open_writer(CALL, 8_000)

    def in_the_child() -> None:
        parents = [*members(engine), engine.poll_events, engine.close, lambda: engine.stats(CALL)]
        rings: list[Callable[[], object]] = [
            reader.take,
            reader.close,
            writer.close,
            lambda: writer.write(b""),
            lambda: reader.rate,
        ]
        for member in [*parents, *rings]:
            with pytest.raises(UsedAfterFork):
                member()
        with Owner() as own:
            own.engine.connect(settings(NOWHERE))
            own.wait(Event.ConnectFailed)
            own.rest()

    assert in_a_fork(in_the_child)
    assert listen(reader, caller, 3)
    assert writer.write(bytes(100)) == 50


def test_a_fork_that_exits_by_the_book_leaves_the_parent_alone(caller: Owner) -> None:
    run(str(SUPPORT / "forks_and_exits.py"))
    reader = caller.engine.open_reader(CALL, 8_000)
    assert listen(reader, caller, 3)


def run(*arguments: str) -> str:
    """Runs Python in a process of its own, which must end well and in silence."""
    paths = os.pathsep.join(path for path in sys.path if path)
    environment = {**os.environ, "PYTHONPATH": paths}
    done = subprocess.run(
        [sys.executable, *arguments], env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_the_interpreter_ends_with_a_call_up() -> None:
    run("-c", "from support.border import *; gateway = echoing_gateway(); owner = call_echo(gateway)")


def test_the_interpreter_ends_while_a_server_is_silent() -> None:
    silent = "import socket; server = socket.create_server(('127.0.0.1', 0)); port = server.getsockname()[1]"
    connect = (
        "owner = Owner(); owner.engine.connect(settings(f'wss://127.0.0.1:{port}/')); owner.wait(Event.Connecting)"
    )
    run("-c", f"from support.border import *; {silent}; {connect}")


def test_threads_and_descriptors_go_with_the_clients() -> None:
    run(str(SUPPORT / "opens_and_closes.py"))


def test_out_of_descriptors_names_the_remedy() -> None:
    assert "ulimit -n" in run(str(SUPPORT / "runs_out_of_descriptors.py"))
