"""A near host that gets another address on another link of the impairer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .identity import FAR_ADDRESS

if TYPE_CHECKING:
    from .impairer import Impairer


class Roaming:
    """A near host with one IPv4 address on one of two links, which may change both; the far host keeps its own."""

    def __init__(self, impairer: Impairer) -> None:
        self.impairer = impairer
        self.links = impairer.links

    def settle(self) -> None:
        """At home, on the first link."""
        for namespace in (self.impairer.near, self.impairer.far):
            for link in self.links:
                for address in namespace.addresses(link.name):
                    # what is bound to the far one goes on from test to test
                    if not address.startswith(f"{FAR_ADDRESS}/"):
                        namespace.remove_address(address, link.name)
        self._attach(0)

    def move(self) -> None:
        """The address goes, and another one comes on the other link."""
        self.impairer.near.remove_address(f"{self.links[0].near_address}/32", self.links[0].name)
        self._attach(1)

    def change_device(self) -> None:
        """The address stays, on the other link."""
        address = self.links[0].near_address
        self.impairer.near.move_address(f"{address}/32", self.links[0].name, self.links[1].name)
        self.impairer.near.set_route(f"{FAR_ADDRESS}/32", self.links[1].name)
        self.impairer.far.set_route(f"{address}/32", self.links[1].name)

    def _attach(self, index: int) -> None:
        link = self.links[index]
        self.impairer.near.add_address(f"{link.near_address}/32", link.name)
        self.impairer.near.set_route(f"{FAR_ADDRESS}/32", link.name)
        self.impairer.far.set_route(f"{link.near_address}/32", link.name)
