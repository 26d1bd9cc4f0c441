//! Duty 4: requests into a dialog of somebody who does not know it, or out of turn, or behind its end (CVE-2021-31878).
use std::time::Duration;

use crate::support::{CALL, Rig, ServerDialog};

const METHODS: [&str; 6] = ["BYE", "INFO", "UPDATE", "INVITE", "REFER", "OPTIONS"];

fn assert_unharmed(rig: &mut Rig, what: &str) {
    assert_eq!(rig.events(), Vec::<String>::new(), "{what}");
    assert!(rig.agent.stats(CALL, rig.now).is_some(), "{what}");
}

#[test]
fn duty_04_whoever_does_not_know_the_dialog_is_refused() {
    let (mut rig, dialog) = Rig::in_call();
    let cut = |value: &str| value.rsplit_once(";tag=").unwrap().0.to_owned();
    let forgeries = [
        ServerDialog {
            call_id: "guessed".into(),
            ..dialog.clone()
        },
        ServerDialog {
            call_id: dialog.call_id.to_uppercase(),
            ..dialog.clone()
        },
        ServerDialog {
            local: format!("{};tag=guessed", cut(&dialog.local)),
            ..dialog.clone()
        },
        ServerDialog {
            local: cut(&dialog.local),
            ..dialog.clone()
        },
        ServerDialog {
            remote: format!("{};tag=guessed", cut(&dialog.remote)),
            ..dialog.clone()
        },
        // the two ends the wrong way round, as a reflected message has them
        ServerDialog {
            local: dialog.remote.clone(),
            remote: dialog.local.clone(),
            ..dialog.clone()
        },
    ];
    for (number, forged) in forgeries.into_iter().enumerate() {
        let mut forged = ServerDialog {
            cseq: 1_000 * (number as u32 + 1),
            ..forged
        };
        for method in METHODS {
            rig.say(&forged.request(method).body("application/json", "{}"));
            assert_eq!(rig.hear_status(), 481, "forgery {number}, {method}");
        }
    }
    assert_unharmed(&mut rig, "forged");
}

/// The connection is lost and made again: who has that place now knows the dialog no better than before, and the
/// responses that the old one owed are nothing any more.
#[test]
fn duty_04_another_connection_of_ours_gives_no_right_to_the_dialog() {
    let (mut rig, dialog) = Rig::in_call();
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(48));
    let old = rig.hear("UPDATE");
    rig.close(Some(1006), "");
    rig.reopen();
    let fresh = rig.hear("UPDATE");
    assert_ne!(old.branch(), fresh.branch());
    rig.events();
    for status in [200, 401, 481] {
        rig.say(
            &old.reply(status, "From before")
                .header("Session-Expires", "90;refresher=uas"),
        );
    }
    rig.hear_nothing();
    let (name, _) = dialog.local.rsplit_once(";tag=").unwrap();
    let mut forged = ServerDialog {
        local: format!("{name};tag=guessed"),
        ..dialog.clone()
    };
    for method in METHODS {
        rig.say(&forged.request(method));
        assert_eq!(rig.hear_status(), 481, "{method}");
    }
    assert_unharmed(&mut rig, "from the new connection");
    rig.say(&fresh.reply(481, "Call/Transaction Does Not Exist"));
    rig.hear("BYE");
}

#[test]
fn duty_04_the_dialog_of_another_client_is_unknown() {
    let (mut victim, mut dialog) = Rig::in_call();
    let mut other = Rig::seeded(99);
    other.command(c2c_proto::io::Command::Connect(Box::new(Rig::settings())));
    other.open();
    other.register(600);
    for method in METHODS {
        other.say(&dialog.request(method));
        assert_eq!(other.hear_status(), 481, "{method}");
    }
    assert_unharmed(&mut victim, "from elsewhere");
}

#[test]
fn duty_04_what_comes_out_of_turn_is_refused() {
    let (mut rig, mut dialog) = Rig::in_call();
    dialog.cseq = 500;
    rig.say(&dialog.request("OPTIONS"));
    assert_eq!(rig.hear_status(), 200);
    for (number, method) in METHODS.into_iter().enumerate() {
        for cseq in [501, 500 - number as u32, 1] {
            rig.say(&dialog.numbered(method, cseq));
            assert_eq!(rig.hear_status(), 500, "{method} {cseq}");
        }
    }
    rig.say(&dialog.numbered("ACK", 400));
    rig.hear_nothing();
    assert_unharmed(&mut rig, "out of turn");
}

#[test]
fn duty_04_nothing_comes_to_life_behind_the_end() {
    for hung_up_by_them in [true, false] {
        let (mut rig, mut dialog) = Rig::in_call();
        if hung_up_by_them {
            rig.say(&dialog.request("BYE"));
            assert_eq!(rig.hear_status(), 200);
        } else {
            rig.end_call();
            rig.hear("BYE");
        }
        rig.events();
        rig.trail.clear();
        for method in ["INVITE", "UPDATE", "INFO", "REFER", "INVITE"] {
            rig.say(&dialog.request(method).sdp("v=0\r\n"));
            assert_eq!(rig.hear_status(), 481, "{method}");
        }
        rig.advance(Duration::from_secs(70));
        assert_eq!(rig.events(), Vec::<String>::new());
        assert!(rig.ticking.is_empty());
        assert!(rig.trail.iter().all(|output| output == "Send"), "{:?}", rig.trail);
        assert_eq!(rig.agent.transactions(), 0);
    }
}
