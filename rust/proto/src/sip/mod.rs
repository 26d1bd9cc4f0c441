//! SIP over a reliable, message-oriented transport: messages, digest, transactions, dialogs (RFC 3261, RFC 7118).
pub mod dialog;
pub mod digest;
pub mod header;
pub mod identifiers;
pub mod message;
pub mod outgoing;
pub mod parse;
mod print;
#[doc(hidden)]
pub mod roundtrip;
mod scan;
pub mod transaction;
pub mod uri;

pub use dialog::{Dialog, DialogId, DialogRequestError, DialogState};
pub use header::{CSeq, HeaderError, HeaderName, Headers, NameAddr, Params, Reason, Refresher, SessionExpires, Via};
pub use message::{Message, Method, Request, Response};
pub use outgoing::{Capabilities, LocalHop, RequestHead};
pub use parse::{ParseError, ParseErrorKind};
pub use uri::{Uri, UriError, UriRef};
