"""The gateway of a soak, a process: says where it is in one JSON line, then drops WebSockets on demand."""

from __future__ import annotations

import json
import sys
from contextlib import aclosing
from typing import cast

import trio

from c2c import gateway


async def main() -> None:
    settings = gateway.GatewaySettings(hearing_seconds=0.1, register_expires=3600)
    agent = gateway.Agent(gateway.Answer(), gateway.Listen(60))
    async with gateway.serve(agent, settings=settings) as far_side:
        assert far_side.tls is not None
        authority = cast("bytes", far_side.tls.ca_pem).decode()
        print(json.dumps({"endpoint_url": far_side.endpoint_url, "ca_pem": authority}), flush=True)
        async with aclosing(trio.lowlevel.FdStream(sys.stdin.fileno())) as commands:
            async for data in commands:
                for _ in data.splitlines():
                    far_side.drop_websockets()
                far_side.calls.clear()


if __name__ == "__main__":
    trio.run(main)
