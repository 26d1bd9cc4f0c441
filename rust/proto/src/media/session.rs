//! Everything of one call's media as one object: values in, values out.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use self::events::MediaEvent;
use self::identity::Identity;
use self::negotiation::Negotiation;
use self::paths::{PathEvent, Paths};
pub use self::restart::RestartState;
use super::clip::Clip;
use super::codec::Codec;
use super::dtls::{DtlsCertificate, DtlsRole, DtlsVersions};
use super::dtmf::{EventReceiver, EventSender};
use super::error::MediaError;
use super::gatherer::GatherEvent;
use super::ice::IceCredentials;
use super::receiver::AudioReceiver;
use super::reports::Reports;
use super::sender::AudioSender;
use super::servers::IceConfig;
use super::stats::{CallStats, SetupTimes};
use super::timing_random::TimingRandom;
use super::transport::{Incoming, MediaTransport, TransportEvent};
use super::unpredictable_random::UnpredictableRandom;
use crate::io::{AudioPort, ClockOrigin, Datagram, NetworkInput, NetworkRequest, RandomSource, Transmit};

mod events;
mod identity;
mod negotiation;
mod offer_answer;
mod packets;
mod paths;
mod restart;
mod roles;

/// A tick later than this is counted.
const LATE: Duration = Duration::from_millis(5);

/// What a call's media is made with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The client's certificate.
    pub certificate: Arc<DtlsCertificate>,
    /// For the NTP times in sender reports.
    pub clock: ClockOrigin,
    /// When `start_call` was called; set-up times count from here.
    pub started: Instant,
    /// What to offer or accept, most wanted first.
    pub codecs: Vec<Codec>,
    /// Our side of DTLS when an offer leaves the choice to us.
    pub answer_role: DtlsRole,
    /// DTLS versions to negotiate.
    pub dtls_versions: DtlsVersions,
    /// STUN and TURN servers to ask, and which candidates to use.
    pub ice: IceConfig,
}

impl MediaConfig {
    /// All codecs, DTLS 1.2 and 1.3, DTLS client when answering.
    pub fn new(certificate: Arc<DtlsCertificate>, clock: ClockOrigin, started: Instant) -> Self {
        Self {
            certificate,
            clock,
            started,
            codecs: Codec::ALL.to_vec(),
            answer_role: DtlsRole::Client,
            dtls_versions: DtlsVersions::Auto,
            ice: IceConfig::default(),
        }
    }
}

/// Media of one call: SDP, ICE, DTLS-SRTP, RTP and RTCP, sender and receiver.
pub struct MediaSession {
    certificate: Arc<DtlsCertificate>,
    started: Instant,
    negotiation: Negotiation,
    transport: MediaTransport,
    paths: Paths,
    sender: AudioSender,
    receiver: AudioReceiver,
    tones_out: EventSender,
    tones_in: EventReceiver,
    reports: Reports,
    timing: TimingRandom,
    secrets: UnpredictableRandom,
    restarts: u64,
    peers: u64,
    playing: Option<u64>,
    setup: SetupTimes,
    /// Authentic packets that make no sense: our own SSRC, a payload type of nobody's, malformed RTCP.
    senseless: u64,
    ticks: u64,
    ticks_late: u64,
    is_over: bool,
    events: VecDeque<MediaEvent>,
}

impl MediaSession {
    /// Draws credentials, SSRC and RTP offsets. Errors: [`MediaError::Internal`] or [`MediaError::Codec`].
    pub fn new(config: MediaConfig, random: &mut dyn RandomSource, now: Instant) -> Result<Self, MediaError> {
        let identity = Identity::generate(random);
        let credentials = IceCredentials::generate(random);
        let mut timing = TimingRandom::new(random);
        let spread = Box::new(TimingRandom::new(&mut timing));
        let first = config
            .codecs
            .first()
            .copied()
            .ok_or(MediaError::WrongState("no codec in MediaConfig"))?;
        let sender = AudioSender::new(
            first,
            first.default_payload_type(),
            identity.ssrc,
            identity.first_sequence,
            identity.first_timestamp,
        )?;
        let reports = Reports::new(identity.ssrc, identity.cname.clone(), config.clock, &mut timing, now);
        let certificate = Arc::clone(&config.certificate);
        let paths = Paths::new(config.ice, random);
        let secrets = UnpredictableRandom::new(random);
        let transport = MediaTransport::new(config.certificate, config.dtls_versions, credentials, spread, now)?;
        Ok(Self {
            certificate,
            started: config.started,
            negotiation: Negotiation::new(identity, config.codecs, config.answer_role),
            transport,
            paths,
            sender,
            receiver: AudioReceiver::new(&[]),
            tones_out: EventSender::default(),
            tones_in: EventReceiver::default(),
            reports,
            timing,
            secrets,
            restarts: 0,
            peers: 0,
            playing: None,
            setup: SetupTimes::default(),
            senseless: 0,
            ticks: 0,
            ticks_late: 0,
            is_over: false,
            events: VecDeque::new(),
        })
    }

    /// Takes the bound UDP sockets, most wanted first: as host candidates, unless the policy is to relay, and to ask the
    /// servers from. [`MediaEvent::Gathered`] follows.
    pub fn set_sockets(&mut self, sockets: &[SocketAddr], now: Instant) {
        if !self.paths.is_relay_only() {
            self.transport.set_sockets(sockets);
        }
        self.paths.set_sockets(sockets, now);
        self.follow(now);
    }

    /// Takes a datagram from one of the sockets.
    pub fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) {
        if let Some(datagram) = self.paths.receive(datagram, now) {
            self.handle_peer(datagram, now);
        }
        self.follow(now);
    }

    /// Takes what became of a request of [`Self::poll_request`].
    pub fn handle_network(&mut self, input: NetworkInput<'_>, now: Instant) {
        self.paths.handle_network(input, now);
        while let Some(relayed) = self.paths.poll_relayed() {
            let datagram = Datagram {
                local: relayed.relay,
                remote: relayed.peer,
                payload: &relayed.payload,
            };
            self.handle_peer(datagram, now);
        }
        self.follow(now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.transport.handle_timeout(now);
        self.paths.handle_timeout(now);
        if self.transport.is_connected() && now >= self.reports.poll_timeout() {
            let due = self
                .reports
                .handle_timeout(&self.sender, &mut self.receiver, &mut self.timing, now);
            if let Some(packet) = due {
                self.transport.send_rtcp(&packet);
            }
        }
        self.follow(now);
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let report = self.transport.is_connected().then(|| self.reports.poll_timeout());
        let times = [self.transport.poll_timeout(), self.paths.poll_timeout(), report];
        times.into_iter().flatten().min()
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.paths.poll_transmit()
    }

    /// The next thing to ask of the network.
    pub fn poll_request(&mut self) -> Option<NetworkRequest> {
        self.paths.poll_request()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// Sends and plays 20 ms. Before the keys are in nothing is taken from clip and writer.
    pub fn tick(&mut self, audio: &mut dyn AudioPort, now: Instant) {
        self.ticks += 1;
        self.ticks_late += u64::from(audio.lateness() > LATE);
        if self.transport.is_connected() {
            self.send_frame(audio, now);
            self.follow_play();
            self.route(now);
        }
        self.receiver.tick(audio, now);
        self.tones_in.handle_timeout(now);
        self.follow_tones();
    }

    /// Starts a clip; `false` when another one plays.
    pub fn play(&mut self, play: u64, clip: Arc<Clip>) -> bool {
        let is_accepted = !self.is_over && self.sender.play(play, clip);
        if is_accepted {
            self.playing = Some(play);
        }
        is_accepted
    }

    /// Stops a clip; its `PlayEnded` follows.
    pub fn stop_playing(&mut self, play: u64) {
        self.sender.stop_playing(play);
        self.follow_play();
    }

    /// Makes the next frame handed to readers the first one, number 0: the call is answered.
    pub fn restart_position(&mut self) {
        self.receiver.restart_position();
    }

    /// Sends silence instead of sound, or sound again.
    pub fn set_muted(&mut self, muted: bool) {
        self.sender.set_muted(muted);
    }

    /// The call's numbers; `setup.invite_sent`, `ringing` and `answered` are the SIP side's.
    pub fn stats(&self, now: Instant) -> CallStats {
        let mut stats = CallStats {
            setup: self.setup,
            ticks: self.ticks,
            ticks_late: self.ticks_late,
            ice_restarts: self.restarts,
            ..CallStats::default()
        };
        self.sender.fill_stats(&mut stats);
        self.receiver.fill_stats(&mut stats, now);
        if self.negotiation.agreement().is_none() {
            stats.codec.clear();
        }
        stats.srtp_profile = self
            .transport
            .srtp_profile()
            .map(|profile| profile.name().to_owned())
            .unwrap_or_default();
        stats.packets_rejected += self.transport.rejected() + self.paths.rejected() + self.senseless;
        let by_ice = self.transport.round_trip().map(|round_trip| round_trip.as_secs_f64());
        stats.round_trip = self.reports.round_trip().or(by_ice);
        stats.remote_loss = self.reports.remote_loss();
        stats
    }

    /// Says goodbye: RTCP BYE, DTLS `close_notify` and the release of relays are left to `poll_transmit` and
    /// `poll_request`.
    pub fn close(&mut self, now: Instant) {
        if self.transport.is_connected() {
            let goodbye = self.reports.goodbye(&self.sender, &mut self.receiver, now);
            self.transport.send_rtcp(&goodbye);
        }
        self.transport.close(now);
        self.route(now);
        self.paths.close(now);
        self.end();
    }

    /// Whether nothing is left to do after [`Self::close`]: no relay waits for being given back, half a second at most.
    pub fn is_closed(&self) -> bool {
        self.is_over && self.paths.is_closed()
    }

    /// Takes a datagram of the peer's, relayed or not.
    fn handle_peer(&mut self, datagram: Datagram<'_>, now: Instant) {
        let mut incoming = self.transport.handle_datagram(datagram, now);
        while let Some(packet) = incoming.take().or_else(|| self.transport.poll_incoming()) {
            match packet {
                Incoming::Rtp(header, packet) => self.handle_rtp(&header, &packet, now),
                Incoming::Rtcp(packet) => self.handle_rtcp(&packet, now),
            }
        }
    }

    /// Brings all parts up to date after an input.
    fn follow(&mut self, now: Instant) {
        self.follow_paths(now);
        self.follow_transport(now);
        self.route(now);
        let free = self.paths.take_free();
        if !free.is_empty() {
            self.events.push_back(MediaEvent::SocketsFree(free));
        }
    }

    /// Puts what the transport sends on its way.
    fn route(&mut self, now: Instant) {
        while let Some(transmit) = self.transport.poll_transmit() {
            self.paths.send(transmit, now);
        }
    }

    fn follow_paths(&mut self, now: Instant) {
        while let Some(event) = self.paths.poll_event() {
            let (is_next, event) = match event {
                PathEvent::Current(event) => (false, event),
                PathEvent::Next(event) => (true, event),
            };
            match event {
                GatherEvent::Candidate(candidate) if is_next || !self.paths.has_next() => {
                    self.transport.add_next_candidate(candidate);
                }
                GatherEvent::Candidate(candidate) => self.transport.add_candidate(candidate),
                GatherEvent::Complete => self.events.push_back(MediaEvent::Gathered),
                GatherEvent::Warning(text) => self.events.push_back(MediaEvent::ServerWarning(text)),
                GatherEvent::RelayLost(relayed) => self.transport.doubt(relayed, None, now),
                GatherEvent::Closed => {}
            }
        }
    }

    fn follow_play(&mut self) {
        while let Some((play, completed)) = self.sender.poll_play_ended() {
            self.playing = None;
            self.events.push_back(MediaEvent::PlayEnded { play, completed });
        }
    }

    fn follow_transport(&mut self, now: Instant) {
        while let Some(event) = self.transport.poll_event() {
            let since = self.since_start(now);
            match event {
                TransportEvent::IceConnected => {
                    self.setup.ice_connected.get_or_insert(since);
                    self.paths.settle();
                    self.events.push_back(MediaEvent::IceConnected);
                }
                TransportEvent::Connected(_) => {
                    self.setup.dtls_connected.get_or_insert(since);
                    self.events.push_back(MediaEvent::Connected);
                }
                TransportEvent::Silent => self.events.push_back(MediaEvent::PathSilent),
                TransportEvent::Moved => self.moved(now),
                TransportEvent::RestartFailed => {
                    self.paths.abandon_next(now);
                    self.events.push_back(MediaEvent::RestartFailed);
                }
                TransportEvent::Closed => self.events.push_back(MediaEvent::Closed),
                TransportEvent::Failed(error) => {
                    self.end();
                    self.events.push_back(MediaEvent::Failed(error));
                }
            }
        }
    }

    /// A clip that was still playing did not complete.
    fn end(&mut self) {
        self.is_over = true;
        if let Some(play) = self.playing.take() {
            self.events.push_back(MediaEvent::PlayEnded { play, completed: false });
        }
    }

    fn since_start(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.started)
    }
}
