//! Which pairs are checked, and how often.
use std::cmp::Reverse;
use std::time::Duration;

use super::agent::CHECK_INTERVAL;
use crate::media::candidate::Candidate;

/// Pairs that are checked (RFC 8445 §6.1.2.5).
pub(super) const MAX_CHECKED_PAIRS: usize = 100;

/// The peer's candidates that one of ours can reach, best first, as many as give `MAX_CHECKED_PAIRS`.
pub(super) fn usable<'a>(ours: &[Candidate], theirs: &'a [Candidate]) -> Vec<&'a Candidate> {
    let is_reached = |remote: &&Candidate| ours.iter().any(|local| is_same_family(local, remote));
    let mut usable: Vec<&Candidate> = theirs.iter().filter(is_reached).collect();
    usable.sort_by_key(|candidate| Reverse(candidate.priority));
    usable.truncate(MAX_CHECKED_PAIRS / ours.len().max(1));
    usable
}

/// Time between two rounds of checks: 20 rounds a second while it matters, 2 when only a slow or lossy link is left to
/// hope for.
pub(super) fn interval(elapsed: Duration) -> Duration {
    match elapsed.as_millis() {
        0..1_000 => CHECK_INTERVAL,
        1_000..5_000 => CHECK_INTERVAL * 4,
        _ => CHECK_INTERVAL * 10,
    }
}

fn is_same_family(left: &Candidate, right: &Candidate) -> bool {
    left.address.is_ipv4() == right.address.is_ipv4()
}
