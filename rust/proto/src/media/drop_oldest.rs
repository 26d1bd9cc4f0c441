//! The policy of most of a call's queues: when one is full, its oldest item goes.
use std::collections::VecDeque;

/// Appends `item`; drops the oldest one if there are `limit` already.
pub(super) fn push_dropping_oldest<T>(queue: &mut VecDeque<T>, limit: usize, item: T) {
    if queue.len() >= limit {
        queue.pop_front();
    }
    queue.push_back(item);
}
