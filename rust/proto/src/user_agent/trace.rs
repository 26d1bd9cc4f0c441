//! A log line for each SIP message: which way, method or status, CSeq, kind of body. Nothing that may be a secret: neither
//! URIs nor any other header field nor a body.
use std::str;

/// Longest line or value that is looked at, in bytes.
const MAX_TEXT: usize = 256;

/// Tells of a message that we send.
pub(super) fn sent(bytes: &[u8]) {
    if let Some(summary) = summary(bytes) {
        tracing::debug!(target: "c2c_proto::sip", "sent {summary}");
    }
}

/// Tells of a message that came.
pub(super) fn received(bytes: &[u8]) {
    if let Some(summary) = summary(bytes) {
        tracing::debug!(target: "c2c_proto::sip", "received {summary}");
    }
}

/// `INVITE (2 INVITE, application/sdp)`, `401 Unauthorized (1 REGISTER)`; `None` for keep-alives and what is no SIP.
fn summary(bytes: &[u8]) -> Option<String> {
    let (head, body) = match memchr::memmem::find(bytes, b"\r\n\r\n") {
        Some(end) => (bytes.get(..end)?, bytes.get(end + 4..)?),
        None => (bytes, &[][..]),
    };
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let what = first_line(shown(lines.next()?)?)?;
    let fields: Vec<&[u8]> = lines.collect();
    let cseq = field(&fields, "CSeq")?;
    match field(&fields, "Content-Type").filter(|_| !body.is_empty()) {
        Some(content_type) => Some(format!("{what} ({cseq}, {content_type})")),
        None => Some(format!("{what} ({cseq})")),
    }
}

/// The method, or status and reason.
fn first_line(line: &str) -> Option<&str> {
    line.strip_prefix("SIP/2.0 ").or_else(|| line.split(' ').next())
}

fn field<'a>(fields: &[&'a [u8]], name: &str) -> Option<&'a str> {
    fields.iter().find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let value = value.trim_ascii_start().strip_prefix(b":")?;
        key.eq_ignore_ascii_case(name.as_bytes())
            .then(|| shown(value.trim_ascii()))?
    })
}

/// Text that may stand in a log.
fn shown(text: &[u8]) -> Option<&str> {
    let text = str::from_utf8(text).ok()?;
    (text.len() <= MAX_TEXT && !text.chars().any(char::is_control)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_summary_names_what_a_message_is_and_nothing_else() {
        let invite = b"INVITE sip:app-secret@realm SIP/2.0\r\nCSeq: 2 INVITE\r\nAuthorization: Digest secret\r\n\
            content-type : application/sdp\r\n\r\nv=0 secret";
        assert_eq!(summary(invite).unwrap(), "INVITE (2 INVITE, application/sdp)");
        let response = b"SIP/2.0 401 Unauthorized\r\nCSeq: 1 REGISTER\r\nContent-Type: text/plain\r\n\r\n";
        assert_eq!(summary(response).unwrap(), "401 Unauthorized (1 REGISTER)");
    }

    #[test]
    fn what_is_no_message_is_not_told() {
        for bytes in [
            &b""[..],
            b"\r\n\r\n",
            b"SIP/2.0 200 OK\r\n\r\n",
            b"SIP/2.0 200 \x1b[2J\r\nCSeq: 1 BYE\r\n\r\n",
            b"\xff\xff\r\nCSeq: 1 BYE\r\n\r\n",
        ] {
            assert_eq!(summary(bytes), None, "{bytes:?}");
        }
    }
}
