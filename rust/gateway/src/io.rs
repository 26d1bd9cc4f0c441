//! What goes in and out of a [`crate::agent::GatewayAgent`] besides SIP and media: commands of its owner, events for it.
use std::sync::Arc;

use c2c_proto::dtmf::DtmfRequest;
use c2c_proto::io::{CallId, Originator, ReceivedDtmf};
use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::Codec;
use c2c_proto::media::stats::CallStats;

use crate::script::HangUpReason;

/// What its owner may ask of one connection's agent while it runs.
#[derive(Clone, Debug)]
pub enum GatewayCommand {
    /// Do this in a live call, beside the script.
    Call(CallId, CallCommand),
    /// Send this as one WebSocket message, whatever it is.
    SendRaw(Vec<u8>),
    /// Drop the TCP connection without a close frame.
    DropWebSocket,
    /// Close the WebSocket properly with this code.
    CloseWebSocket(u16),
}

/// What may be done in a live call.
#[derive(Clone, Debug)]
pub enum CallCommand {
    /// Answer now, whatever the script waits for.
    Answer,
    /// Play a clip over whatever the script does.
    Play(Arc<Clip>),
    /// Send INFO.
    SendInfo {
        /// `Content-Type`.
        content_type: String,
        /// Body as it goes on the wire.
        body: Vec<u8>,
    },
    /// Re-INVITE with `a=sendonly`.
    Hold,
    /// Re-INVITE with `a=sendrecv`.
    Resume,
    /// Re-INVITE that offers only these codecs from now on.
    ChangeCodecs(Vec<Codec>),
    /// Send tones as telephone-events (RFC 4733).
    SendTones(DtmfRequest),
    /// UPDATE that refreshes the session.
    Refresh,
    /// BYE; before the answer 480.
    HangUp(Option<HangUpReason>),
}

/// What happens on one connection, in order.
#[derive(Clone, Debug)]
pub enum GatewayEvent {
    /// A client's WebSocket is open.
    Opened {
        /// Number of the connection.
        connection: u64,
        /// Its address.
        remote: String,
    },
    /// It is closed.
    Closed {
        /// Close code, if the client sent one.
        code: Option<u16>,
    },
    /// REGISTER was granted (each refresh too).
    Registered {
        /// Address-of-record.
        aor: String,
        /// Seconds granted; 0 when it was taken back or has expired.
        expires: u32,
    },
    /// Credentials or a request were refused.
    Refused {
        /// Method.
        method: String,
        /// Status sent.
        status: u16,
    },
    /// An INVITE was let in.
    CallStarted(Box<CallStarted>),
    /// The ACK to our 200 came.
    CallAnswered(CallId),
    /// ICE and DTLS are up.
    MediaConnected(CallId),
    /// INFO came and was answered.
    InfoReceived {
        /// The call.
        call: CallId,
        /// `Content-Type` without parameters.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// A tone of the client's is over.
    DtmfReceived(ReceivedDtmf),
    /// A request of ours in the call got its final response.
    Responded {
        /// The call.
        call: CallId,
        /// Method.
        method: String,
        /// Its status.
        status: u16,
    },
    /// The session was refreshed.
    SessionRefreshed {
        /// The call.
        call: CallId,
        /// Whether we did it.
        by_us: bool,
    },
    /// A clip's last sample has left.
    Played(CallId),
    /// The script's last step is done.
    ScriptEnded(CallId),
    /// The call is over; its last event.
    CallEnded(CallId, Box<GatewayCallEnd>),
}

/// An INVITE that was let in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallStarted {
    /// The call.
    pub call: CallId,
    /// Its Request-URI.
    pub target: String,
    /// Its From URI.
    pub caller: String,
    /// Its headers in order, without credentials.
    pub headers: Vec<(String, String)>,
}

/// How a call ended, seen from the gateway.
#[derive(Clone, PartialEq, Debug)]
pub struct GatewayCallEnd {
    /// Who ended it; `System` for a lost connection or failed media.
    pub by: Originator,
    /// Whether it was answered.
    pub answered: bool,
    /// `BYE`, `CANCEL`, `rejected`, `websocket lost`, `no ACK`, or the media's error.
    pub how: String,
    /// Status of the final response, if it was not 2xx.
    pub status: Option<u16>,
    /// The `Reason` header that came with BYE or CANCEL.
    pub reason: Option<String>,
    /// Its numbers.
    pub stats: CallStats,
    /// What was heard since the answer, if anything was kept.
    pub heard: Option<Arc<Clip>>,
}
