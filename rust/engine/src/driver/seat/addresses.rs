//! What becomes of a client when the machine's addresses change.
use std::net::IpAddr;
use std::time::Instant;

use c2c_proto::io::{CallId, Transmit, TransportInput, UdpInput};

use super::{Floor, Seat};
use crate::agent::Agent;
use crate::local_network::{LocalNetwork, usable};
use crate::websocket::WebSocketEnd;

impl<A: Agent + 'static> Seat<A> {
    /// The server of a client's connection, or of its last one.
    pub(crate) fn server(&self) -> Option<IpAddr> {
        self.ends.map(|(_, remote)| remote.ip())
    }

    /// Ends a connection whose own address is gone, and tells the agent of addresses that are news.
    pub(crate) fn look(&mut self, floor: &mut Floor<A>, is_news: bool, now: Instant) {
        let (Some((local, remote)), Some(seen)) = (self.ends, floor.watch.seen().cloned()) else {
            return;
        };
        let is_lost = self.line.is_up() && !seen.has(local.ip());
        if is_lost {
            let reason = format!("this machine's address {} is gone", local.ip());
            self.lost(floor, WebSocketEnd { code: None, reason }, now);
        }
        if is_lost || is_news {
            let LocalNetwork { addresses, .. } = &seen;
            let input = TransportInput::Addresses {
                route: seen.route(remote.ip()),
                interfaces: usable(addresses, remote, self.sockets),
            };
            self.agent.handle_transport(input, now);
        }
    }

    /// Sends a call's datagram; a way that is gone is a reason to look at the addresses.
    pub(super) fn transmit(&mut self, floor: &mut Floor<A>, id: CallId, transmit: &Transmit, now: Instant) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.send(transmit, &floor.counts) || !call.reports(transmit, now) {
            return;
        }
        floor.watch.ask();
        let Transmit { local, remote, .. } = *transmit;
        self.agent.handle_udp(id, UdpInput::Unsendable { local, remote }, now);
    }
}
