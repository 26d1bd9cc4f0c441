"""A network namespace without a process in it: its devices, addresses and routes."""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import struct
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_OWN_NAMESPACE = "/proc/thread-self/ns/net"
_TUN_DEVICE = "/dev/net/tun"
# linux/if_tun.h
_TUNSETIFF = 0x400454CA
_IFF_TUN = 0x0001
_IFF_NO_PI = 0x1000
_LOCAL_WITHIN = 500


class Namespace:
    """Lives as long as this object is open or a process or socket is inside.

    All methods raise OSError when the kernel says no (they need CAP_NET_ADMIN and CAP_SYS_ADMIN, which a user
    namespace gives), and RuntimeError with the words of `ip` when that refuses.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def new(cls) -> Self:
        """Makes a namespace with nothing but loopback, which is up."""
        with _back_afterwards():
            _checked(_LIBC.unshare(_CLONE_NEWNET), "unshare")
            made = cls(os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC))
        made.ip("link", "set", "lo", "up")
        return made

    @classmethod
    def of_descriptor(cls, process: int, descriptor: int) -> Self:
        """Opens the one that another process holds."""
        return cls(os.open(f"/proc/{process}/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC))

    def close(self) -> None:
        """Lets go of it."""
        os.close(self.descriptor)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Puts this thread inside: sockets, threads and processes that it makes meanwhile are and stay there."""
        with _back_afterwards():
            _checked(_LIBC.setns(self.descriptor, _CLONE_NEWNET), "setns")
            yield

    def command(self, *arguments: str) -> list[str]:
        """Returns the command that runs another one inside, while this process holds the namespace."""
        return ["nsenter", f"--net=/proc/{os.getpid()}/fd/{self.descriptor}", *arguments]

    def ip(self, *arguments: str) -> str:
        """Runs `ip` inside and returns what it writes."""
        with self.entered():
            done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True, timeout=10)
        if done.returncode != 0:
            raise RuntimeError(f"ip {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def new_tun(self, device: str, mtu: int) -> int:
        """Makes a TUN device, up and without addresses; it goes when the returned descriptor is closed."""
        with self.entered():
            descriptor = os.open(_TUN_DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
            request = struct.pack("16sH22x", device.encode(), _IFF_TUN | _IFF_NO_PI)
            fcntl.ioctl(descriptor, _TUNSETIFF, request)
        # No link-local address: nothing is said on the line but what tests say.
        self.ip("link", "set", "dev", device, "addrgenmode", "none")
        self.ip("link", "set", "dev", device, "mtu", str(mtu), "up")
        return descriptor

    def add_address(self, address: str, device: str) -> None:
        """Adds an address with its prefix length, and so the route to that network; at once usable with IPv6 too."""
        self.ip("address", "add", address, "dev", device, *(["nodad"] if ":" in address else []))
        if ":" in address:
            self._wait_until_local(address.partition("/")[0])

    def remove_address(self, address: str, device: str) -> None:
        """Removes an address and the routes that it brought."""
        self.ip("address", "delete", address, "dev", device)

    def move_address(self, address: str, source: str, destination: str) -> None:
        """Takes an address from one device to another of the same namespace."""
        self.remove_address(address, source)
        self.add_address(address, destination)

    def addresses(self, device: str) -> list[str]:
        """Returns the addresses of a device, each with its prefix length."""
        (shown,) = json.loads(self.ip("-json", "address", "show", "dev", device))
        return [f"{one['local']}/{one['prefixlen']}" for one in shown["addr_info"]]

    def set_route(self, destination: str, device: str) -> None:
        """Sends what goes to a network, or to `default`, through this device from now on."""
        family = "-6" if ":" in destination else "-4"
        self.ip(family, "route", "replace", destination, "dev", device)

    def set_device(self, device: str, *, up: bool) -> None:
        """Sets a device up or down; down, its routes go, and its IPv6 addresses, and come not back by themselves."""
        self.ip("link", "set", "dev", device, "up" if up else "down")

    def _wait_until_local(self, address: str) -> None:
        """An IPv6 address is listed before the kernel's worker has made packets to it arrive."""
        for _ in range(_LOCAL_WITHIN):
            if self.ip("-6", "route", "show", "table", "local", "type", "local", address):
                return
            time.sleep(0.01)
        raise RuntimeError(f"the kernel does not take {address} into use")


@contextmanager
def _back_afterwards() -> Iterator[None]:
    before = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        _checked(_LIBC.setns(before, _CLONE_NEWNET), "setns")
        os.close(before)


def _checked(result: int, name: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")
