//! What every handler of a connection needs: the gateway's settings, randomness, time, and where outputs go.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use c2c_proto::io::{ClockOrigin, Output, RandomSource};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::sip::{LocalHop, Request, Response};

use crate::io::GatewayEvent;
use crate::misbehaviour::Moment;
use crate::settings::GatewaySettings;

/// What all connections of a gateway share.
#[derive(Debug)]
pub struct Shared {
    /// What the gateway was told.
    pub settings: GatewaySettings,
    /// The agent's DTLS certificate.
    pub certificate: Arc<DtlsCertificate>,
    /// `wss` rather than `ws`.
    pub secure: bool,
    /// For wall times in reports.
    pub clock: ClockOrigin,
}

/// One input's surroundings.
pub(crate) struct Context<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) random: &'a mut dyn RandomSource,
    pub(crate) outputs: &'a mut VecDeque<Output<GatewayEvent>>,
    pub(crate) hop: &'a LocalHop,
    pub(crate) local: SocketAddr,
    pub(crate) now: Instant,
}

impl Context<'_> {
    pub(crate) fn settings(&self) -> &GatewaySettings {
        &self.shared.settings
    }

    pub(crate) fn request(&mut self, request: &Request) {
        self.output(Output::Send(request.to_bytes()));
    }

    pub(crate) fn respond(&mut self, response: &Response) {
        self.output(Output::Send(response.to_bytes()));
    }

    pub(crate) fn tell(&mut self, event: GatewayEvent) {
        self.output(Output::Event(event));
    }

    pub(crate) fn output(&mut self, output: Output<GatewayEvent>) {
        self.outputs.push_back(output);
    }

    /// Value of our Contact.
    pub(crate) fn contact(&self) -> String {
        format!("<sip:gateway@{};transport=ws>", self.local)
    }

    /// Drops the WebSocket if that was asked for at this moment.
    pub(crate) fn reach(&mut self, moment: Moment) {
        if self.settings().drops_at(moment) {
            self.output(Output::CloseWebSocket(DROPPED));
        }
    }
}

/// Close code that never goes on the wire (RFC 6455 §7.4.1): the connection is dropped.
pub(crate) const DROPPED: u16 = 1006;
