"""Steps and misbehaviours of the gateway by name: `ring=0.5`, `reject=486 Busy Here`, `config-value=PATH=JSON`."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import typer

import c2c.gateway
from c2c import ClipError
from c2c._clip import read_clip
from c2c.gateway import Misbehaviour, Step, tone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from c2c import Clip

Kinds: TypeAlias = "Mapping[str, type[Any]]"

SPEECH = Path(c2c.gateway.__file__).with_name("speech")


def named_step(text: str) -> Step:
    """Returns the step that `NAME` or `NAME=VALUE` means; `typer.BadParameter` says what is possible instead."""
    step: Step = _named(STEPS, text, "--step")
    return step


def named_misbehaviour(text: str) -> Misbehaviour:
    """Returns the misbehaviour that `NAME` or `NAME=VALUE` means; `typer.BadParameter` as above."""
    misbehaviour: Misbehaviour = _named(MISBEHAVIOURS, text, "--misbehave")
    return misbehaviour


def usage(kinds: Kinds) -> str:
    """Returns the names with what may follow them."""
    return ", ".join(f"{name}{_placeholder(kind)}" for name, kind in kinds.items())


def sound(text: str) -> Clip:
    """Returns a sound: `hello` or `greeting`, which come with the library, a sine `tone:HZ[:SECONDS]`, a WAV file."""
    if text.startswith("tone:"):
        hz, _, seconds = text.removeprefix("tone:").partition(":")
        return tone(float(hz), float(seconds or 1))
    spoken = SPEECH / f"{text}.wav"
    return read_clip(spoken if text in {"hello", "greeting"} else Path(text))


def _named(kinds: Kinds, text: str, option: str) -> Any:  # noqa: ANN401
    name, is_given, value = text.partition("=")
    if name not in kinds:
        raise typer.BadParameter(f"{name!r} is none of {', '.join(kinds)}", param_hint=option)
    try:
        made = kinds[name](*_arguments(kinds[name], value if is_given else None))
        made.to_border()
    except (TypeError, ValueError, OSError, ClipError) as error:
        raise typer.BadParameter(f"{text!r}: {error}", param_hint=option) from None
    return made


def _arguments(kind: type, value: str | None) -> list[Any]:
    fields = dataclasses.fields(kind)
    if value is None:
        return []
    if not fields:
        raise ValueError("takes no value")
    texts = [value]
    if len(fields) > 1:
        texts = value.split(_separator(fields), 1)
    return [_READ.get(str(field.type), str)(text) for field, text in zip(fields, texts, strict=False)]


def _separator(fields: tuple[dataclasses.Field[Any], ...]) -> str | None:
    """What ends the first value: words follow a number, JSON follows a path; a text goes on to its end."""
    if fields[0].type in {"int", "int | None", "float"}:
        return None
    return "=" if fields[1].type == "object" else "\0"


def _placeholder(kind: type) -> str:
    fields = dataclasses.fields(kind)
    if not fields:
        return ""
    required = [field for field in fields if field.default is dataclasses.MISSING]
    shown = "=".join(field.name.upper() for field in (required or fields[:1]))
    return f"={shown}" if required else f"[={shown}]"


def _kebab(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", name.replace("WebSocket", "Websocket")).lower()


def _object(text: str) -> Mapping[str, object]:
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    return value


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


_READ: dict[str, Callable[[str], object]] = {
    "int": int,
    "int | None": int,
    "float": float,
    "float | None": float,
    "bytes": str.encode,
    "object": _value,
    "Mapping[str, object]": _object,
    "Sound": sound,
    "Sound | None": sound,
}


def _kinds(base: type) -> dict[str, type[Any]]:
    """All that the gateway exports of this base, by name: `ConfigStatus` is `config-status`."""
    exported = (getattr(c2c.gateway, name) for name in c2c.gateway.__all__)
    kinds = [kind for kind in exported if isinstance(kind, type) and issubclass(kind, base)]
    return {_kebab(kind.__name__): kind for kind in kinds if dataclasses.is_dataclass(kind)}


STEPS = _kinds(Step)
MISBEHAVIOURS = _kinds(Misbehaviour)
