//! What a call has on the driver: sockets, rings, a place among the ticks.
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use c2c_proto::io::{CallId, Transmit, UdpInput};
use mio::{Interest, Token};

use super::Counts;
use super::call_streams::CallStreams;
use super::sources::{Source, Sources};
use crate::call_rings::CallRings;
use crate::mailbox::AgentId;
use crate::socket_options::SocketOptions;
use crate::udp::{Received, UdpEndpoint};

/// How often it is told that the same way is gone.
const REPORT_PERIOD: Duration = Duration::from_millis(500);

/// One of its sockets.
#[derive(Debug)]
struct CallSocket {
    endpoint: UdpEndpoint,
    token: Token,
    /// Its place among all that the call ever bound.
    number: usize,
}

/// A call of an agent.
#[derive(Debug, Default)]
pub(crate) struct Call {
    sockets: Vec<CallSocket>,
    bound: usize,
    /// The way of which was told last that it is gone.
    told: Option<((SocketAddr, SocketAddr), Instant)>,
    pub(crate) streams: CallStreams,
    pub(crate) rings: CallRings,
    pub(crate) ticking: bool,
}

impl Call {
    /// Binds one socket per address; those that cannot be had are left out.
    pub(crate) fn bind(
        &mut self,
        sources: &mut Sources,
        agent: AgentId,
        call: CallId,
        addresses: &[IpAddr],
        options: SocketOptions,
    ) -> UdpInput {
        let (mut bound, mut refusals) = (Vec::new(), Vec::new());
        for address in addresses {
            match self.bind_one(sources, agent, call, (*address, options)) {
                Ok(local) => bound.push(local),
                Err(cause) => refusals.push(cause),
            }
        }
        if bound.is_empty() {
            refusals.dedup();
            return UdpInput::Failed(refusals.join("; "));
        }
        UdpInput::Bound(bound)
    }

    fn bind_one(
        &mut self,
        sources: &mut Sources,
        agent: AgentId,
        call: CallId,
        (address, options): (IpAddr, SocketOptions),
    ) -> Result<SocketAddr, String> {
        let mut endpoint = UdpEndpoint::bind(address, options)?;
        let number = self.bound;
        let source = Source::Udp(agent, call, number);
        let token = sources.add(source, &mut endpoint, Interest::READABLE);
        let token = token.map_err(|error| format!("watching a UDP socket: {error}"))?;
        let local = endpoint.local();
        self.bound += 1;
        self.sockets.push(CallSocket {
            endpoint,
            token,
            number,
        });
        Ok(local)
    }

    /// Receives one datagram from the n-th socket: its length, and both its ends.
    pub(crate) fn receive(&self, index: usize, buffer: &mut [u8]) -> Option<(SocketAddr, Received)> {
        let socket = self.sockets.iter().find(|socket| socket.number == index)?;
        Some((socket.endpoint.local(), socket.endpoint.receive(buffer)))
    }

    /// Sends a datagram from the socket it names; what the system refuses is counted. `false` when address or way is gone.
    pub(crate) fn send(&self, transmit: &Transmit, counts: &Counts) -> bool {
        let mut sockets = self.sockets.iter().map(|socket| &socket.endpoint);
        let endpoint = sockets.find(|end| end.local() == transmit.local);
        let sent = endpoint.map(|endpoint| endpoint.send(&transmit.payload, transmit.remote));
        if !matches!(sent, Some(Ok(()))) {
            counts.udp_errors.fetch_add(1, Ordering::Relaxed);
        }
        !matches!(sent, Some(Err(error)) if is_way_gone(&error))
    }

    /// Whether it is to be told that a datagram could not be sent: now and then while it is the same one.
    pub(crate) fn reports(&mut self, transmit: &Transmit, now: Instant) -> bool {
        let way = (transmit.local, transmit.remote);
        let is_told = self
            .told
            .is_some_and(|(told, at)| told == way && now.saturating_duration_since(at) < REPORT_PERIOD);
        if !is_told {
            self.told = Some((way, now));
        }
        !is_told
    }

    /// Closes the sockets with these addresses.
    pub(crate) fn close(&mut self, sources: &mut Sources, addresses: &[SocketAddr]) {
        let is_closed = |socket: &mut CallSocket| addresses.contains(&socket.endpoint.local());
        for mut socket in self.sockets.extract_if(.., is_closed) {
            sources.remove(socket.token, &mut socket.endpoint);
        }
    }

    /// Closes sockets and connections.
    pub(crate) fn release(&mut self, sources: &mut Sources) {
        for mut socket in self.sockets.drain(..) {
            sources.remove(socket.token, &mut socket.endpoint);
        }
        self.streams.release(sources);
    }
}

/// Whether an error of a send means that its address or way is gone. Linux says "invalid argument" for an address that was
/// taken from the machine.
fn is_way_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NetworkUnreachable
            | io::ErrorKind::NetworkDown
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::InvalidInput
    )
}
