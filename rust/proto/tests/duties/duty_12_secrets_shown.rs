//! Duty 12: no secret in any log at any level, nor in the Debug of anything that passes (JsSIP#941). Python's half is in
//! `tests/unit/test_secrets.py` and `tests/integration/test_secrets_in_logs.py`.
use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use md5::{Digest, Md5};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Metadata, Subscriber};

use crate::support::registrar::{PASSWORD, REALM, USERNAME, challenge};
use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::{Command, Datagram, Output, Secret, TransportInput};
use c2c_proto::media::servers::{IceConfig, IceServerSettings, IceTransportPolicy};

const CREDENTIAL: &str = "turn-credential-sentinel";
const TOKEN: &str = "url-token-sentinel";
const USER_DATA: &str = "user-data-sentinel";
const TEXT: &str = "said-in-confidence-sentinel";

/// Keeps every event and span of every crate at every level.
#[derive(Clone, Default)]
struct All(Arc<Mutex<String>>);

struct Fields<'a>(&'a mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = write!(self.0, " {}={value:?}", field.name());
    }
}

impl Subscriber for All {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = self.0.lock().unwrap();
        let _ = write!(text, "\n{} {}", event.metadata().level(), event.metadata().target());
        event.record(&mut Fields(&mut text));
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut Fields(&mut self.0.lock().unwrap()));
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut self.0.lock().unwrap()));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// What must not be shown: what we were given, and what the messages of the call turned out to hold.
#[derive(Default)]
struct Secrets(Vec<String>);

impl Secrets {
    fn new() -> Self {
        let ha1 = Md5::digest(format!("{USERNAME}:{REALM}:{PASSWORD}"));
        let ha1: Vec<String> = ha1.iter().map(|byte| format!("{byte:02x}")).collect();
        let given = [PASSWORD, CREDENTIAL, TOKEN, USER_DATA, TEXT];
        Self(given.into_iter().map(str::to_owned).chain([ha1.concat()]).collect())
    }

    /// Those of a message of ours or theirs.
    fn learn(&mut self, text: &str) {
        for (begin, end) in [
            ("response=\"", '"'),
            ("cnonce=\"", '"'),
            ("nonce=\"", '"'),
            ("a=ice-pwd:", '\r'),
        ] {
            let parts = text.split(begin).skip(1).filter_map(|rest| rest.split(end).next());
            self.0.extend(parts.map(str::to_owned));
        }
    }

    fn assert_not_in(&self, shown: &str) {
        for secret in self.0.iter().filter(|secret| !secret.is_empty()) {
            assert!(!shown.contains(secret.as_str()), "{secret:?} in {shown}");
            // bytes as a list of numbers
            let numbers = format!("{:?}", secret.as_bytes());
            assert!(!shown.contains(numbers.trim_matches(['[', ']'])), "bytes of {secret:?}");
        }
    }
}

fn connect() -> Command {
    let server = IceServerSettings {
        urls: vec!["turn:127.0.0.1:3478".into()],
        username: Some(Secret("turn-user".into())),
        credential: Some(Secret(CREDENTIAL.into())),
    };
    let mut settings = Rig::settings();
    settings.websocket_uri = format!("wss://gateway.example:8443/{TOKEN}");
    settings.ice = IceConfig::new(&[server], IceTransportPolicy::All).unwrap();
    Command::Connect(Box::new(settings))
}

/// Everything of a call that a driver could print, and what of it is secret.
struct Witness {
    rig: Rig,
    shown: String,
    secrets: Secrets,
}

impl Witness {
    fn command(&mut self, command: Command) {
        let _ = write!(self.shown, "\n{command:?}");
        self.rig.command(command);
    }

    fn say(&mut self, bytes: &[u8]) {
        let _ = write!(self.shown, "\n{:?}", TransportInput::Message(bytes));
        self.secrets.learn(&String::from_utf8_lossy(bytes));
        self.rig.say_bytes(bytes);
    }

    fn hear(&mut self, method: &str) -> Heard {
        let bytes = self.rig.inbox.front().expect(method).clone();
        let output: Output<()> = Output::Send(bytes.clone());
        let _ = write!(self.shown, "\n{output:?}");
        self.secrets.learn(&String::from_utf8_lossy(&bytes));
        if let Ok(message) = c2c_proto::sip::Message::parse(&bytes) {
            let _ = write!(self.shown, "\n{message:?}");
        }
        self.rig.hear(method)
    }
}

fn whole_call(witness: &mut Witness) {
    witness.command(connect());
    witness.rig.open();
    let first = witness.hear("REGISTER");
    witness.say(&challenge(&first, "server-nonce-sentinel", "").bytes());
    let register = witness.hear("REGISTER");
    witness.say(&crate::support::registrar::granted(&register, 600).bytes());
    witness.command(Command::StartCall {
        call: CALL,
        target: "app-1".into(),
        headers: vec![("X-User-Data".into(), USER_DATA.into())],
    });
    // the TURN server keeps silent
    witness.rig.advance(Duration::from_secs(3));
    let invite = witness.hear("INVITE");
    let sdp = witness.rig.far_answer(&invite.body, &crate::support::rig::ALL_CODECS);
    witness.say(&invite.answer(200, "OK", "callee").sdp(&sdp).bytes());
    witness.hear("ACK");
    witness.rig.advance(Duration::from_secs(2));
    witness.command(Command::SendInfo {
        call: CALL,
        request: 1,
        content_type: "application/json".into(),
        body: format!("{{\"text\":\"{TEXT}\"}}").into_bytes(),
    });
    witness.hear("INFO");
    let mut dialog = crate::support::ServerDialog::new(&invite, "callee");
    let info = dialog.request("INFO").body("application/json", TEXT).bytes();
    let mut broken = info.clone();
    broken.truncate(info.len() - 2);
    for message in [broken, info] {
        witness.say(&message);
        witness.hear("SIP/2.0");
    }
    let datagram = Datagram {
        local: "127.0.0.1:1".parse().unwrap(),
        remote: "127.0.0.1:2".parse().unwrap(),
        payload: TEXT.as_bytes(),
    };
    let _ = write!(witness.shown, "\n{datagram:?}");
    witness.rig.end_call();
    witness.hear("BYE");
    witness.command(Command::Disconnect);
}

#[test]
fn duty_12_a_whole_call_shows_no_secret_at_any_level() {
    let all = All::default();
    let mut witness = Witness {
        rig: Rig::new(),
        shown: String::new(),
        secrets: Secrets::new(),
    };
    tracing::subscriber::with_default(all.clone(), || whole_call(&mut witness));
    let logged = all.0.lock().unwrap().clone();
    assert!(
        logged.contains("INVITE") && logged.contains("REGISTER"),
        "it does log: {logged}"
    );
    assert!(witness.secrets.0.len() > 12, "and there was what to hide");
    witness.secrets.assert_not_in(&logged);
    witness.secrets.assert_not_in(&witness.shown);
    // what was said to us is its owner's to know, and no secret of the connection
    let events = format!("{:?}", witness.rig.unseen);
    witness.secrets.0.retain(|secret| secret != TEXT);
    witness.secrets.assert_not_in(&events);
}

#[test]
fn duty_12_failures_show_no_secret() {
    let all = All::default();
    let mut witness = Witness {
        rig: Rig::new(),
        shown: String::new(),
        secrets: Secrets::new(),
    };
    tracing::subscriber::with_default(all.clone(), || {
        witness.command(connect());
        witness.rig.open();
        let first = witness.hear("REGISTER");
        witness.say(&challenge(&first, "server-nonce-sentinel", "").bytes());
        let again = witness.hear("REGISTER");
        let text = String::from_utf8(again.reply(403, "Forbidden").tag("r").bytes()).unwrap();
        witness.say(text.as_bytes());
        witness.rig.close(Some(1006), "gone");
    });
    let logged = all.0.lock().unwrap().clone();
    witness.secrets.assert_not_in(&logged);
    witness
        .secrets
        .assert_not_in(&format!("{}{:?}", witness.shown, witness.rig.unseen));
}
