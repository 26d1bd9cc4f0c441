"""What passes a network namespace, with the kernel's time: what a caller does as the network sees it, whoever it is."""

from __future__ import annotations

import socket
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interop.impairer import Namespace

LARGE = 400
"""Bytes of TCP payload; INVITE and the answer to it have more, a ping, an ACK or a TLS ticket fewer."""
ETH_P_ALL = 3
PACKET_OUTGOING = 4
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
ROOM = 16 << 20


@dataclass(frozen=True)
class Packet:
    """One IPv4 packet; `at` in seconds of CLOCK_REALTIME, as `now()`: the kernel stamps packets by no other clock."""

    at: float
    is_outgoing: bool
    data: bytes

    @property
    def payload(self) -> bytes:
        """What is in TCP or UDP."""
        start = self._header
        start += (self.data[start + 12] >> 4) * 4 if self._kind == socket.IPPROTO_TCP else 8
        return self.data[start : int.from_bytes(self.data[2:4], "big")]

    def is_large_tcp(self, port: int) -> bool:
        """Whether it is a message to (or from) this port of the far side, and no acknowledgement or ping."""
        if self._kind != socket.IPPROTO_TCP:
            return False
        ports = self.data[self._header : self._header + 4]
        far = ports[2:] if self.is_outgoing else ports[:2]
        return int.from_bytes(far, "big") == port and len(self.payload) >= LARGE

    @property
    def is_rtp(self) -> bool:
        """RTP in UDP; RTCP has packet types of 64 and more once the marker bit is off (RFC 5761 §4)."""
        if self._kind != socket.IPPROTO_UDP:
            return False
        payload = self.payload
        return payload[:1] == b"\x80" and len(payload) > 1 and not 64 <= payload[1] & 0x7F < 96

    def touches(self, address: str) -> bool:
        """Whether it comes from or goes to this address."""
        return socket.inet_aton(address) in (self.data[12:16], self.data[16:20])

    @property
    def _header(self) -> int:
        return (self.data[0] & 15) * 4

    @property
    def _kind(self) -> int:
        return self.data[9]


class Packets:
    """Notes the packets of a namespace, or of the own one.

    To be opened some time ahead: the kernel begins to stamp packets a little later, those before when they are read.
    """

    def __init__(self, namespace: Namespace | None = None) -> None:
        if namespace is None:
            self._socket = _packet_socket()
        else:
            with namespace.entered():
                self._socket = _packet_socket()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def read(self, patience: float = 0.0) -> Iterator[Packet]:
        """Gives what was noted and what comes until nothing does for `patience` seconds."""
        self._socket.settimeout(patience)
        while True:
            try:
                data, notes, _, address = self._socket.recvmsg(65_536, 64)
            except (BlockingIOError, TimeoutError):
                return
            if data[:1] and data[0] >> 4 == 4:
                yield Packet(_stamp(notes), address[2] == PACKET_OUTGOING, data)


@dataclass(frozen=True)
class OnTheWire:
    """When a call's INVITE left, when its answer was there and when its first packet of sound left."""

    invite: float
    answer: float
    sound: float

    @classmethod
    def of(cls, packets: Packets, port: int, start: float) -> OnTheWire:
        """Finds them behind `start`; messages are encrypted, so the answer is the last one in before the sound."""
        seen = [packet for packet in packets.read() if packet.at >= start]
        invite = next(packet.at for packet in seen if packet.is_outgoing and packet.is_large_tcp(port))
        sound = next(packet.at for packet in seen if packet.is_outgoing and packet.is_rtp)
        heard = [packet.at for packet in seen if not packet.is_outgoing and packet.is_large_tcp(port)]
        return cls(invite, max(at for at in heard if at < sound), sound)


def now() -> float:
    """The time of `Packet.at`."""
    return time.time_ns() / 1e9


def _packet_socket() -> socket.socket:
    made = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
    made.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
    made.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    return made


def _stamp(notes: list[tuple[int, int, bytes]]) -> float:
    ((_, _, stamp),) = [note for note in notes if note[1] == SO_TIMESTAMPNS]
    seconds, nanoseconds = struct.unpack("qq", stamp)
    return int(seconds) + int(nanoseconds) / 1e9
