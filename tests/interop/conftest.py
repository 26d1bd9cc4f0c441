"""The rig as pytest fixtures, and the peers' logs in the report of a test that failed."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import pytest

from .peer import PeerError
from .rig import CALLEE, CALLER, Rig

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from .browser import BrowserAgent

RIGS = pytest.StashKey[list[Rig]]()
"""Those that are running."""


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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        for rig in item.config.stash.get(RIGS, []):
            report.sections.extend(rig.logs())
    return report


def _registered(rig: Rig, user: str) -> BrowserAgent:
    agent = rig.browser_agent(user)
    agent.wait_until_registered()
    return agent


def _fresh(agent: BrowserAgent) -> Iterator[BrowserAgent]:
    agent.reset()
    yield agent
    agent.reset()
