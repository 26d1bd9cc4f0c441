"""The options of a client."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal, cast

from c2c._endpoint_url import redacted
from c2c._errors import ConfigError
from c2c._ice_servers import PcConfig, PeerConnectionConfig, checked_pc_config
from c2c._route import parse_proxy, version_of
from c2c._secret import HoldsSecrets
from c2c._tls import TLSConfig
from c2c._user_id import check_user_id, warn_of_personal_data

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, kw_only=True)
class WebRTCClientConfig(HoldsSecrets):
    """All options of a client, with the SDK's defaults; times in seconds.

    Raises `ConfigError` for a missing endpoint URL, `TypeError` or `ValueError` that name the option for the rest.
    """

    endpoint_url: str
    user_id: str | None = None
    capture_audio: bool = False
    pc_config: PcConfig | None = None
    tls: TLSConfig | None = None
    on_handler_error: Literal["event", "raise"] = "event"
    config_timeout: float = 10.0
    connect_timeout: float = 15.0
    register_expires: int = 600
    session_expires: int = 90
    local_address: str | None = None
    proxy: str | None = field(default=None, repr=False)
    allowed_hosts: Sequence[str] | None = None
    block_private_addresses: bool = False
    call_setup_timeout: float | None = None
    disconnect_after_call: bool = False
    ip_version: Literal[4, 6] | None = None
    port_range: tuple[int, int] | None = None
    reconnect_limit: float = 60.0
    keep_alive: float = 7.0
    keep_alive_kind: Literal["ping", "crlf"] = "ping"
    end_on_info_rejected: bool = False
    end_on_info_timeout: bool = False
    accept_incoming: bool = False
    refuse_md5: bool = False

    def __post_init__(self) -> None:
        """Checks all that can be checked without the network."""
        if not self.endpoint_url:
            raise ConfigError("endpointUrl is required")
        for option in ("endpoint_url", "user_id", "local_address", "proxy"):
            _check_type(option, getattr(self, option), str, optional=option != "endpoint_url")
        _check_type("tls", self.tls, TLSConfig, optional=True)
        for option in _SWITCHES:
            _check_type(option, getattr(self, option), bool)
        if self.on_handler_error not in {"event", "raise"}:
            raise ValueError("on_handler_error: must be 'event' or 'raise'")
        for option in ("config_timeout", "connect_timeout"):
            _check_positive(option, getattr(self, option), float)
        if self.call_setup_timeout is not None:
            _check_positive("call_setup_timeout", self.call_setup_timeout, float)
        for option in ("reconnect_limit", "keep_alive"):
            _check_positive(option, getattr(self, option), float, or_zero=True)
        if self.keep_alive_kind not in {"ping", "crlf"}:
            raise ValueError("keep_alive_kind: must be 'ping' or 'crlf'")
        for option in ("register_expires", "session_expires"):
            _check_positive(option, getattr(self, option), int)
        _check_ip_version(self.ip_version)
        _check_address(self.local_address, self.ip_version)
        _check_port_range(self.port_range)
        parse_proxy(self.proxy or "", "proxy")
        object.__setattr__(self, "allowed_hosts", _hosts(self.allowed_hosts))
        if self.user_id is not None:
            check_user_id(self.user_id, may_be_empty=True)
            warn_of_personal_data(self.user_id, stacklevel=4)
        object.__setattr__(self, "pc_config", checked_pc_config(self.pc_config))

    @property
    def peer_connection(self) -> PeerConnectionConfig | None:
        """`pc_config` in our words, whichever spelling it came in."""
        return cast("PeerConnectionConfig | None", self.pc_config)

    def __repr__(self) -> str:
        """Shows neither the endpoint's token nor the user."""
        hidden = {"endpoint_url": redacted(self.endpoint_url), "user_id": self.user_id and "***"}
        hidden["proxy"] = self.proxy and "***"
        values = {item.name: hidden.get(item.name, getattr(self, item.name)) for item in fields(self)}
        return f"WebRTCClientConfig({', '.join(f'{name}={value!r}' for name, value in values.items())})"


def _check_type(option: str, value: object, kind: type, *, optional: bool = False) -> None:
    if not (isinstance(value, kind) or (optional and value is None)):
        raise TypeError(
            f"{option}: must be {kind.__name__}{' or None' if optional else ''}, not {type(value).__name__}"
        )


def _check_positive(option: str, value: object, kind: type[float], *, or_zero: bool = False) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, kind)):
        raise TypeError(f"{option}: must be {kind.__name__}, not {type(value).__name__}")
    if not (0 < value <= 86_400 or (or_zero and value == 0)):
        lowest = "0 or more" if or_zero else "more than 0"
        raise ValueError(f"{option}: must be {lowest} and at most 86400 seconds")


def _check_ip_version(version: object) -> None:
    if version is not None and type(version) is not int:
        raise TypeError(f"ip_version: must be 4, 6 or None, not {type(version).__name__}")
    if version not in {None, 4, 6}:
        raise ValueError(f"ip_version: must be 4, 6 or None, not {version}")


def _check_address(address: str | None, ip_version: int | None) -> None:
    if address is None:
        return
    try:
        version = version_of(address)
    except ValueError:
        raise ValueError(f"local_address: {address!r} is no IP address") from None
    if ip_version not in {None, version}:
        raise ValueError(f"local_address: {address} is no IPv{ip_version} address, as ip_version={ip_version} wants it")


def _check_port_range(ports: object) -> None:
    if ports is None:
        return
    if not isinstance(ports, tuple) or len(ports) != 2 or not all(type(port) is int for port in ports):
        raise TypeError("port_range: must be (low, high), two ports, or None")
    low, high = ports
    if not 0 < low <= high <= 65_535:
        raise ValueError(f"port_range: must be two ports from 1 to 65535, the lower one first, not {low} and {high}")


def _hosts(hosts: object) -> tuple[str, ...] | None:
    if hosts is None:
        return None
    if not isinstance(hosts, (list, tuple, set, frozenset)) or not all(isinstance(host, str) for host in hosts):
        raise TypeError("allowed_hosts: must be a list of host names or None")
    if not all(hosts):
        raise ValueError("allowed_hosts: a host name must not be empty")
    return tuple(hosts)


_SWITCHES = (
    "capture_audio",
    "block_private_addresses",
    "disconnect_after_call",
    "end_on_info_rejected",
    "end_on_info_timeout",
    "accept_incoming",
    "refuse_md5",
)
