"""Brings events to handlers and iterators, in their order, and keeps a failing handler from the call."""

from __future__ import annotations

import inspect
import logging
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeAlias

import trio

from c2c import events
from c2c._errors import ClientError, EventsLost

Handler: TypeAlias = Callable[..., object]

MAX_WAITING = 1_000  # asynchronous handler calls, events an iterator, events that handlers cause

logger = logging.getLogger("c2c")


class Emitter(Protocol):
    """Who tells events: the bus, or somebody before it."""

    def emit(self, event: events.Event) -> None:
        """Tells `event`."""


class EventBus:
    """One client's handlers and iterators.

    Synchronous handlers run inside `emit`; asynchronous ones one after another in `run_async_handlers`. What a handler
    raises is logged and becomes an `error` event; with `raise_handler_errors` it goes to `on_failure` instead.
    """

    def __init__(self, on_failure: Callable[[Exception], None], *, raise_handler_errors: bool = False) -> None:
        self._on_failure = on_failure
        self._raise_handler_errors = raise_handler_errors
        self._handlers: dict[str, list[_Registration]] = {name: [] for name in events.NAMES}
        self._streams: weakref.WeakSet[EventStream] = weakref.WeakSet()
        self._emitting: deque[events.Event] | None = None
        self._waiting: deque[_Waiting] = deque()
        self._wake = trio.lowlevel.ParkingLot()
        self._drained = trio.lowlevel.ParkingLot()
        self._running = False
        self._is_closed = False  # emits nothing
        self._is_over = False  # runs nothing

    def on(self, event: str | type[events.Event], handler: Handler) -> None:
        """Adds `handler`, also a second time; `ValueError` for an event that does not exist."""
        name = _name(event)
        self._handlers[name].append(_Registration(name, handler))

    def off(self, event: str | type[events.Event], handler: Handler) -> None:
        """Removes the `handler` added last, if there is one."""
        handlers = self._handlers[_name(event)]
        for index in range(len(handlers) - 1, -1, -1):
            # `==`: each access to a method makes a new object, and they are equal
            if handlers[index].handler == handler:
                # a new list, as an emit may be going through this one
                self._handlers[handlers[index].name] = handlers[:index] + handlers[index + 1 :]
                return

    def stream(self) -> EventStream:
        """Returns a new iterator over what is emitted from now on."""
        stream = EventStream(self._forget)
        if self._is_closed:
            stream.end()
        else:
            self._streams.add(stream)
        return stream

    def emit(self, event: events.Event) -> None:
        """Runs the handlers of `event`; called from inside one of them, after those of the event before."""
        if self._emitting is not None:
            self._postpone(self._emitting, event)
            return
        self._emitting = deque([event])
        try:
            while self._emitting:
                self._deliver(self._emitting.popleft())
        finally:
            self._emitting = None

    async def run_async_handlers(self) -> None:
        """Runs what asynchronous handlers have to do, one after another, until cancelled."""
        try:
            while True:
                while self._waiting:
                    await self._finish(self._waiting.popleft())
                self._drained.unpark_all()
                await self._wake.park()
        finally:
            self._is_over = True
            while self._waiting:
                self._waiting.popleft().discard()
            self._drained.unpark_all()

    async def drain(self) -> None:
        """Waits until no asynchronous handler runs or waits."""
        while (self._waiting or self._running) and not self._is_over:
            await self._drained.park()

    def close(self) -> None:
        """Removes all handlers and ends all iterators; asynchronous handlers that wait still run."""
        self._is_closed = True
        for handlers in self._handlers.values():
            handlers.clear()
        for stream in list(self._streams):
            stream.end()
        self._streams.clear()

    def _deliver(self, event: events.Event) -> None:
        if not isinstance(event, events.StateChanged):  # it repeats the others
            for stream in list(self._streams):
                stream.put(event)
        for registration in list(self._handlers[event.name]):
            try:
                result = registration.call(event)
            except Exception as error:
                self._failed(registration, error)
            else:
                if inspect.isawaitable(result):
                    self._enqueue(_Waiting(registration, result))

    def _postpone(self, emitting: deque[events.Event], event: events.Event) -> None:
        if len(emitting) < MAX_WAITING:
            emitting.append(event)
            return
        text = f"{MAX_WAITING} events wait for the handlers that cause them, the last one of {event.name!r}"
        self._on_failure(ClientError(text, hint="let handlers cause fewer events"))

    def _enqueue(self, waiting: _Waiting) -> None:
        if self._is_over or len(self._waiting) >= MAX_WAITING:
            waiting.discard()
            if not self._is_over:
                text = (
                    f"{MAX_WAITING} calls of asynchronous handlers are waiting, the last one of {waiting.registration}"
                )
                self._on_failure(ClientError(text, hint="let handlers finish sooner, or read events() instead"))
            return
        self._waiting.append(waiting)
        self._wake.unpark_all()

    async def _finish(self, waiting: _Waiting) -> None:
        self._running = True
        try:
            await waiting.awaitable
        except Exception as error:
            self._failed(waiting.registration, error)
        finally:
            self._running = False

    def _failed(self, registration: _Registration, error: Exception) -> None:
        logger.error("%s raised", registration, exc_info=error)
        if self._raise_handler_errors:
            self._on_failure(error)
        elif registration.name != events.Error.name:
            wrapped = ClientError(f"{registration} raised {type(error).__name__}: {error}", cause=type(error).__name__)
            wrapped.__cause__ = error
            self.emit(events.Error(wrapped))

    def _forget(self, stream: EventStream) -> None:
        self._streams.discard(stream)


class EventStream(AsyncIterator[events.Event]):
    """Events as typed objects, made by `client.events()`: ends with the client.

    At most 1,000 events wait in it; when more come, those are lost, and `EventsLost` follows the ones that waited.
    """

    def __init__(self, forget: Callable[[EventStream], None]) -> None:
        self._forget = forget
        self._events: deque[events.Event] = deque()
        self._lost = 0
        self._ended = False
        self._wake = trio.lowlevel.ParkingLot()

    def __aiter__(self) -> EventStream:
        """Returns itself."""
        return self

    async def __anext__(self) -> events.Event:
        """Waits for the next event."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._events:
            if self._lost:
                lost, self._lost = self._lost, 0
                self.close()
                raise EventsLost(f"{lost} events were lost: at most {MAX_WAITING} wait to be read")
            if self._ended:
                raise StopAsyncIteration
            await self._wake.park()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return self._events.popleft()

    def __enter__(self) -> EventStream:
        """Returns itself; leaving the block closes it."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Closes it."""
        self.close()

    def close(self) -> None:
        """Stops taking events; what waits can still be read."""
        self._forget(self)
        self.end()

    def put(self, event: events.Event) -> None:
        """Takes an event, or counts it as lost. The bus calls this."""
        if self._lost or len(self._events) >= MAX_WAITING:
            self._lost += 1
        else:
            self._events.append(event)
        self._wake.unpark_all()

    def end(self) -> None:
        """Lets the iteration end after what waits. The bus calls this."""
        self._ended = True
        self._wake.unpark_all()


class _Registration:
    """One `on()`."""

    def __init__(self, name: str, handler: Handler) -> None:
        if not callable(handler):
            raise TypeError(f"handler: must be callable, not {type(handler).__name__}")
        self.name = name
        self.handler = handler
        self._arguments = _positional(handler)

    def call(self, event: events.Event) -> object:
        # as in JavaScript, a handler may take fewer arguments than the event has
        return self.handler(*event.payload[: self._arguments])

    def __str__(self) -> str:
        where = getattr(self.handler, "__qualname__", None) or type(self.handler).__qualname__
        return f"handler {where} of {self.name!r}"


class _Waiting:
    """What an asynchronous handler still has to do."""

    def __init__(self, registration: _Registration, awaitable: Awaitable[object]) -> None:
        self.registration = registration
        self.awaitable = awaitable

    def discard(self) -> None:
        if inspect.iscoroutine(self.awaitable):
            self.awaitable.close()


def _name(event: str | type[events.Event]) -> str:
    if not isinstance(event, str) and not (isinstance(event, type) and issubclass(event, events.Event)):
        raise TypeError(f"event: must be a name or a class of c2c.events, not {type(event).__name__}")
    name = event if isinstance(event, str) else event.name
    if name not in events.NAMES:
        raise ValueError(f"event: {event!r} is none of {', '.join(events.NAMES)}")
    return name


def _positional(handler: Handler) -> int | None:
    """How many positional arguments `handler` takes at most; `None` for any number, or when that cannot be told."""
    try:
        parameters = inspect.signature(handler).parameters.values()
    except (TypeError, ValueError):
        return None
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        return None
    kinds = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD}
    return sum(parameter.kind in kinds for parameter in parameters)
