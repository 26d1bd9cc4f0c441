//! SIP over a reliable, message-oriented transport: messages, digest, transactions, dialogs (RFC 3261, RFC 7118).
pub mod header;
pub mod message;
pub mod parse;
mod print;
pub mod uri;

pub use header::{CSeq, HeaderError, HeaderName, Headers, NameAddr, Params, Reason, Refresher, SessionExpires, Via};
pub use message::{Message, Method, Request, Response};
pub use parse::{ParseError, ParseErrorKind};
pub use uri::{Uri, UriError, UriRef};
