"""What tests want of a client again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from c2c.events import NAMES

if TYPE_CHECKING:
    from c2c import Call, WebRTCClient
    from support.fake_engine import FakeEngine


class Recorder:
    """Writes down each event that handlers of a client get."""

    def __init__(self, client: WebRTCClient) -> None:
        self.events: list[tuple[str, tuple[Any, ...]]] = []
        for name in NAMES.keys() - {"stateChanged"}:  # it goes before most of the others
            client.on(name, self._handler(name))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.events]

    def payload(self, name: str) -> tuple[Any, ...]:
        """Returns what the last event of this name brought."""
        return [payload for told, payload in self.events if told == name][-1]

    def _handler(self, name: str) -> Any:
        return lambda *payload: self.events.append((name, payload))


async def answered_call(client: WebRTCClient, engine: FakeEngine) -> Call:
    """Connects, calls and is answered."""
    call = await client.connect_and_call()
    engine.ring()
    engine.answer()
    await call.wait_answered()
    return call
