"""The rig as pytest fixtures, and the peers' logs in the report of a test that failed."""

from __future__ import annotations

import socket
import wave
from array import array
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

import pytest

from .caller import CallerProcess, CallPlan
from .identity import FAR_ADDRESS
from .impairer import Impairer
from .peer import PeerError
from .rig import CALLEE, CALLER, Rig
from .tone import sine

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator
    from pathlib import Path

    from .browser import BrowserAgent

RIGS = pytest.StashKey[list[Rig]]()
"""Those that are running."""

CALLER_HZ = 880.0


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "trio"


@pytest.fixture(scope="session")
def rig(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Rig]:
    """Every peer but SIPp, running in a network namespace that has only the loopback interface."""
    others = [name for _, name in socket.if_nameindex() if name != "lo"]
    if others:
        raise PeerError(f"these tests run through tests/interop/in_namespace, not beside {others}")
    with Rig(tmp_path_factory.mktemp("rig")) as running:
        request.config.stash.setdefault(RIGS, []).append(running)
        yield running


@pytest.fixture(scope="session")
def _callee(rig: Rig) -> BrowserAgent:
    return _registered(rig, CALLEE)


@pytest.fixture(scope="session")
def _caller(rig: Rig) -> BrowserAgent:
    return _registered(rig, CALLER)


@pytest.fixture
def callee(_callee: BrowserAgent) -> Iterator[BrowserAgent]:
    """The browser that app-callee reaches; answers by itself, sends 440 Hz."""
    yield from _fresh(_callee)


@pytest.fixture
def caller(_caller: BrowserAgent) -> Iterator[BrowserAgent]:
    """A browser that calls."""
    yield from _fresh(_caller)


@pytest.fixture(scope="module")
def impairer() -> Iterator[Impairer]:
    with Impairer(seed="impaired calls") as running:
        assert running.link.far_address == FAR_ADDRESS
        yield running


@pytest.fixture(scope="module")
def far_rig(
    impairer: Impairer, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Rig]:
    """A rig of its own on the far side of the link."""
    with ExitStack() as stack:
        with impairer.far.entered():
            rig = stack.enter_context(Rig(tmp_path_factory.mktemp("far-rig"), FAR_ADDRESS))
        rigs = request.config.stash.setdefault(RIGS, [])
        rigs.append(rig)
        stack.callback(rigs.remove, rig)
        yield rig


@pytest.fixture
def far_callee(far_rig: Rig, impairer: Impairer) -> Iterator[BrowserAgent]:
    impairer.link.reset()
    agent = far_rig.browser_agent(CALLEE)
    agent.wait_until_registered()
    yield agent
    impairer.link.reset()
    far_rig.close(agent)


@pytest.fixture
def far_caller(far_rig: Rig, far_callee: BrowserAgent, tmp_path: Path) -> CallerProcess:
    """A call to the browser on the far side; it starts with `start`."""
    del far_callee
    return caller_of(far_rig, tmp_path)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for rig in item.config.stash.get(RIGS, []):
            report.sections.extend(rig.logs())
    return report


def caller_of(rig: Rig, directory: Path, target: str = CALLEE, **options: object) -> CallerProcess:
    """A call to a target of the rig's, with 880 Hz for a minute; `options` are create_webrtc_client()'s."""
    clip = str(write_clip(directory))
    plan = CallPlan(rig.endpoint.url(target), str(rig.identity.ca_file), clip, options=options)
    return CallerProcess(directory, plan)


def write_clip(directory: Path) -> Path:
    """A minute of 880 Hz at a quarter of full scale, 48 kHz."""
    clip = directory / "tone.wav"
    with wave.open(str(clip), "wb") as file:
        file.setparams((1, 2, 48000, 0, "NONE", "not compressed"))
        file.writeframes(60 * array("h", sine(CALLER_HZ, 0.25, 48000, 1.0)).tobytes())
    return clip


@contextmanager
def running_near(impairer: Impairer, caller: CallerProcess) -> Iterator[CallerProcess]:
    """Runs the call on the near side of the link; ends its process with the block, whatever happened."""
    with impairer.near.entered():
        caller.start()
    try:
        yield caller
    finally:
        caller.stop()


def _registered(rig: Rig, user: str) -> BrowserAgent:
    agent = rig.browser_agent(user)
    agent.wait_until_registered()
    return agent


def _fresh(agent: BrowserAgent) -> Iterator[BrowserAgent]:
    agent.reset()
    yield agent
    agent.reset()
