//! What the gateway says it can do.
use c2c_proto::sip::{Capabilities, Method};

/// Option tags that a client may require.
pub(crate) const SUPPORTED: &str = "timer,outbound,path,gruu";

/// Methods that are served.
pub(crate) const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,INFO,OPTIONS,REGISTER";

/// Allow and User-Agent of our requests.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities {
        allow: ALLOW.into(),
        user_agent: concat!("c2c-gateway/", env!("CARGO_PKG_VERSION")).into(),
    }
}

/// The status that refuses a method: 405 for those that SIP has, 501 for others (RFC 3261 §8.2.1, §21.5.2).
pub(crate) fn refusal(method: &Method) -> (u16, &'static str) {
    match method {
        Method::Other(_) => (501, "Not Implemented"),
        _ => (405, "Method Not Allowed"),
    }
}
