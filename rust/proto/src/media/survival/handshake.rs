//! What must hold for a DTLS handshake whose datagrams are lost, repeated, damaged or spliced: nothing panics, and no timer
//! stands still.
use std::collections::VecDeque;
use std::slice::Iter;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::certificate;
use crate::media::dtls::{DimplEndpoint, DtlsEndpoint, DtlsEvent, DtlsRole, DtlsVersions};

/// Steps of one run; more of the script is not looked at.
const MAX_STEPS: usize = 300;
/// Datagrams under way in one direction; more are lost.
const MAX_FLYING: usize = 64;
/// Timeouts that may be due at one moment.
const MAX_AT_ONCE: usize = 100;

/// Runs a client and a server through a script: its first byte chooses the versions, each other one a step for one side.
/// True unless a timer stood still.
pub fn handshake_survives(script: &[u8], now: Instant) -> bool {
    let Some((versions, script)) = script.split_first() else {
        return true;
    };
    let versions = [DtlsVersions::Auto, DtlsVersions::Only12, DtlsVersions::Only13]
        .get(usize::from(versions % 3))
        .copied()
        .unwrap_or(DtlsVersions::Auto);
    let ends = [DtlsRole::Client, DtlsRole::Server].map(|role| End::new(role, versions, now));
    let [Some(client), Some(server)] = ends else {
        return false;
    };
    let mut run = Run {
        ends: [client, server],
        now,
        script: script.iter(),
    };
    run.drain();
    (0..MAX_STEPS).all(|_| run.step())
}

/// Whether both sides are connected after a script.
#[cfg(test)]
fn connects(script: &[u8], now: Instant) -> [bool; 2] {
    let ends = [DtlsRole::Client, DtlsRole::Server].map(|role| End::new(role, DtlsVersions::Auto, now).unwrap());
    let script = script.iter();
    let mut run = Run { ends, now, script };
    run.drain();
    while !run.script.as_slice().is_empty() {
        assert!(run.step());
    }
    run.ends.map(|end| end.is_connected)
}

/// One side, and what is on its way to it.
struct End {
    endpoint: DimplEndpoint,
    arriving: VecDeque<Vec<u8>>,
    is_connected: bool,
}

struct Run<'a> {
    ends: [End; 2],
    now: Instant,
    script: Iter<'a, u8>,
}

impl End {
    fn new(role: DtlsRole, versions: DtlsVersions, now: Instant) -> Option<Self> {
        let endpoint = DimplEndpoint::new(Arc::clone(certificate()?), versions, role, now).ok()?;
        Some(Self {
            endpoint,
            arriving: VecDeque::new(),
            is_connected: false,
        })
    }
}

impl End {
    /// What it wants sent is on its way to the other one.
    fn hand_over(&mut self, to: &mut Self) {
        while let Some(event) = self.endpoint.poll_event() {
            self.is_connected |= matches!(event, DtlsEvent::Connected);
        }
        to.arriving.extend(std::iter::from_fn(|| self.endpoint.poll_transmit()));
        to.arriving.truncate(MAX_FLYING);
    }
}

impl Run<'_> {
    /// The lowest bit of a step says which side it is for, the others what happens; false when a timer stands still.
    fn step(&mut self) -> bool {
        let Some(&step) = self.script.next() else { return true };
        let side = usize::from(step & 1);
        let Some(end) = self.ends.get_mut(side) else {
            return true;
        };
        match step >> 1 & 7 {
            0..=2 => {
                let next = end.arriving.pop_front();
                self.feed(side, next);
            }
            3 => drop(end.arriving.pop_front()),
            4 => {
                let next = end.arriving.front().cloned();
                self.feed(side, next);
            }
            5 => self.damage(side),
            6 => self.splice(side),
            _ => return self.wait(),
        }
        true
    }

    fn feed(&mut self, side: usize, datagram: Option<Vec<u8>>) {
        if let (Some(datagram), Some(end)) = (datagram, self.ends.get_mut(side)) {
            // an error ends a handshake, and what comes afterwards must do no harm either
            let _ = end.endpoint.handle_datagram(&datagram, self.now);
        }
        self.drain();
    }

    fn damage(&mut self, side: usize) {
        let (place, mask) = (usize::from(self.choice()), self.choice());
        let mut next = self.ends.get_mut(side).and_then(|end| end.arriving.pop_front());
        if let Some(datagram) = &mut next {
            let at = place * datagram.len() / 256;
            if let Some(byte) = datagram.get_mut(at) {
                *byte ^= mask;
            }
        }
        self.feed(side, next);
    }

    /// The head of the next datagram with the tail of the one behind it, or of the other side's next.
    fn splice(&mut self, side: usize) {
        let (head, tail) = (usize::from(self.choice()), usize::from(self.choice()));
        let next = self.ends.get_mut(side).and_then(|end| end.arriving.pop_front());
        let from = if tail & 1 == 0 { side } else { 1 - side };
        let behind = self.ends.get(from).and_then(|end| end.arriving.front().cloned());
        let (Some(mut datagram), Some(behind)) = (next, behind) else {
            return;
        };
        datagram.truncate(head * datagram.len() / 256);
        datagram.extend_from_slice(behind.get(tail * behind.len() / 256..).unwrap_or_default());
        self.feed(side, Some(datagram));
    }

    /// The next timer is due.
    fn wait(&mut self) -> bool {
        let due = self.ends.iter().filter_map(|end| end.endpoint.poll_timeout()).min();
        self.now = due.map_or(self.now + Duration::from_millis(100), |due| self.now.max(due));
        for end in &mut self.ends {
            let mut runs = 0;
            while end.endpoint.poll_timeout().is_some_and(|due| due <= self.now) {
                let is_over = end.endpoint.handle_timeout(self.now).is_err();
                runs += 1;
                if is_over || runs > MAX_AT_ONCE {
                    break;
                }
            }
            if runs > MAX_AT_ONCE {
                return false;
            }
        }
        self.drain();
        true
    }

    fn drain(&mut self) {
        let [client, server] = &mut self.ends;
        client.hand_over(server);
        server.hand_over(client);
    }

    fn choice(&mut self) -> u8 {
        self.script.next().copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_do_what_they_say() {
        let now = crate::test_clock::start();
        // 0 and 1: the next datagram arrives at the client, at the server
        let all = [1, 1, 1, 1, 0, 0, 0, 0].repeat(8);
        assert_eq!(connects(&all, now), [true, true]);
        // 6 and 7: it is lost; 14: the next timer is due
        assert_eq!(connects(&[7, 7, 7], now), [false, false]);
        let lost = [&[7, 7, 14][..], &[14, 1, 1, 1, 1, 0, 0, 0, 0].repeat(12)].concat();
        assert_eq!(connects(&lost, now), [true, true], "sent again");
        // 12: a bit of the first flight is turned over
        assert_eq!(connects(&[11, 100, 1, 1, 1], now), [false, false]);
    }
}
