//! The transactions of RFC 3261 §17 over a reliable transport, with the Accepted states of RFC 6026. That of a server for other
//! requests than INVITE (§17.2.2) is not among them: they are answered at once, and timer J is zero.
//!
//! Each is told the time and what arrives, and answers with what to do; whoever holds one sends, and drops it when it
//! [is terminated](ClientTransaction::is_terminated).
mod client;
mod invite_client;
mod invite_server;
mod key;
pub mod timers;

pub use client::{ClientTransaction, ResponseClass};
pub use invite_client::{InviteClientTransaction, InviteResponse};
pub use invite_server::{InviteServerTransaction, Retransmission};
pub use key::{TransactionKey, is_merged};
pub use timers::{Expiry, RepeatDue, SuccessRepeat};

#[cfg(test)]
mod tests;
