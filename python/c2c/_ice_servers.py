"""STUN and TURN servers: the browser's `RTCConfiguration`, as far as a voice call needs it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

if TYPE_CHECKING:
    from c2c._c2c import IceSettings

POLICIES = ("all", "relay")
# what the browser's RTCConfiguration has and changes nothing here: one audio line, rtcp-mux, gathering at the call
WITHOUT_EFFECT = frozenset({"bundlePolicy", "certificates", "iceCandidatePoolSize", "peerIdentity", "rtcpMuxPolicy"})
PC_CONFIG = "pc_config"


@dataclass(frozen=True, kw_only=True)
class IceServer:
    """A STUN or TURN server, or several with one credential; `urls` is one URL or many (RFC 7064, RFC 7065).

    Neither username nor credential is shown. Raises `TypeError` that names the field.
    """

    urls: str | Sequence[str]
    username: str | None = field(default=None, repr=False)
    credential: str | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Checks the types, and makes `urls` a tuple."""
        urls = (self.urls,) if isinstance(self.urls, str) else self.urls
        if not isinstance(urls, (list, tuple)) or not all(isinstance(url, str) for url in urls):
            raise TypeError("urls: must be a string or a list of strings")
        object.__setattr__(self, "urls", tuple(urls))
        for name in ("username", "credential"):
            if not isinstance(getattr(self, name), (str, type(None))):
                raise TypeError(f"{name}: must be str or None, not {type(getattr(self, name)).__name__}")


@dataclass(frozen=True, kw_only=True)
class PeerConnectionConfig:
    """Servers that each call asks, and whether only relayed addresses may be used. Raises `TypeError`, `ValueError`."""

    ice_servers: Sequence[IceServer] = ()
    ice_transport_policy: Literal["all", "relay"] = "all"

    def __post_init__(self) -> None:
        """Checks the types, and makes `ice_servers` a tuple."""
        servers = self.ice_servers
        if not isinstance(servers, (list, tuple)) or not all(isinstance(server, IceServer) for server in servers):
            raise TypeError("ice_servers: must be a list of IceServer")
        object.__setattr__(self, "ice_servers", tuple(servers))
        if self.ice_transport_policy not in POLICIES:
            raise ValueError("ice_transport_policy: must be 'all' or 'relay'")


PcConfig: TypeAlias = PeerConnectionConfig | Mapping[str, Any]


def checked_pc_config(value: object) -> PeerConnectionConfig | None:
    """Returns the configuration in our words; `TypeError` or `ValueError` that names the element if it is wrong."""
    if value is None:
        return None
    if isinstance(value, PeerConnectionConfig):
        config, name = value, _field
    elif isinstance(value, Mapping):
        config, name = _from_browser(value), _member
    else:
        raise TypeError(f"{PC_CONFIG}: must be PeerConnectionConfig or a mapping, not {type(value).__name__}")
    try:
        ice_settings(config)
    except ImportError:
        # the support check says what is missing
        return config
    except ValueError as error:
        element, _, problem = str(error).partition(": ")
        raise ValueError(f"{name(config, element)}: {problem}") from None
    return config


def ice_settings(config: PeerConnectionConfig | None) -> IceSettings | None:
    """Returns what the engine takes; `ValueError` with the element in the browser's spelling if a value is wrong."""
    if config is None:
        return None
    from c2c._c2c import IceSettings

    servers = [(list(server.urls), server.username, server.credential) for server in config.ice_servers]
    return IceSettings(servers=servers, policy=config.ice_transport_policy)


def _from_browser(value: Mapping[str, Any]) -> PeerConnectionConfig:
    _refuse_unknown(value, {"iceServers", "iceTransportPolicy"} | WITHOUT_EFFECT, PC_CONFIG)
    policy = value.get("iceTransportPolicy", "all")
    if policy not in POLICIES:
        raise ValueError(f"{PC_CONFIG}[\"iceTransportPolicy\"]: must be 'all' or 'relay'")
    servers = value.get("iceServers", ())
    if not isinstance(servers, (list, tuple)):
        raise TypeError(f'{PC_CONFIG}["iceServers"]: must be a list, not {type(servers).__name__}')
    named = ((server, f'{PC_CONFIG}["iceServers"][{index}]') for index, server in enumerate(servers))
    return PeerConnectionConfig(ice_servers=[_server(*each) for each in named], ice_transport_policy=policy)


def _server(value: object, name: str) -> IceServer:
    if isinstance(value, IceServer):
        return value
    if not isinstance(value, Mapping):
        raise TypeError(f"{name}: must be a mapping or IceServer, not {type(value).__name__}")
    _refuse_unknown(value, {"urls", "username", "credential", "credentialType"}, name)
    if value.get("credentialType", "password") != "password":
        raise ValueError(f'{name}["credentialType"]: only "password" is supported')
    try:
        return IceServer(urls=value.get("urls", ()), username=value.get("username"), credential=value.get("credential"))
    except TypeError as error:
        element, _, problem = str(error).partition(": ")
        raise TypeError(f'{name}["{element}"]: {problem}') from None


def _refuse_unknown(value: Mapping[str, Any], known: set[str] | frozenset[str], name: str) -> None:
    """A browser would leave a misspelt member out, and the call without its servers."""
    for key in value:
        if key not in known:
            raise ValueError(f'{name}["{key}"]: unknown; it takes {", ".join(sorted(known))}')


def _member(config: PeerConnectionConfig, element: str) -> str:
    """`iceServers[0].urls[1]` becomes `pc_config["iceServers"][0]["urls"][1]`; a single URL has no number."""
    return PC_CONFIG + re.sub(r"\.?([A-Za-z]+)", r'["\1"]', _without_number(config, element))


def _field(config: PeerConnectionConfig, element: str) -> str:
    """`iceServers[0].urls[1]` becomes `pc_config.ice_servers[0].urls[1]`."""
    snake = re.sub(r"[A-Z]", lambda letter: f"_{letter[0].lower()}", _without_number(config, element))
    return f"{PC_CONFIG}.{snake}"


def _without_number(config: PeerConnectionConfig, element: str) -> str:
    match = re.fullmatch(r"(iceServers\[(\d+)\]\.urls)\[0\]", element)
    if match and len(config.ice_servers[int(match[2])].urls) == 1:
        return match[1]
    return element
