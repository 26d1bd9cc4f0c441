//! Sound gets through, both ways, with each codec.
use std::sync::Arc;
use std::time::Duration;

use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::Codec;
use c2c_proto::media::session::MediaEvent;

use crate::network::Call;

#[test]
fn each_side_hears_the_other_sides_tone() {
    for codec in Codec::ALL {
        let mut call = Call::new(|_, config| config.codecs = vec![codec]);
        call.connect();
        call.run_for(Duration::from_secs(3));
        for (peer, frequency) in [(&call.caller, 1_000.0), (&call.callee, 440.0)] {
            let share = peer.port.share_of(frequency);
            assert!(share > 0.95, "{codec:?}: {share} of the energy at {frequency} Hz");
            let stats = peer.session.stats(call.now);
            assert_eq!(stats.codec, codec.name());
            assert!(stats.packets_sent > 140 && stats.packets_received > 140, "{stats:?}");
            assert_eq!((stats.packets_lost, stats.packets_rejected), (0, 0), "{stats:?}");
            assert!(stats.setup.first_packet_out.is_some() && stats.setup.first_packet_in.is_some());
        }
    }
}

#[test]
fn reports_give_the_round_trip() {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(20));
    for peer in [&call.caller, &call.callee] {
        let stats = peer.session.stats(call.now);
        assert!((0.019..0.022).contains(&stats.round_trip.unwrap()), "{stats:?}");
        assert_eq!(stats.remote_loss, Some(0.0));
    }
}

#[test]
fn a_clip_waits_for_the_connection_and_its_end_is_told() {
    let mut call = Call::plain();
    let clip = Arc::new(Clip::new(16_000, vec![1_000; 16_000]).unwrap());
    assert!(call.caller.session.play(7, Arc::clone(&clip)));
    assert!(!call.caller.session.play(8, clip));
    call.run_for(Duration::from_secs(2));
    let told: Vec<&MediaEvent> = call.caller.events.iter().map(|(_, event)| event).collect();
    assert_eq!(told, [&MediaEvent::Gathered], "nothing is played to nobody");
    call.connect();
    call.run_for(Duration::from_secs(2));
    assert!(call.caller.has(&MediaEvent::PlayEnded {
        play: 7,
        completed: true
    }));
}

#[test]
fn an_end_cuts_the_clip_short_and_says_goodbye() {
    let mut call = Call::plain();
    call.connect();
    let clip = Arc::new(Clip::new(16_000, vec![1_000; 160_000]).unwrap());
    assert!(call.caller.session.play(7, clip));
    call.run_for(Duration::from_secs(1));
    call.caller.session.close(call.now);
    call.run_for(Duration::from_secs(1));
    assert!(call.caller.has(&MediaEvent::PlayEnded {
        play: 7,
        completed: false
    }));
    assert_eq!(call.caller.session.poll_timeout(), None, "nothing is due any more");
    assert!(call.callee.has(&MediaEvent::Closed), "{:?}", call.callee.events);
    assert_eq!(call.callee.failure(), None);
}
