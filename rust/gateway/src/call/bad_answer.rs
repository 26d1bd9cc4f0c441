//! Turns a proper SDP answer into a bad one.
use crate::misbehaviour::BadAnswer;

/// The body to be sent instead of `answer`.
pub(crate) fn spoil(answer: &str, bad: BadAnswer) -> String {
    match bad {
        BadAnswer::Missing => String::new(),
        BadAnswer::Garbage => "this is no session description\r\n".into(),
        BadAnswer::NoCommonCodec => rewrite(answer, no_common_codec),
        BadAnswer::NoFingerprint => rewrite(answer, |line| without(line, &["a=fingerprint:"])),
        BadAnswer::WrongFingerprint => rewrite(answer, |line| Some(wrong_fingerprint(line))),
        BadAnswer::NoIceCredentials => rewrite(answer, |line| without(line, &["a=ice-ufrag:", "a=ice-pwd:"])),
        BadAnswer::AudioRefused => rewrite(answer, |line| Some(audio_refused(line))),
    }
}

fn rewrite(answer: &str, line: impl Fn(&str) -> Option<String>) -> String {
    let lines = answer.lines().filter_map(line);
    lines.flat_map(|line| [line, "\r\n".into()]).collect()
}

fn without(line: &str, prefixes: &[&str]) -> Option<String> {
    let unwanted = prefixes.iter().any(|prefix| line.starts_with(prefix));
    (!unwanted).then(|| line.to_owned())
}

fn wrong_fingerprint(line: &str) -> String {
    let hex = line.strip_prefix("a=fingerprint:sha-256 ");
    hex.map_or(line.to_owned(), |hex| {
        let other: String = hex.chars().map(other_digit).collect();
        format!("a=fingerprint:sha-256 {other}")
    })
}

/// Another hexadecimal digit; colons stay.
fn other_digit(digit: char) -> char {
    match digit.to_digit(16) {
        Some(value) => char::from_digit(15 - value, 16).map_or(digit, |c| c.to_ascii_uppercase()),
        None => digit,
    }
}

/// Only payload type 98, of a codec nobody offers.
fn no_common_codec(line: &str) -> Option<String> {
    if line.starts_with("m=audio ") {
        let kept: Vec<&str> = line.split(' ').take(3).collect();
        return Some(format!("{} 98\r\na=rtpmap:98 speex/16000", kept.join(" ")));
    }
    without(line, &["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"])
}

fn audio_refused(line: &str) -> String {
    let Some(media) = line.strip_prefix("m=audio ") else {
        return line.to_owned();
    };
    let rest = media.split_once(' ').map_or("", |(_, rest)| rest);
    format!("m=audio 0 {rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 111\r\na=ice-ufrag:ab\r\na=ice-pwd:cd\r\n\
        a=fingerprint:sha-256 0F:A1\r\na=rtpmap:111 opus/48000/2\r\n";

    #[test]
    fn fingerprint_differs_in_each_digit() {
        let bad = spoil(ANSWER, BadAnswer::WrongFingerprint);
        assert!(bad.contains("a=fingerprint:sha-256 F0:5E\r\n"), "{bad}");
    }

    #[test]
    fn codec_was_never_offered() {
        let bad = spoil(ANSWER, BadAnswer::NoCommonCodec);
        assert!(bad.contains("m=audio 4000 UDP/TLS/RTP/SAVPF 98\r\na=rtpmap:98 speex/16000\r\n"));
        assert!(!bad.contains("opus"));
    }

    #[test]
    fn only_the_named_lines_change() {
        let no_ice = spoil(ANSWER, BadAnswer::NoIceCredentials);
        assert_eq!(no_ice.lines().count(), ANSWER.lines().count() - 2);
        assert!(spoil(ANSWER, BadAnswer::AudioRefused).contains("m=audio 0 UDP/TLS/RTP/SAVPF 111\r\n"));
        assert!(!spoil(ANSWER, BadAnswer::NoFingerprint).contains("fingerprint"));
    }
}
