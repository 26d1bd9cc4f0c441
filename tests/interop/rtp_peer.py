"""A plain RTP endpoint of PCMU: the sound of the far side behind the gateway."""

from __future__ import annotations

import os
import socket
import struct
import threading
import time
from collections import deque

from .identity import PLAIN_RTP_PORT
from .peer import PeerError
from .tone import SILENCE, Tone, measure, sine, wait_for_tone

_RATE = 8000
_FRAME = 160
_PCMU = 0
_RTP_HEADER = struct.Struct("!BBHII")


class RtpPeer:
    """Sends a PCMU sine to whoever sends RTP to it, and hears what comes (RFC 3550, RFC 3551)."""

    def __init__(self, hz: float = 620.0, amplitude: float = 0.25) -> None:
        self.hz = hz
        self.amplitude = amplitude
        self.packets_received = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.settimeout(0.2)
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
        return measure([_DECODED[byte] for payload in payloads for byte in payload], _RATE)

    def wait_for_tone(self, hz: float, seconds: float = 30.0) -> Tone:
        """Returns the tone once it is clearly heard; raises PeerError with what was heard instead."""
        try:
            return wait_for_tone(self.heard, hz, seconds, window=0.6)
        except PeerError as error:
            raise PeerError(f"{error} at the RTP peer: {self.packets_received} packets") from None

    def reset(self) -> None:
        """Forgets the call before."""
        self._address = None
        self._heard.clear()
        self.packets_received = 0

    def _receive(self) -> None:
        while not self._stopping.is_set():
            try:
                packet, address = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            if len(packet) > _RTP_HEADER.size and packet[1] & 0x7F == _PCMU:
                self._address = address
                self.packets_received += 1
                self._heard.append(_payload(packet))

    def _send(self) -> None:
        ssrc = int.from_bytes(os.urandom(4), "big")
        sound = [_ENCODED[sample >> 2] for sample in sine(self.hz, self.amplitude, _RATE, 1.0)]
        start = time.monotonic()
        number = 0
        while not self._stopping.wait(max(0.0, start + number * 0.02 - time.monotonic())):
            if self._address is not None:
                at = number * _FRAME % _RATE
                header = _RTP_HEADER.pack(0x80, _PCMU, number & 0xFFFF, number * _FRAME, ssrc)
                self._socket.sendto(header + bytes(sound[at : at + _FRAME]), self._address)
            number += 1


def _payload(packet: bytes) -> bytes:
    """What follows the fixed header and the contributing sources; rtpengine sends no extension."""
    return packet[_RTP_HEADER.size + 4 * (packet[0] & 0x0F) :]


def _decode(code: int) -> int:
    """G.711 mu-law, one byte to a signed 16-bit sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _encode(sample: int) -> int:
    """G.711 mu-law, a signed 16-bit sample to one byte."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


_DECODED = [_decode(code) for code in range(256)]
_ENCODED = {sample >> 2: _encode(sample) for sample in range(-32768, 32768, 4)}
