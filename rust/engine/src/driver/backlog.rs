//! Sockets that are ready and wait for their turn.
use std::collections::{HashSet, VecDeque};

use mio::Token;

/// Each socket once, in the order in which they became ready; bounded by the number of sockets.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    queue: VecDeque<Token>,
    queued: HashSet<Token>,
}

impl Backlog {
    /// Puts a socket behind the others; one that waits already keeps its place.
    pub(crate) fn push(&mut self, token: Token) {
        if self.queued.insert(token) {
            self.queue.push_back(token);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<Token> {
        let token = self.queue.pop_front()?;
        self.queued.remove(&token);
        Some(token)
    }

    pub(crate) fn len(&self) -> usize {
        self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_that_waits_is_not_queued_again() {
        let mut backlog = Backlog::default();
        for _ in 0..1_000 {
            backlog.push(Token(1));
            backlog.push(Token(2));
        }
        assert_eq!(backlog.len(), 2);
        assert_eq!(backlog.pop(), Some(Token(1)));
        backlog.push(Token(1));
        assert_eq!(
            [backlog.pop(), backlog.pop(), backlog.pop()],
            [Some(Token(2)), Some(Token(1)), None]
        );
        assert!(backlog.is_empty());
    }
}
