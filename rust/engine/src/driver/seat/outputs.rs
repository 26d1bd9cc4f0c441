//! What an agent wants done, done.
use std::net::IpAddr;
use std::time::Instant;

use c2c_proto::io::{CallId, Output};

use super::super::Note;
use super::super::prepared::Ready;
use super::{DROPPED, Floor, OUTPUT_LIMIT, Seat};
use crate::agent::Agent;
use crate::connect::{Progress, Request, open_websocket};
use crate::mailbox::Notice;
use crate::route::Route;
use crate::websocket::WebSocketEnd;

impl<A: Agent + 'static> Seat<A> {
    /// Does all that the agent wants done, until it wants no more.
    pub(super) fn perform_all(&mut self, floor: &mut Floor<A>, now: Instant) {
        for _ in 0..OUTPUT_LIMIT {
            let Some(output) = self.agent.poll_output() else { return };
            self.perform(floor, output, now);
        }
        self.failure = Some("internal error: the agent does not come to rest".into());
    }

    fn perform(&mut self, floor: &mut Floor<A>, output: Output<A::Event>, now: Instant) {
        match output {
            Output::OpenWebSocket(uri) => self.open(floor, uri, now),
            Output::Send(message) => {
                if let Err(end) = self.line.send(message) {
                    self.lost(floor, end, now);
                }
            }
            Output::Ping => {
                if let Err(end) = self.line.ping() {
                    self.lost(floor, end, now);
                }
            }
            Output::CloseWebSocket(DROPPED) => {
                let (code, reason) = (None, String::new());
                self.lost(floor, WebSocketEnd { code, reason }, now);
            }
            Output::CloseWebSocket(code) => {
                if let Err(Some(end)) = self.line.close(code, now) {
                    self.lost(floor, end, now);
                }
            }
            Output::BindUdp { call, addresses } => self.bind(floor, call, &addresses, now),
            Output::CloseUdp { call, sockets } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.close(&mut floor.sources, &sockets);
                }
            }
            Output::ListAddresses => floor.watch.ask(),
            Output::Transmit(call, transmit) => self.transmit(floor, call, &transmit, now),
            Output::Network(call, request) => self.ask_network(floor, call, request, now),
            Output::StartTicking(call) => self.start_ticking(floor, call, now),
            Output::StopTicking(call) => self.stop_ticking(floor, call),
            Output::EndAudio(call) => self.end_audio(call),
            Output::Release(call) => self.release(floor, call),
            Output::Event(event) => self.tell(event),
        }
    }

    fn open(&mut self, floor: &mut Floor<A>, uri: String, now: Instant) {
        let Some((limit, route)) = self
            .dialing
            .as_ref()
            .map(|dialing| (dialing.limit, dialing.route.clone()))
        else {
            tracing::error!("an accepted connection's agent cannot open a WebSocket");
            return;
        };
        let (attempt, progress) = match self.prepared.take(&uri, &route) {
            Some(Ready::Opening(attempt, progress)) => (attempt, progress),
            Some(Ready::Open(open)) => {
                self.line.drop_socket(&mut floor.sources);
                return self.take_socket(floor, *open, now);
            }
            None => self.dial(floor, uri, route),
        };
        self.line.open(&mut floor.sources, attempt, (limit, progress), now);
    }

    /// Opens a WebSocket ahead, unless there is one: the agent's next wish for the same server by the same route gets it.
    pub(super) fn prepare(&mut self, floor: &Floor<A>, uri: String, route: Route, now: Instant) {
        self.prepared.discard();
        if self.line.is_wanted() || self.leaving.is_some() || self.dialing.is_none() {
            return;
        }
        let (number, progress) = self.dial(floor, uri.clone(), route.clone());
        self.prepared.start(uri, route, number, progress, now);
    }

    /// Starts an attempt: its number, and where it tells how far it is.
    fn dial(&mut self, floor: &Floor<A>, uri: String, route: Route) -> (u64, Progress) {
        let (attempt, progress) = (self.line.next_attempt(), Progress::default());
        let Some(dialing) = &self.dialing else {
            return (attempt, progress);
        };
        let request = Request {
            uri,
            trust: dialing.tls.clone(),
            route,
            sockets: self.sockets,
            limit: dialing.limit,
            progress: progress.clone(),
        };
        let (inbox, id) = (floor.inbox.clone(), self.id);
        open_websocket(request, &floor.connectors, move |result| {
            inbox.send(Note::Opened(id, attempt, result));
        });
        (attempt, progress)
    }

    fn bind(&mut self, floor: &mut Floor<A>, call: CallId, addresses: &[IpAddr], now: Instant) {
        let state = self.calls.entry(call).or_default();
        let input = state.bind(&mut floor.sources, self.id, call, addresses, self.sockets);
        self.agent.handle_udp(call, input, now);
    }

    fn start_ticking(&mut self, floor: &mut Floor<A>, call: CallId, now: Instant) {
        let state = self.calls.entry(call).or_default();
        if !state.ticking {
            state.ticking = true;
            floor.slots.add((self.id, call), now);
        }
    }

    fn stop_ticking(&mut self, floor: &mut Floor<A>, call: CallId) {
        if let Some(state) = self.calls.get_mut(&call)
            && state.ticking
        {
            state.ticking = false;
            floor.slots.remove((self.id, call));
        }
    }

    fn end_audio(&mut self, call: CallId) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.rings.end(&*self.mailbox);
            self.told = true;
        }
    }

    /// The call is over.
    pub(super) fn release(&mut self, floor: &mut Floor<A>, call: CallId) {
        self.stop_ticking(floor, call);
        if let Some(mut state) = self.calls.remove(&call) {
            state.release(&mut floor.sources);
            state.rings.end(&*self.mailbox);
            self.told = true;
        }
    }

    fn tell(&mut self, event: A::Event) {
        self.told = true;
        if self.mailbox.tell(Notice::Event(self.id, event)).is_err() && self.failure.is_none() {
            self.failure = Some("too many events wait for the client: nobody reads them".into());
        }
    }
}
