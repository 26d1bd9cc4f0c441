"""A plain RTP endpoint of G.711: the sound of the far side behind the gateway, and the tones it hears."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections import deque

from .g711 import DECODED, PAYLOAD_TYPES, encode
from .identity import PLAIN_RTP_PORT
from .peer import PeerError
from .tone import SILENCE, Tone, measure, sine, wait_for_tone

_RATE = 8000
_FRAME = 160
_EVENTS = "0123456789*#ABCD"
_EVENT_TYPE = 126
_RTP_HEADER = struct.Struct("!BBHII")


class RtpPeer:
    """Sends a sine to whoever sends RTP to it, and hears what comes (RFC 3550, RFC 3551, RFC 4733)."""

    def __init__(self, hz: float = 620.0, amplitude: float = 0.25) -> None:
        self.hz = hz
        self.amplitude = amplitude
        self.packets_received = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.2)
        self._codec = "PCMU"
        self._sound = self._encoded()
        # duration and number of packets of each telephone-event, by its timestamp
        self._events: dict[int, tuple[str, int, int]] = {}
        # digit and number of each packet of the tones to send, and None for sound between them
        self._tones: deque[tuple[str, int] | None] = deque()
        self._heard: deque[bytes] = deque(maxlen=50)
        self._address: tuple[str, int] | None = None
        self._stopping = threading.Event()
        self._threads = [threading.Thread(target=work) for work in (self._receive, self._send)]

    def __enter__(self) -> RtpPeer:
        self._socket.bind(("127.0.0.1", PLAIN_RTP_PORT))
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        self._socket.close()

    def heard(self) -> Tone:
        """The tone of the last half second received."""
        payloads = list(self._heard)[-26:]
        if len(payloads) < 26:
            return SILENCE
        return measure([DECODED[self._codec][byte] for payload in payloads for byte in payload], _RATE)

    def wait_for_tone(self, hz: float, seconds: float = 30.0) -> Tone:
        """Returns the tone once it is clearly heard; raises PeerError with what was heard instead."""
        try:
            return wait_for_tone(self.heard, hz, seconds, window=0.6)
        except PeerError as error:
            raise PeerError(f"{error} at the RTP peer: {self.packets_received} packets") from None

    def tones(self) -> list[tuple[str, int, int]]:
        """Each telephone-event heard: its digit, its duration in ticks, how many packets told it."""
        return list(self._events.values())

    def send_tones(self, digits: str) -> None:
        """Sends telephone-events of 100 ms (payload type 126, 8000 Hz), each followed by 100 ms of sound."""
        for digit in digits:
            self._tones.extend((digit, packet) for packet in range(7))
            self._tones.extend([None] * 5)

    def forget_sound(self) -> None:
        """What is heard from now on counts."""
        self._heard.clear()

    def reset(self, codec: str = "PCMU") -> None:
        """Forgets the call before; speaks and hears this codec from now on."""
        self._address = None
        self._codec = codec
        self._sound = self._encoded()
        self._heard.clear()
        self._tones.clear()
        self._events.clear()
        self.packets_received = 0

    def _encoded(self) -> bytes:
        return encode(self._codec, sine(self.hz, self.amplitude, _RATE, 1.0))

    def _receive(self) -> None:
        while not self._stopping.is_set():
            try:
                packet, address = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            if len(packet) <= _RTP_HEADER.size:
                continue
            payload_type = packet[1] & 0x7F
            if payload_type == PAYLOAD_TYPES[self._codec]:
                self._address = address
                self.packets_received += 1
                self._heard.append(_payload(packet))
            elif payload_type >= 96 and len(_payload(packet)) == 4:
                self._hear_event(packet)

    def _hear_event(self, packet: bytes) -> None:
        timestamp = _RTP_HEADER.unpack_from(packet)[3]
        code, _, duration = struct.unpack("!BBH", _payload(packet))
        _, longest, count = self._events.get(timestamp, ("", 0, 0))
        self._events[timestamp] = (_EVENTS[code], max(longest, duration), count + 1)

    def _send(self) -> None:
        ssrc = int.from_bytes(os.urandom(4), "big")
        start = time.monotonic()
        number = 0
        while not self._stopping.wait(max(0.0, start + number * 0.02 - time.monotonic())):
            if self._address is not None:
                self._socket.sendto(self._packet(number, ssrc), self._address)
            number += 1

    def _packet(self, number: int, ssrc: int) -> bytes:
        if self._tones and (tone := self._tones.popleft()):
            digit, packet = tone
            end = 0x80 if packet >= 4 else 0
            event = struct.pack("!BBH", _EVENTS.index(digit), end | 10, _FRAME * min(packet + 1, 5))
            marker = 0x80 if packet == 0 else 0
            timestamp = (number - packet) * _FRAME
            return _RTP_HEADER.pack(0x80, marker | _EVENT_TYPE, number & 0xFFFF, timestamp, ssrc) + event
        at = number * _FRAME % _RATE
        header = _RTP_HEADER.pack(0x80, PAYLOAD_TYPES[self._codec], number & 0xFFFF, number * _FRAME, ssrc)
        return header + self._sound[at : at + _FRAME]


def _payload(packet: bytes) -> bytes:
    """What follows the fixed header and the contributing sources; rtpengine sends no extension."""
    return packet[_RTP_HEADER.size + 4 * (packet[0] & 0x0F) :]
