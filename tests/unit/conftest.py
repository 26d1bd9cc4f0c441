from __future__ import annotations

import functools
import inspect
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from c2c import create_webrtc_client
from support.client import Recorder
from support.fake_endpoint import URL, FakeEndpoint
from support.fake_engine import FakeEngine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from c2c import WebRTCClient


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> None:
    """Lets a test fail at once, and not hang, when all tasks wait for what will never come: the clock jumps there."""
    test = pyfuncitem.obj
    if inspect.iscoroutinefunction(test):

        @functools.wraps(test)
        async def limited(*args: Any, **kwargs: Any) -> None:
            with trio.fail_after(86_400):
                await test(*args, **kwargs)

        pyfuncitem.obj = limited


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Time jumps to the next deadline when nothing else is left to do."""
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeEngine]:
    engine = FakeEngine()
    monkeypatch.setattr("c2c._open_client.open_engine", lambda *_: engine)
    yield engine
    engine.release()


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch) -> FakeEndpoint:
    endpoint = FakeEndpoint()
    monkeypatch.setattr("c2c._http.get", endpoint.get)
    return endpoint


@pytest.fixture
def make_client(engine: FakeEngine, endpoint: FakeEndpoint) -> Callable[..., WebRTCClient]:
    """Returns a maker of clients whose engine and endpoint are the fakes."""
    return lambda **options: create_webrtc_client(URL, **options)


@pytest.fixture
def client(make_client: Callable[..., WebRTCClient]) -> WebRTCClient:
    return make_client()


@pytest.fixture
def told(client: WebRTCClient) -> Recorder:
    """What the client tells its handlers, in order."""
    return Recorder(client)
