//! The process's driver threads, so that its end can end them, but not wait for long.
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Threads of the process with this id. A fork has none of them: it forgets them and joins nothing.
struct Threads {
    process: u32,
    running: Vec<Running>,
}

struct Running {
    handle: JoinHandle<()>,
    /// Asks the thread to end.
    end: Box<dyn Fn() + Send>,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads {
    process: 0,
    running: Vec::new(),
});

/// Remembers a thread and how to end it; joins those that have ended since.
pub(crate) fn remember(handle: JoinHandle<()>, end: impl Fn() + Send + 'static) {
    with_running(|running| {
        join_ended(running);
        running.push(Running {
            handle,
            end: Box::new(end),
        });
    });
}

/// Has all agents of all drivers say farewell and end, for the process's exit. Waits for that at most so long, and says
/// whether it was enough.
pub fn shut_down(limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    with_running(|running| running.iter().for_each(|thread| (thread.end)()));
    loop {
        let none_left = with_running(|running| {
            join_ended(running);
            running.is_empty()
        });
        if none_left || Instant::now() >= deadline {
            return none_left;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn with_running<T>(work: impl FnOnce(&mut Vec<Running>) -> T) -> T {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if threads.process != std::process::id() {
        mem::take(&mut threads.running).into_iter().for_each(mem::forget);
        threads.process = std::process::id();
    }
    work(&mut threads.running)
}

fn join_ended(running: &mut Vec<Running>) {
    for index in (0..running.len()).rev() {
        if running.get(index).is_some_and(|thread| thread.handle.is_finished()) {
            // a driver catches its panics, and its owners were told
            let _ = running.swap_remove(index).handle.join();
        }
    }
}
