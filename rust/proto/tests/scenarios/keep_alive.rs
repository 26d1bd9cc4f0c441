use crate::support::Rig;

#[test]
fn a_double_line_end_is_answered_by_a_single_one() {
    let mut rig = Rig::connected();
    rig.say_bytes(b"\r\n\r\n");
    assert_eq!(rig.inbox.pop_front().as_deref(), Some(b"\r\n".as_slice()));
    rig.say_bytes(b"\r\n");
    rig.say_bytes(b"");
    rig.hear_nothing();
    assert_eq!(rig.agent.malformed_messages(), 0);
}
