use std::time::Duration;

use crate::support::Rig;
use c2c_proto::media::codec::Codec;

#[test]
fn sdp_of_a_183_is_applied_at_once() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[Codec::Pcmu]);
    rig.say(&invite.answer(183, "Session Progress", "callee").sdp(&sdp));
    assert_eq!(rig.events(), ["TrackAdded", "Ringing"]);
    rig.far.as_mut().unwrap().sound.tone = Some(500.0);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.events(), ["MediaConnected"]);
    assert!(
        rig.sound.loudness(24_000) > 1_000.0,
        "ringback is heard before the answer"
    );
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    assert_eq!(rig.events(), ["Answered"]);
}

#[test]
fn positions_count_from_the_answer() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
    rig.say(&invite.answer(183, "Session Progress", "callee").sdp(&sdp));
    rig.advance(Duration::from_secs(2));
    assert!(
        rig.sound.positions.last() > Some(&48_000),
        "{:?}",
        rig.sound.positions.last()
    );
    rig.sound.positions.clear();
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    rig.advance(Duration::from_millis(60));
    assert_eq!(rig.sound.positions[..3], [0, 960, 1_920]);
}

#[test]
fn sdp_that_cannot_be_used_spoils_nothing_yet() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(
        &invite
            .answer(183, "Session Progress", "callee")
            .sdp("v=0\r\nrubbish\r\n"),
    );
    assert_eq!(rig.events(), ["Ringing"]);
    rig.answer(&invite, "callee");
    assert_eq!(rig.events(), ["TrackAdded", "Answered"]);
}

#[test]
fn requests_of_an_early_dialog_are_refused() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "callee"));
    let mut dialog = crate::support::ServerDialog::new(&invite, "callee");
    for method in ["INFO", "BYE", "UPDATE"] {
        rig.say(&dialog.request(method));
        assert_eq!(rig.hear_status(), 403, "{method}");
    }
    for method in ["INVITE", "UPDATE"] {
        rig.say(&dialog.request(method).sdp("v=0\r\n"));
        assert_eq!(rig.hear_status(), 491, "our offer has no answer yet");
    }
    rig.say(&dialog.request("OPTIONS"));
    let ok = rig.hear("SIP/2.0");
    assert_eq!((ok.second(), ok.get("Allow").is_some()), ("200", true));
    assert_eq!(rig.events(), ["Ringing"]);
}

#[test]
fn a_2xx_may_bring_other_media_than_the_183() {
    for tag in ["callee", "another-branch"] {
        let (mut rig, invite) = Rig::inviting();
        let announcement = rig.far_answer(&invite.body, &[Codec::Pcmu]);
        rig.say(&invite.answer(183, "Session Progress", "callee").sdp(&announcement));
        rig.far.as_mut().unwrap().sound.tone = Some(500.0);
        rig.advance(Duration::from_secs(2));
        assert!(rig.sound.loudness(24_000) > 1_000.0);
        assert_eq!(rig.events(), ["TrackAdded", "Ringing", "MediaConnected"]);
        let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
        rig.sound.tone = Some(440.0);
        rig.say(&invite.answer(200, "OK", tag).sdp(&sdp));
        rig.advance(Duration::from_secs(2));
        assert_eq!(rig.events(), ["Answered"]);
        assert!(rig.sound.loudness(24_000) < 10.0, "the announcement is over");
        let far = rig.far.as_mut().unwrap();
        assert!(far.is_connected() && far.sound.loudness(24_000) > 3_000.0);
        far.sound.tone = Some(700.0);
        rig.advance(Duration::from_secs(1));
        assert!(rig.sound.loudness(24_000) > 3_000.0);
        assert_eq!(rig.agent.stats(crate::support::CALL, rig.now).unwrap().codec, "opus");
    }
}

/// Two branches with media of their own before the answer: the first one is heard, and the answer decides.
#[test]
fn media_of_a_second_branch_waits_for_its_answer() {
    for winner in ["one", "two"] {
        let (mut rig, invite) = Rig::inviting();
        let sdp_of_one = rig.far_answer(&invite.body, &[Codec::Opus]);
        rig.say(&invite.answer(183, "Session Progress", "one").sdp(&sdp_of_one));
        rig.advance(Duration::from_secs(2));
        assert_eq!(rig.events(), ["TrackAdded", "Ringing", "MediaConnected"]);
        let one = rig.far.take();
        let sdp_of_two = rig.far_answer(&invite.body, &[Codec::Opus]);
        let two = std::mem::replace(&mut rig.far, one);
        rig.say(&invite.answer(183, "Session Progress", "two").sdp(&sdp_of_two));
        rig.advance(Duration::from_secs(1));
        assert_eq!(rig.events(), ["Ringing"]);
        let sdp = if winner == "one" {
            sdp_of_one
        } else {
            rig.far = two;
            sdp_of_two
        };
        rig.say(&invite.answer(200, "OK", winner).sdp(&sdp));
        rig.hear("ACK");
        let far = rig.far.as_mut().unwrap();
        far.sound.heard.clear();
        far.sound.tone = Some(700.0);
        rig.sound.tone = Some(440.0);
        rig.advance(Duration::from_secs(40));
        assert_eq!(rig.events(), ["Answered"], "{winner}");
        assert!(rig.sound.loudness(24_000) > 3_000.0, "{winner} is heard");
        assert!(
            rig.far.as_ref().unwrap().sound.loudness(24_000) > 3_000.0,
            "{winner} hears"
        );
    }
}
