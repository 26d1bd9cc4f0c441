use std::sync::Arc;
use std::time::Duration;

use crate::support::{CALL, Rig};
use c2c_proto::io::Command;
use c2c_proto::media::clip::Clip;

fn mute(rig: &mut Rig, muted: bool) {
    rig.command(Command::SetMuted { call: CALL, muted });
}

/// A second of a tone.
fn play(rig: &mut Rig, play: u64) {
    let sample = |at: u32| (8_000.0 * (f64::from(at) * 0.1).sin()) as i16;
    let clip = Arc::new(Clip::new(48_000, (0..48_000).map(sample).collect()).unwrap());
    rig.command(Command::Play { call: CALL, play, clip });
}

#[test]
fn changes_are_told_and_nothing_else() {
    let (mut rig, _) = Rig::in_call();
    rig.sound.tone = Some(440.0);
    rig.advance(Duration::from_secs(1));
    assert!(rig.far.as_ref().unwrap().sound.loudness(4_800) > 3_000.0);
    mute(&mut rig, true);
    mute(&mut rig, true);
    rig.advance(Duration::from_secs(1));
    assert!(rig.far.as_ref().unwrap().sound.loudness(4_800) < 10.0);
    mute(&mut rig, false);
    mute(&mut rig, false);
    assert_eq!(rig.events(), ["Muted", "Unmuted"]);
    rig.end_call();
    rig.events();
    mute(&mut rig, true);
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn a_clip_is_heard_and_its_end_told() {
    let (mut rig, _) = Rig::in_call();
    play(&mut rig, 7);
    rig.advance(Duration::from_millis(900));
    assert!(rig.far.as_ref().unwrap().sound.loudness(4_800) > 3_000.0);
    assert_eq!(rig.events(), Vec::<String>::new());
    rig.advance(Duration::from_millis(300));
    assert_eq!(rig.events(), ["PlayEnded 7 true"]);
}

#[test]
fn a_second_clip_is_refused_and_a_stop_is_told() {
    let (mut rig, _) = Rig::in_call();
    play(&mut rig, 1);
    play(&mut rig, 2);
    assert_eq!(rig.events(), ["PlayEnded 2 false"]);
    rig.command(Command::StopPlaying { call: CALL, play: 1 });
    rig.advance(Duration::from_millis(40));
    assert_eq!(rig.events(), ["PlayEnded 1 false"]);
}

#[test]
fn a_call_that_ends_ends_its_clip_first() {
    let (mut rig, _) = Rig::in_call();
    play(&mut rig, 1);
    rig.end_call();
    assert_eq!(rig.events(), ["PlayEnded 1 false", "Ended local Terminated"]);
    play(&mut rig, 2);
    rig.command(Command::StopPlaying { call: CALL, play: 1 });
    assert_eq!(rig.events(), Vec::<String>::new());
}
