//! Every message that JsSIP, Kamailio and rtpengine exchanged parses, and prints as the same bytes.
use std::fs;
use std::path::Path;

use c2c_proto::sip::Message;

/// The messages of a trace file with the line ends that they had on the wire.
fn messages(text: &str) -> Vec<String> {
    let mut messages = vec![String::new()];
    for line in text.lines() {
        match (
            line.starts_with("# ") || line.starts_with("##### "),
            messages.last_mut(),
        ) {
            (false, Some(message)) => message.extend([line, "\r\n"]),
            _ => messages.push(String::new()),
        }
    }
    messages.retain(|message| !message.trim().is_empty());
    messages
}

#[test]
fn every_message_of_the_traces_prints_as_it_came() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/traces");
    let mut count = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        for text in messages(&fs::read_to_string(&path).unwrap()) {
            let message = Message::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{path:?}: {error}\n{text}"));
            let printed = String::from_utf8(message.to_bytes()).unwrap();
            // the files end with one or more line ends that Content-Length does not count
            assert_eq!(printed.trim_end(), text.trim_end(), "{path:?}");
            assert!(text.starts_with(&printed), "{path:?}");
            count += 1;
        }
    }
    // 34 files of one message, and a session of 40
    assert_eq!(count, 74);
}
