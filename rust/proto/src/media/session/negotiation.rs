//! Offer and answer of one call (RFC 3264): what was said, what was agreed, and what a re-offer would change.
use super::identity::Identity;
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
    /// What the far side knows of us.
    local: Option<LocalDescription>,
    /// Our re-offer that has no answer yet.
    pending: Option<LocalDescription>,
    remote: Option<RemoteDescription>,
    agreement: Option<Agreement>,
}

impl Negotiation {
    pub(super) fn new(identity: Identity, codecs: Vec<Codec>, answer_role: DtlsRole) -> Self {
        Self {
            identity,
            codecs,
            answer_role,
            local: None,
            pending: None,
            remote: None,
            agreement: None,
        }
    }

    pub(super) fn agreement(&self) -> Option<&Agreement> {
        self.agreement.as_ref()
    }

    pub(super) fn has_local(&self) -> bool {
        self.local.is_some()
    }

    /// Whether our sound is wanted.
    pub(super) fn sends(&self) -> bool {
        let local = self.local.as_ref().is_some_and(|local| local.direction.sends());
        local && self.remote.as_ref().is_some_and(|remote| remote.direction.receives())
    }

    /// Payload types that the far side may use: those of our description, and its own where they differ.
    pub(super) fn receivable(&self) -> Vec<(u8, Codec)> {
        let mut types: Vec<(u8, Codec)> = self.local.iter().flat_map(|local| local.codecs.clone()).collect();
        for (number, codec) in self.remote.iter().flat_map(|remote| remote.common(&self.codecs)) {
            if types.iter().all(|(known, _)| *known != number) {
                types.push((number, codec));
            }
        }
        types
    }

    /// Whether a payload type is one of ours, telephone-events included.
    pub(super) fn expects(&self, payload_type: u8) -> bool {
        let event = |events: &[TelephoneEvent]| events.iter().any(|event| event.payload_type == payload_type);
        self.local.as_ref().is_some_and(|local| event(&local.telephone_events))
            || self
                .remote
                .as_ref()
                .is_some_and(|remote| event(&remote.telephone_events))
            || self.receivable().iter().any(|(number, _)| *number == payload_type)
    }

    /// The first offer; asked again it is the same.
    pub(super) fn offer(&mut self, transport: LocalTransport) -> Result<String, MediaError> {
        if self.remote.is_some() {
            return Err(MediaError::WrongState(
                "create_offer in an established call; use reoffer",
            ));
        }
        let codecs = self
            .codecs
            .iter()
            .map(|codec| (codec.default_payload_type(), *codec))
            .collect();
        let fresh = || LocalDescription {
            mid: Some(MID.to_owned()),
            is_bundled: true,
            telephone_events: TELEPHONE_EVENTS.to_vec(),
            ..describe(&self.identity, transport, codecs, Setup::Actpass)
        };
        let offer = self.local.take().unwrap_or_else(fresh);
        Ok(self.local.insert(offer).to_sdp())
    }

    /// Takes an answer; gives the agreement if it is the first one.
    pub(super) fn take_answer(&mut self, remote: RemoteDescription) -> Result<Option<Agreement>, MediaError> {
        if self.local.is_none() {
            return Err(MediaError::WrongState("handle_answer before create_offer"));
        }
        let Some(earlier) = &self.remote else {
            let role = match remote.setup {
                Some(Setup::Passive) => DtlsRole::Client,
                // RFC 4145 §4.1: active when it is missing; actpass is wrong in an answer, and active likely meant
                Some(Setup::Active | Setup::Actpass) | None => DtlsRole::Server,
            };
            return self
                .agree(
                    remote,
                    Roles {
                        is_offerer: true,
                        dtls: role,
                    },
                )
                .map(Some);
        };
        if !remote.is_same_transport(earlier) || self.pick(&remote)? != self.agreed_codec() {
            return Err(MediaError::BadDescription(
                "a second answer with another transport or codec; forked calls are not supported".into(),
            ));
        }
        self.local = self.pending.take().or(self.local.take());
        self.remote = Some(remote);
        Ok(None)
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
        let role = match remote.setup {
            Some(Setup::Actpass) => self.answer_role,
            Some(Setup::Passive) => DtlsRole::Client,
            Some(Setup::Active) | None => DtlsRole::Server,
        };
        let codecs = remote.common(&self.codecs);
        let agreement = self.agree(
            remote.clone(),
            Roles {
                is_offerer: false,
                dtls: role,
            },
        )?;
        let answer = LocalDescription {
            mid: remote.mid.clone(),
            is_bundled: remote.is_bundled,
            direction: remote.direction.reversed(),
            telephone_events: remote.telephone_events.clone(),
            before: remote.before.clone(),
            after: remote.after.clone(),
            ..describe(&self.identity, transport, codecs, setup_of(role))
        };
        Ok((self.local.insert(answer).to_sdp(), agreement))
    }

    /// Answers a later offer that changes nothing.
    pub(super) fn answer_again(&mut self, remote: &RemoteDescription) -> Result<String, MediaError> {
        self.check_unchanged(remote)?;
        let (Some(local), Some(agreement)) = (&self.local, &self.agreement) else {
            return Err(MediaError::WrongState("answer_again before the first answer"));
        };
        let telephone_events = remote.telephone_events.iter().copied();
        let mut answer = LocalDescription {
            setup: setup_of(agreement.roles.dtls),
            mid: remote.mid.clone(),
            is_bundled: remote.is_bundled,
            codecs: remote.common(&self.codecs),
            telephone_events: telephone_events.collect(),
            before: remote.before.clone(),
            after: remote.after.clone(),
            ..local.clone()
        };
        if answer != *local {
            answer.version += 1;
        }
        Ok(self.local.insert(answer).to_sdp())
    }

    /// An offer of ours in an established call.
    pub(super) fn reoffer(&mut self, direction: Direction) -> Result<String, MediaError> {
        let Some(local) = self.local.as_ref().filter(|_| self.remote.is_some()) else {
            return Err(MediaError::WrongState("reoffer before the call is established"));
        };
        let newest = self.pending.as_ref().unwrap_or(local);
        let offer = LocalDescription {
            version: newest.version + 1,
            setup: Setup::Actpass,
            direction,
            ..local.clone()
        };
        Ok(self.pending.insert(offer).to_sdp())
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

    fn agreed_codec(&self) -> (u8, Codec) {
        self.agreement.map_or((0, Codec::Pcmu), |agreement| agreement.codec)
    }

    fn check_unchanged(&self, new: &RemoteDescription) -> Result<(), MediaError> {
        let (Some(old), Some(agreement)) = (&self.remote, &self.agreement) else {
            return Err(MediaError::WrongState("a re-offer before the first answer"));
        };
        let contradicting = match agreement.roles.dtls {
            DtlsRole::Client => Setup::Active,
            DtlsRole::Server => Setup::Passive,
        };
        let change = if !new.is_same_transport(old) || new.setup == Some(contradicting) {
            "it changes the transport (ICE restart or a new certificate)"
        } else if new.direction != old.direction {
            "it changes the direction (hold or resume)"
        } else if self.pick(new).ok() != Some(agreement.codec) {
            "it changes the codec"
        } else {
            return Ok(());
        };
        Err(MediaError::OfferNotAcceptable(change.into()))
    }
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
        telephone_events: Vec::new(),
        ssrc: identity.ssrc,
        cname: identity.cname.clone(),
        msid: identity.msid.clone(),
        before: Vec::new(),
        after: Vec::new(),
    }
}

fn setup_of(role: DtlsRole) -> Setup {
    match role {
        DtlsRole::Client => Setup::Active,
        DtlsRole::Server => Setup::Passive,
    }
}
