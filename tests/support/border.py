"""The border without Trio: an engine, and whoever waits for its events."""

from __future__ import annotations

import select
import socket
from typing import TYPE_CHECKING, TypeVar

from c2c._c2c import Engine, Event, Gateway, GatewaySettings, GatewayStep, SipSettings, TlsSettings

if TYPE_CHECKING:
    from types import TracebackType

PATIENCE = 20  # seconds; more than anything here takes

Kind = TypeVar("Kind", bound=Event)


class Owner:
    """Owns an engine: sleeps on its wake-up and takes its events."""

    def __init__(self, tls: TlsSettings | None = None) -> None:
        self.engine = Engine(tls=tls)
        self.wake = socket.socket(fileno=self.engine.take_wake_fd())
        self.events: list[Event] = []

    def __enter__(self) -> Owner:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.engine.close()
        self.wake.close()

    def next(self) -> Event:
        """Returns the next event, once there is one."""
        while not self.events:
            assert select.select([self.wake], [], [], PATIENCE)[0], "no event in time"
            self.wake.recv(64)
            self.events += self.engine.poll_events()
        return self.events.pop(0)

    def wait(self, kind: type[Kind]) -> Kind:
        """Passes over all events up to the first one of this kind."""
        while not isinstance(event := self.next(), kind):
            assert not isinstance(event, Event.Closed), f"closed before {kind.__name__}"
        return event

    def rest(self) -> list[Event]:
        """Closes the engine and returns all events up to the last one."""
        self.engine.close()
        events = [self.next()]
        while not isinstance(events[-1], Event.Closed):
            events.append(self.next())
        return events + self.events


def echoing_gateway() -> Gateway:
    """Returns a gateway that answers and says back what it hears."""
    settings = GatewaySettings(
        realm="localhost",
        users=[],
        steps=[GatewayStep.answer(), GatewayStep.echo(60.0)],
        misbehaviours=[],
        codecs=["opus", "PCMU", "PCMA"],
        algorithms=["MD5"],
        qop=True,
        wrong_credentials_status=403,
        challenge_as_proxy=False,
        nonce_lifetime=60.0,
        register_expires=600,
        session_expires=90,
        refreshed_by_gateway=True,
        hearing_rate=48_000,
        hearing_seconds=1.0,
    )
    return Gateway(settings, host="127.0.0.1", secure=True)


def settings(uri: str) -> SipSettings:
    """Returns a user on the server at `uri`."""
    return SipSettings(websocket_uri=uri, user="user", realm="localhost")


def call_echo(gateway: Gateway, call: int = 1) -> Owner:
    """Returns an owner whose call to `gateway` is up."""
    owner = Owner(TlsSettings(ca_pem=gateway.ca_pem.encode()))
    owner.engine.connect(settings(f"wss://127.0.0.1:{gateway.port}"))
    owner.wait(Event.Registered)
    owner.engine.start_call(call, "app-echo", [])
    owner.wait(Event.MediaConnected)
    return owner
