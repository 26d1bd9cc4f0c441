//! Typed header values. They borrow the message's text and print as they were written.
mod list;
mod name;
mod name_addr;
mod params;
mod typed;
mod values;
mod via;

pub use super::scan::is_token;
pub use list::{Headers, MAX_TEXT, is_header_text};
pub use name::HeaderName;
pub use name_addr::NameAddr;
pub use params::{Params, quote, unquote};
pub use values::{CSeq, MediaType, Reason, Refresher, SessionExpires};
pub use via::Via;

pub(crate) use list::Line;
pub(crate) use name::HeaderId;

/// A header field that could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// It is mandatory and not there.
    #[error("no {0} header")]
    Missing(&'static str),
    /// Its value does not follow its grammar.
    #[error("malformed {0} header")]
    Malformed(&'static str),
    /// It is there more often than once.
    #[error("more than one {0} header")]
    Repeated(&'static str),
}
