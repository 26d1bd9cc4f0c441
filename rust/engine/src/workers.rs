//! A small pool of threads for what may block: TCP, TLS handshakes, HTTP upgrades. Threads come on demand and leave when idle.
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Threads a pool may have. They mostly wait for the network: as many dead servers keep nobody else waiting, and 1,000
/// clients that a server's restart cut off are back after some 8 s at a round trip of 100 ms.
const THREADS: usize = 64;
/// Jobs that may wait; one more is refused.
const WAITING: usize = 4_096;
/// How long a thread waits for a job before it leaves.
const IDLE: Duration = Duration::from_secs(5);

type Job = Box<dyn FnOnce() + Send>;

/// A handle on the pool; when the last one is gone the threads leave at once.
#[derive(Clone)]
pub(crate) struct Workers {
    pool: Arc<Pool>,
    _owner: Arc<Owner>,
}

#[derive(Default)]
struct Pool {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    threads: usize,
    idle: usize,
    over: bool,
}

struct Owner(Arc<Pool>);

impl Drop for Owner {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.over = true;
        state.jobs.clear();
        self.0.changed.notify_all();
    }
}

impl Workers {
    pub(crate) fn new() -> Self {
        let pool = Arc::new(Pool::default());
        Self {
            _owner: Arc::new(Owner(pool.clone())),
            pool,
        }
    }

    /// Runs a job on one of the threads; `false` when too many wait or no thread can be had.
    pub(crate) fn submit(&self, job: impl FnOnce() + Send + 'static) -> bool {
        let mut state = self.pool.lock();
        if state.jobs.len() >= WAITING {
            return false;
        }
        if state.idle <= state.jobs.len() && state.threads < THREADS {
            let pool = self.pool.clone();
            let started = std::thread::Builder::new()
                .name("c2c-connect".into())
                .spawn(move || pool.work());
            state.threads += usize::from(started.is_ok());
        }
        if state.threads == 0 {
            return false;
        }
        state.jobs.push_back(Box::new(job));
        self.pool.changed.notify_one();
        true
    }
}

impl Pool {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn work(&self) {
        while let Some(job) = self.next() {
            // a job that panics gives no result; who waits for it has a time limit
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    }

    /// The next job, or `None` when the thread has to leave.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        if state.jobs.is_empty() && !state.over {
            state.idle += 1;
            let waited = self
                .changed
                .wait_timeout_while(state, IDLE, |state| state.jobs.is_empty() && !state.over);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
        let job = state.jobs.pop_front();
        if job.is_none() {
            state.threads -= 1;
        }
        job
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn jobs_run_side_by_side_and_a_panic_ends_only_its_own() {
        let workers = Workers::new();
        let (done, results) = channel();
        let (release, gate) = channel::<()>();
        assert!(workers.submit(move || gate.recv().unwrap_or_default()));
        assert!(workers.submit(|| panic!("this job only")));
        for number in 0..20 {
            let done = done.clone();
            assert!(workers.submit(move || done.send(number).unwrap()));
        }
        let mut numbers: Vec<i32> = results.iter().take(20).collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (0..20).collect::<Vec<_>>());
        drop(release);
    }

    #[test]
    fn never_more_threads_than_allowed() {
        let workers = Workers::new();
        let (release, gate) = channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        for _ in 0..THREADS + 20 {
            let gate = gate.clone();
            assert!(workers.submit(move || gate.lock().unwrap().recv().unwrap_or_default()));
        }
        assert_eq!(workers.pool.lock().threads, THREADS);
        drop(release);
    }
}
