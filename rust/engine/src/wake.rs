//! One byte over a socket pair tells the owner that something waits; its loop sleeps on the other end.
use std::io;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};

use socket2::SockRef;

/// The sending end: at most one byte is under way for each time the owner looks.
#[derive(Debug)]
pub(crate) struct Wake {
    stream: UnixStream,
    sent: AtomicBool,
}

impl Wake {
    /// Both ends, non-blocking; the second is the owner's.
    pub(crate) fn pair() -> io::Result<(Self, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        theirs.set_nonblocking(true)?;
        #[cfg(target_vendor = "apple")]
        SockRef::from(&ours).set_nosigpipe(true)?;
        Ok((
            Self {
                stream: ours,
                sent: AtomicBool::new(false),
            },
            theirs,
        ))
    }

    /// Sends the byte unless one is already under way. A full or closed socket is no error: the owner has enough to
    /// wake up for, or is gone.
    pub(crate) fn notify(&self) {
        if !self.sent.swap(true, Ordering::SeqCst) {
            let _ = SockRef::from(&self.stream).send_with_flags(&[1], NO_SIGNAL);
        }
    }

    /// The owner is about to look: what comes from now on needs a new byte.
    pub(crate) fn acknowledge(&self) {
        self.sent.store(false, Ordering::SeqCst);
    }
}

/// A peer that is gone must not raise SIGPIPE in a process that has not ignored it.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: libc::c_int = 0;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;

    #[test]
    fn one_byte_until_the_owner_looks() {
        let (wake, mut owner) = Wake::pair().unwrap();
        let mut bytes = [0; 8];
        wake.notify();
        wake.notify();
        assert_eq!(owner.read(&mut bytes).unwrap(), 1);
        wake.acknowledge();
        wake.notify();
        assert_eq!(owner.read(&mut bytes).unwrap(), 1);
        assert_eq!(owner.read(&mut bytes).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }

    #[test]
    fn an_owner_that_is_gone_or_full_is_no_error() {
        let (wake, owner) = Wake::pair().unwrap();
        for _ in 0..100_000 {
            wake.notify();
            wake.acknowledge();
        }
        drop(owner);
        wake.notify();
    }
}
