//! Offer and answer of one call (RFC 3264): what was said, what was agreed, and what a re-offer would change.
use super::identity::Identity;
use super::roles::{contradicts, roles_of_offerer, setup_of};
use crate::media::candidate::Candidate;
use crate::media::codec::Codec;
use crate::media::description::{Direction, LocalDescription, RemoteDescription, Setup, TelephoneEvent};
use crate::media::dtls::DtlsRole;
use crate::media::error::MediaError;
use crate::media::ice::IceCredentials;
use crate::media::transport::Roles;

/// Payload types of the telephone-events that we offer, by clock rate; browsers use the same.
const TELEPHONE_EVENTS: [TelephoneEvent; 2] = [
    TelephoneEvent {
        payload_type: 110,
        clock_rate: 48_000,
    },
    TelephoneEvent {
        payload_type: 126,
        clock_rate: 8_000,
    },
];
/// `a=mid` of our only line.
const MID: &str = "0";

/// Our transport, as a description shows it.
pub(super) struct LocalTransport {
    pub(super) credentials: IceCredentials,
    pub(super) candidates: Vec<Candidate>,
    pub(super) fingerprint: String,
}

/// What offer and answer settled.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Agreement {
    pub(super) roles: Roles,
    /// What we send with.
    pub(super) codec: (u8, Codec),
    /// Payload type for DTMF towards the far side.
    pub(super) telephone_event: Option<TelephoneEvent>,
}

/// State of the exchange.
pub(super) struct Negotiation {
    pub(super) identity: Identity,
    codecs: Vec<Codec>,
    answer_role: DtlsRole,
    /// What we want: less than `SendRecv` while we hold.
    wanted: Direction,
    /// What the far side knows of us.
    local: Option<LocalDescription>,
    /// Our re-offer that has no answer yet.
    pending: Option<LocalDescription>,
    remote: Option<RemoteDescription>,
    agreement: Option<Agreement>,
    /// Every payload type that the far side may use, or might before: packets of before a change may still be under way
    /// (RFC 3264 §8.3.2).
    known: Vec<(u8, Codec)>,
}

impl Negotiation {
    pub(super) fn new(identity: Identity, codecs: Vec<Codec>, answer_role: DtlsRole) -> Self {
        Self {
            identity,
            codecs,
            answer_role,
            wanted: Direction::SendRecv,
            local: None,
            pending: None,
            remote: None,
            agreement: None,
            known: Vec::new(),
        }
    }

    pub(super) fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    pub(super) fn has_local(&self) -> bool {
        self.local.is_some()
    }

    /// Whether an offer of ours has no answer yet.
    pub(super) fn is_offering(&self) -> bool {
        self.pending.is_some() || (self.local.is_some() && self.remote.is_none())
    }

    /// Whether a description is of the far side's present transport. An answer of another one, in a 2xx after an 18x or in
    /// an 18x of another branch, takes its place until the call is set up.
    pub(super) fn is_same_transport(&self, remote: &RemoteDescription) -> bool {
        self.remote
            .as_ref()
            .is_some_and(|earlier| remote.is_same_transport(earlier))
    }

    /// Whether our offer that has no answer yet restarts ICE.
    pub(super) fn is_offering_restart(&self) -> bool {
        let credentials = |description: &LocalDescription| description.credentials.clone();
        self.pending.is_some() && self.pending.as_ref().map(credentials) != self.local.as_ref().map(credentials)
    }

    /// Whether an offer in mid-call restarts ICE (RFC 8839 §4.4.1.1.1).
    pub(super) fn is_restart(&self, remote: &RemoteDescription) -> bool {
        let earlier = self.remote.as_ref().filter(|_| self.agreement.is_some());
        earlier.is_some_and(|earlier| earlier.transport.credentials != remote.transport.credentials)
    }

    /// Whether what the far side says with an ICE restart needs another DTLS association: another certificate, or the role
    /// that is ours (RFC 8842 §5.5).
    pub(super) fn is_new_association(&self, remote: &RemoteDescription) -> bool {
        let fingerprints = self.remote.as_ref().map(|earlier| &earlier.transport.fingerprints);
        let role = self.agreement.map(|agreement| agreement.roles.dtls);
        fingerprints != Some(&remote.transport.fingerprints) || role.is_some_and(|role| contradicts(remote.setup, role))
    }

    /// Forgets our offer: it was refused, or never answered.
    pub(super) fn withdraw_offer(&mut self) {
        self.pending = None;
    }

    /// What to offer or accept from now on, most wanted first.
    pub(super) fn set_codecs(&mut self, codecs: Vec<Codec>) {
        self.codecs = codecs;
    }

    /// What we want: less than `SendRecv` while we hold.
    pub(super) fn wanted(&self) -> Direction {
        self.wanted
    }

    /// Whether our sound is wanted.
    pub(super) fn sends(&self) -> bool {
        let local = self.local.as_ref().is_some_and(|local| local.direction.sends());
        local && self.remote.as_ref().is_some_and(|remote| remote.direction.receives())
    }

    /// Whether the far side holds the call: it does not want the sound that we would send.
    pub(super) fn is_held(&self) -> bool {
        self.wanted.sends() && self.remote.as_ref().is_some_and(|remote| !remote.direction.receives())
    }

    /// Payload types that the far side may use: those of our description, its own where they differ, and earlier ones.
    pub(super) fn receivable(&self) -> Vec<(u8, Codec)> {
        let mut types: Vec<(u8, Codec)> = self.local.iter().flat_map(|local| local.codecs.clone()).collect();
        let remote = self.remote.iter().flat_map(|remote| remote.common(&self.codecs));
        for (number, codec) in remote.chain(self.known.iter().copied()) {
            if types.iter().all(|(taken, _)| *taken != number) {
                types.push((number, codec));
            }
        }
        types
    }

    /// Whether a payload type is one of ours, telephone-events included.
    pub(super) fn expects(&self, payload_type: u8) -> bool {
        self.event_clock(payload_type).is_some() || self.known.iter().any(|(number, _)| *number == payload_type)
    }

    /// Clock rate in Hz of a telephone-event's payload type; `None` when it is none.
    pub(super) fn event_clock(&self, payload_type: u8) -> Option<u32> {
        let ours = self.local.iter().flat_map(|local| &local.telephone_events);
        let theirs = self.remote.iter().flat_map(|remote| &remote.telephone_events);
        let mut events = ours.chain(theirs);
        let event = events.find(|event| event.payload_type == payload_type)?;
        Some(event.clock_rate)
    }

    /// The first offer; asked again it is the same.
    pub(super) fn offer(&mut self, transport: LocalTransport) -> Result<String, MediaError> {
        if self.remote.is_some() {
            return Err(MediaError::WrongState(
                "create_offer in an established call; use reoffer",
            ));
        }
        let codecs = self.offered_codecs();
        let telephone_events = offered_events(&codecs);
        let fresh = || LocalDescription {
            mid: Some(MID.to_owned()),
            is_bundled: true,
            telephone_events,
            ..describe(&self.identity, transport, codecs, Setup::Actpass)
        };
        let offer = self.local.take().unwrap_or_else(fresh);
        Ok(self.local.insert(offer).to_sdp())
    }

    /// Takes an answer, the first one or a later one.
    pub(super) fn take_answer(&mut self, remote: RemoteDescription) -> Result<Agreement, MediaError> {
        if self.local.is_none() {
            return Err(MediaError::WrongState("handle_answer before create_offer"));
        }
        let is_restart = self.is_offering_restart();
        let known = self.agreement.filter(|_| is_restart || self.is_same_transport(&remote));
        let roles = match known {
            Some(agreement) if is_restart && self.is_new_association(&remote) => Roles {
                dtls: roles_of_offerer(remote.setup).dtls,
                ..agreement.roles
            },
            Some(agreement) if contradicts(remote.setup, agreement.roles.dtls) => {
                return Err(unusable_answer("it changes the DTLS roles"));
            }
            Some(agreement) => agreement.roles,
            None if self.pending.is_some() => return Err(unusable_answer("it changes the transport")),
            None => roles_of_offerer(remote.setup),
        };
        let agreement = self.agree(remote, roles)?;
        if let Some(offer) = self.pending.take() {
            self.wanted = offer.direction;
            self.local = Some(offer);
        }
        self.remember();
        Ok(agreement)
    }

    /// Answers the first offer.
    pub(super) fn answer(
        &mut self,
        remote: &RemoteDescription,
        transport: LocalTransport,
    ) -> Result<(String, Agreement), MediaError> {
        if self.local.is_some() {
            return Err(MediaError::WrongState("handle_offer while our own offer has no answer"));
        }
        let dtls = self.answering_role(remote.setup);
        let is_offerer = false;
        let agreement = self.agree(remote.clone(), Roles { is_offerer, dtls })?;
        let described = describe(&self.identity, transport, Vec::new(), setup_of(dtls));
        let answer = self.mirror(remote, described);
        let sdp = self.local.insert(answer).to_sdp();
        self.remember();
        Ok((sdp, agreement))
    }

    /// Answers a later offer: anything may change, the transport only with an ICE restart, which brings our next one. The
    /// version rises only if our text changes.
    pub(super) fn answer_again(
        &mut self,
        remote: &RemoteDescription,
        next: Option<LocalTransport>,
    ) -> Result<(String, Agreement), MediaError> {
        let (Some(local), Some(agreement)) = (&self.local, &self.agreement) else {
            return Err(MediaError::WrongState("answer_again before the first answer"));
        };
        if self.pending.is_some() {
            return Err(MediaError::WrongState("handle_offer while our own offer has no answer"));
        }
        let is_new_association = self.is_new_association(remote);
        if next.is_none() && is_new_association {
            return Err(MediaError::OfferNotAcceptable(
                "it changes certificate or DTLS role without an ICE restart".into(),
            ));
        }
        let mut roles = agreement.roles;
        if is_new_association {
            roles.dtls = self.answering_role(remote.setup);
        }
        let mut kept = LocalDescription {
            setup: setup_of(roles.dtls),
            ..local.clone()
        };
        if let Some(next) = next {
            (kept.credentials, kept.candidates) = (next.credentials, next.candidates);
        }
        let mut answer = self.mirror(remote, kept);
        answer.version += u64::from(self.local.as_ref() != Some(&answer));
        let agreement = self.agree(remote.clone(), roles)?;
        let sdp = self.local.insert(answer).to_sdp();
        self.remember();
        Ok((sdp, agreement))
    }

    /// An offer of ours in an established call, with all that we can; it restarts ICE when it brings another transport.
    pub(super) fn reoffer(&mut self, direction: Direction, next: Option<LocalTransport>) -> Result<String, MediaError> {
        let Some(local) = self.local.as_ref().filter(|_| self.remote.is_some()) else {
            return Err(MediaError::WrongState("reoffer before the call is established"));
        };
        let newest = self.pending.as_ref().unwrap_or(local);
        let codecs = self.offered_codecs();
        let mut offer = LocalDescription {
            version: newest.version + 1,
            setup: Setup::Actpass,
            direction,
            reduces_rtcp: true,
            telephone_events: offered_events(&codecs),
            codecs,
            ..local.clone()
        };
        if let Some(next) = next {
            (offer.credentials, offer.candidates) = (next.credentials, next.candidates);
        }
        Ok(self.pending.insert(offer).to_sdp())
    }

    /// Our side of DTLS towards an offer.
    fn answering_role(&self, offered: Option<Setup>) -> DtlsRole {
        match offered {
            Some(Setup::Actpass) => self.answer_role,
            Some(Setup::Passive) => DtlsRole::Client,
            Some(Setup::Active) | None => DtlsRole::Server,
        }
    }

    /// Our codecs under the payload types that they have in this call, else under their usual ones.
    fn offered_codecs(&self) -> Vec<(u8, Codec)> {
        let number = |codec: Codec| {
            let known = self.known.iter().find(|(_, known)| *known == codec);
            known.map_or(codec.default_payload_type(), |(number, _)| *number)
        };
        self.codecs.iter().map(|codec| (number(*codec), *codec)).collect()
    }

    /// Our answer to an offer: its lines, its payload types, and of its codecs those that are ours too.
    fn mirror(&self, offer: &RemoteDescription, ours: LocalDescription) -> LocalDescription {
        LocalDescription {
            mid: offer.mid.clone(),
            is_bundled: offer.is_bundled,
            direction: offer.direction.reversed().narrowed(self.wanted),
            codecs: offer.common(&self.codecs),
            reduces_rtcp: offer.reduces_rtcp,
            telephone_events: offer.telephone_events.clone(),
            before: offer.before.clone(),
            after: offer.after.clone(),
            ..ours
        }
    }

    fn agree(&mut self, remote: RemoteDescription, roles: Roles) -> Result<Agreement, MediaError> {
        let codec = self.pick(&remote)?;
        let agreement = Agreement {
            roles,
            codec,
            telephone_event: remote.telephone_event_for(codec.1),
        };
        self.remote = Some(remote);
        Ok(*self.agreement.insert(agreement))
    }

    /// The far side's first codec that is ours too.
    fn pick(&self, remote: &RemoteDescription) -> Result<(u8, Codec), MediaError> {
        remote.common(&self.codecs).first().copied().ok_or_else(|| {
            let names: Vec<&str> = self.codecs.iter().map(|codec| codec.name()).collect();
            MediaError::NoCommonCodec {
                offered: names.join(", "),
            }
        })
    }

    /// The newest meaning of a payload type counts; there are 128 at most.
    fn remember(&mut self) {
        self.known = self.receivable();
    }
}

fn unusable_answer(why: &str) -> MediaError {
    MediaError::BadDescription(format!("{why}, which the answer to a re-offer of ours cannot"))
}

/// Telephone-events for these codecs: one for each clock rate.
fn offered_events(codecs: &[(u8, Codec)]) -> Vec<TelephoneEvent> {
    let is_used = |event: &TelephoneEvent| codecs.iter().any(|(_, codec)| codec.clock_rate() == event.clock_rate);
    TELEPHONE_EVENTS.into_iter().filter(is_used).collect()
}

fn describe(
    identity: &Identity,
    transport: LocalTransport,
    codecs: Vec<(u8, Codec)>,
    setup: Setup,
) -> LocalDescription {
    LocalDescription {
        session_id: identity.session_id,
        version: 2,
        credentials: transport.credentials,
        candidates: transport.candidates,
        fingerprint: transport.fingerprint,
        setup,
        mid: None,
        is_bundled: false,
        direction: Direction::SendRecv,
        codecs,
        reduces_rtcp: true,
        telephone_events: Vec::new(),
        ssrc: identity.ssrc,
        cname: identity.cname.clone(),
        msid: identity.msid.clone(),
        before: Vec::new(),
        after: Vec::new(),
    }
}
