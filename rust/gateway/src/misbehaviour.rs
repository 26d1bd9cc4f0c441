//! What the gateway does wrong on demand, one line each; where it happens asks for it by name.
use std::time::Duration;

/// One thing done wrong. Several may be asked for at once.
#[derive(Clone, PartialEq, Debug)]
pub enum Misbehaviour {
    /// The upgrade is answered by this HTTP status.
    RefuseUpgrade(u16),
    /// The upgrade names no subprotocol.
    NoSubprotocol,
    /// REGISTER gets this final response, right credentials or not.
    RejectRegister {
        /// 300 to 699.
        status: u16,
        /// Reason phrase.
        reason: String,
    },
    /// REGISTER is never answered.
    IgnoreRegister,
    /// REGISTER's first good credentials are refused as stale.
    StaleNonce,
    /// REGISTER's first attempt gets 423 with this `Min-Expires`.
    IntervalTooBrief(u32),
    /// INVITE is never answered, not even by 100.
    IgnoreInvite,
    /// INVITE gets 100 and nothing else.
    StallInvite,
    /// The 200 to INVITE carries this instead of a proper answer.
    Answer(BadAnswer),
    /// INFO is never answered.
    IgnoreInfo,
    /// INFO gets this final response.
    RejectInfo(u16),
    /// BYE is never answered.
    IgnoreBye,
    /// The TCP connection is dropped, without a close frame, when this is reached.
    DropWebSocket(Moment),
    /// Malformed SIP messages are sent once the call is answered.
    MalformedSip,
    /// Datagrams that must be dropped (STUN, DTLS, SRTP, SRTCP, noise) are sent among the good ones.
    HostileDatagrams,
    /// This share of our RTP and RTCP packets is lost, 0 to 1.
    MediaLoss(f64),
    /// Our RTP and RTCP packets are delayed at random up to this (and so reordered).
    MediaJitter(Duration),
}

/// What is wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum BadAnswer {
    /// No body at all.
    Missing,
    /// A body that is no SDP.
    Garbage,
    /// A codec that was not offered.
    NoCommonCodec,
    /// No `a=fingerprint`.
    NoFingerprint,
    /// Another certificate's fingerprint.
    WrongFingerprint,
    /// No `a=ice-ufrag` and `a=ice-pwd`.
    NoIceCredentials,
    /// Port 0: the audio line is refused.
    AudioRefused,
}

/// States at which something may happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Moment {
    /// REGISTER was answered by 200.
    Registered,
    /// 180 was sent.
    Ringing,
    /// ACK came.
    Answered,
    /// ICE and DTLS are up.
    MediaConnected,
}
