//! What the parts of a user agent work with: time, randomness, who we are, transactions, and the way out.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::identity::Identity;
use super::network::LocalAddresses;
use super::transactions::{Owner, Sent, Transactions};
use crate::error::SettingsError;
use crate::io::{ClockOrigin, Event, Output, RandomSource, SipSettings};
use crate::media::dtls::DtlsCertificate;
use crate::sip::digest::{Attempts, Credentials, DigestError, DigestSession};
use crate::sip::header::{HeaderName, Headers};
use crate::sip::identifiers::random_token;
use crate::sip::{Request, Response};

/// Why a request that was challenged is not sent again.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ChallengeError {
    #[error(transparent)]
    Digest(#[from] DigestError),
    #[error("too many requests are unanswered")]
    TooMany,
}

/// What lives as long as the user agent.
pub(crate) struct Core {
    pub(crate) random: Box<dyn RandomSource>,
    pub(crate) clock: ClockOrigin,
    pub(crate) certificate: Arc<DtlsCertificate>,
    /// Drained after each input, and no input makes more than a few dozen.
    pub(crate) outputs: VecDeque<Output<Event>>,
    /// Number of the next call that comes.
    pub(crate) next_incoming: u64,
    /// Local addresses, as far as is known.
    pub(crate) addresses: LocalAddresses,
}

/// What lives from `Connect` to the end of its connection.
pub(crate) struct Signaling {
    pub(crate) identity: Identity,
    pub(crate) digest: DigestSession,
    pub(crate) transactions: Transactions,
}

/// All of it for the length of one input.
pub(crate) struct Context<'a> {
    pub(crate) now: Instant,
    pub(crate) core: &'a mut Core,
    pub(crate) signaling: &'a mut Signaling,
    /// Whether requests of a call may be sent.
    pub(crate) is_open: bool,
}

impl Signaling {
    pub(crate) fn new(identity: Identity) -> Self {
        Self {
            digest: digest_session(identity.settings()),
            transactions: Transactions::default(),
            identity,
        }
    }

    /// Takes newer settings: other credentials and perhaps another address, but the same names towards the far side.
    pub(crate) fn renew(&mut self, settings: Box<SipSettings>) -> Result<(), SettingsError> {
        let is_same_account = is_same_account(self.identity.settings(), &settings);
        self.identity.renew(settings)?;
        let renewed = digest_session(self.identity.settings());
        // else whoever may challenge us names another realm with each renewal
        let realm = self.digest.realm().filter(|_| is_same_account);
        self.digest = match realm {
            Some(realm) => renewed.with_realm(realm),
            None => renewed,
        };
        Ok(())
    }
}

impl Context<'_> {
    pub(crate) fn emit(&mut self, event: Event) {
        self.output(Output::Event(event));
    }

    pub(crate) fn output(&mut self, output: Output<Event>) {
        self.core.outputs.push_back(output);
    }

    /// A value for the Via of a new request.
    pub(crate) fn via(&mut self) -> String {
        self.signaling.identity.via(self.core.random.as_mut())
    }

    /// A Call-ID or tag that nobody guesses.
    pub(crate) fn token(&mut self) -> String {
        random_token(self.core.random.as_mut())
    }

    /// Closes a request's header and sends it in a transaction, with credentials if its realm has asked for any before;
    /// `false` when too many are under way.
    pub(crate) fn request(&mut self, owner: Owner, mut request: Request) -> bool {
        self.signaling.identity.close(&mut request);
        let sent = Sent {
            owner,
            request,
            attempts: Attempts::default(),
        };
        self.start_authorised(sent)
    }

    /// Closes a request's header and sends it as it is, without a transaction: an ACK.
    pub(crate) fn send_ack(&mut self, mut ack: Request) -> Vec<u8> {
        self.signaling.identity.close(&mut ack);
        let bytes = ack.to_bytes();
        self.send(bytes.clone());
        bytes
    }

    /// Sends a response or an ACK, unless there is no connection.
    pub(crate) fn send(&mut self, bytes: Vec<u8>) {
        if self.signaling.transactions.is_connected() {
            self.output(Output::Send(bytes));
        }
    }

    /// The CANCEL of an INVITE, which is complete.
    pub(crate) fn send_cancel(&mut self, owner: Owner, request: Request) {
        self.start(Sent {
            owner,
            request,
            attempts: Attempts::default(),
        });
    }

    /// Sends a request again with an answer to the challenge in its response (RFC 3261 §22.2), with this CSeq number.
    pub(crate) fn answer_challenge(
        &mut self,
        mut sent: Sent,
        challenged: &Response,
        cseq: u32,
    ) -> Result<(), ChallengeError> {
        let digest = &mut self.signaling.digest;
        if self.signaling.identity.settings().username.is_empty() {
            return Err(DigestError::Unusable.into());
        }
        digest.handle_challenge(&mut sent.attempts, challenged)?;
        self.repeat(sent, cseq).then_some(()).ok_or(ChallengeError::TooMany)
    }

    /// Sends a request again with a new branch, this CSeq number and, where they are wanted, fresh credentials; `false` when
    /// too many are under way.
    #[must_use]
    pub(crate) fn repeat(&mut self, mut sent: Sent, cseq: u32) -> bool {
        let (via, method) = (self.via(), sent.request.method.clone());
        sent.request.headers.set(HeaderName::Via, via);
        sent.request
            .headers
            .set(HeaderName::CSeq, format_args!("{cseq} {method}"));
        self.start_authorised(sent)
    }

    /// A response to a request, with what JsSIP puts into every one.
    pub(crate) fn response(&mut self, request: &Request, status: u16, reason: &str) -> Response {
        let tag = self.token();
        Response::new(request, status, reason, Some(&tag))
    }

    /// Ends a response's header and sends it.
    pub(crate) fn respond(&mut self, request: &Request, response: Response) -> Vec<u8> {
        let bytes = self.prepare(request, response);
        self.send(bytes.clone());
        bytes
    }

    /// Answers a request with a status and nothing else.
    pub(crate) fn refuse(&mut self, request: &Request, status: u16, reason: &str) {
        let response = self.response(request, status, reason);
        self.respond(request, response);
    }

    fn prepare(&mut self, request: &Request, mut response: Response) -> Vec<u8> {
        let supported = self.signaling.identity.supported(&request.method);
        response.headers.push(HeaderName::Supported, supported);
        if !response.body.is_empty() {
            // the only body that we answer with
            response.headers.push(HeaderName::ContentType, "application/sdp");
        }
        self.signaling.transactions.respond(request, &response, self.now)
    }

    /// Credentials go right behind CSeq, in the place of such that were there.
    fn start_authorised(&mut self, mut sent: Sent) -> bool {
        let asked = (&sent.request.method, sent.request.uri.as_str());
        let digest = &mut self.signaling.digest;
        let authorization = digest.authorization(&mut sent.attempts, asked, self.core.random.as_mut());
        if let Some(authorization) = authorization {
            sent.request.headers = authorised(&sent.request.headers, &authorization);
        }
        self.start(sent)
    }

    fn start(&mut self, sent: Sent) -> bool {
        let leaves = self.signaling.transactions.may_send(sent.owner);
        let bytes = self.signaling.transactions.start(sent, self.now);
        let started = bytes.is_some();
        self.core.outputs.extend(bytes.filter(|_| leaves).map(Output::Send));
        started
    }
}

fn is_same_account(one: &SipSettings, other: &SipSettings) -> bool {
    (&one.username, &one.password, &one.realm) == (&other.username, &other.password, &other.realm)
}

fn digest_session(settings: &SipSettings) -> DigestSession {
    let session = DigestSession::new(Credentials {
        username: settings.username.clone(),
        password: settings.password.clone(),
    });
    if settings.refuse_md5 {
        session.refusing_md5()
    } else {
        session
    }
}

/// The same header fields with these credentials instead of such that were there.
fn authorised(headers: &Headers, authorization: &(HeaderName<'static>, String)) -> Headers {
    let mut authorised = Headers::new();
    for (name, value) in headers.iter() {
        match name {
            HeaderName::Authorization | HeaderName::ProxyAuthorization => {}
            HeaderName::CSeq => {
                authorised.push(name, value);
                authorised.push(authorization.0, &authorization.1);
            }
            _ => authorised.push(name, value),
        }
    }
    authorised
}
