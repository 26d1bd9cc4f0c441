"""G.711, written again for the tests: tables of a byte's sample and a sample's byte (14 bits of it matter)."""

from __future__ import annotations

PAYLOAD_TYPES = {"PCMU": 0, "PCMA": 8}


def _mu_decode(code: int) -> int:
    """One byte of mu-law to a signed 16-bit sample."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _mu_encode(sample: int) -> int:
    """A signed 16-bit sample to one byte of mu-law."""
    sign = 0x80 if sample < 0 else 0
    magnitude = min(abs(sample), 32635) + 0x84
    exponent = magnitude.bit_length() - 8
    return ~(sign | exponent << 4 | (magnitude >> (exponent + 3)) & 0x0F) & 0xFF


def _a_decode(code: int) -> int:
    """One byte of A-law to a signed 16-bit sample."""
    code ^= 0x55
    exponent, mantissa = (code & 0x70) >> 4, code & 0x0F
    magnitude = (mantissa << 4) + 8 if exponent == 0 else ((mantissa << 4) + 0x108) << (exponent - 1)
    return magnitude if code & 0x80 else -magnitude


def _a_encode(sample: int) -> int:
    """A signed 16-bit sample to one byte of A-law: the nearest there is."""
    wanted = min(max(sample, -32256), 32256)
    return min(_A_SIDES[wanted >= 0], key=lambda code: abs(_a_decode(code) - wanted))


_A_SIDES = {side: [code for code in range(256) if (_a_decode(code) > 0) == side] for side in (False, True)}

DECODED = {
    "PCMU": [_mu_decode(code) for code in range(256)],
    "PCMA": [_a_decode(code) for code in range(256)],
}
_ENCODERS = {"PCMU": _mu_encode, "PCMA": _a_encode}


def encode(codec: str, samples: list[int]) -> bytes:
    """Signed 16-bit samples as bytes of this codec."""
    known: dict[int, int] = {}
    for sample in set(samples):
        known[sample] = _ENCODERS[codec](sample)
    return bytes(known[sample] for sample in samples)
