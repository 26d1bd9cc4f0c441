use std::time::Duration;

use crate::support::Rig;
use c2c_proto::io::{CallId, Command};

/// What is over stays for 32 s, as its 2xx may come again; it takes no live call's place.
#[test]
fn calls_that_are_over_are_in_nobodys_way() {
    let mut rig = Rig::registered();
    for number in 1..=150 {
        let call = CallId(number);
        let invite = rig.invite(call);
        rig.answer(&invite, "callee");
        rig.command(Command::EndCall { call, reason: None });
        let bye = rig.hear("BYE");
        rig.say(&bye.reply(200, "OK"));
        let ended = rig.events().iter().filter(|event| event.starts_with("Ended")).count();
        assert_eq!(ended, 1, "call {number}");
        rig.advance(Duration::from_millis(50));
    }
    rig.advance(Duration::from_secs(40));
    assert_eq!(rig.agent.transactions(), 0);
}
