//! The process's driver threads, so that its end can wait for them, but not for long.
use std::mem;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Threads of the process with this id. A fork has none of them: it forgets the handles and joins nothing.
struct Threads {
    process: u32,
    handles: Vec<JoinHandle<()>>,
}

static THREADS: Mutex<Threads> = Mutex::new(Threads {
    process: 0,
    handles: Vec::new(),
});

/// Remembers a thread; joins those that have ended since.
pub(crate) fn remember(handle: JoinHandle<()>) {
    with_handles(|handles| {
        join_finished(handles);
        handles.push(handle);
    });
}

/// Waits until all driver threads have ended, at most so long; says whether they have. Tell them to end before.
pub fn join_all(limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    loop {
        let none_left = with_handles(|handles| {
            join_finished(handles);
            handles.is_empty()
        });
        if none_left || Instant::now() >= deadline {
            return none_left;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn with_handles<T>(work: impl FnOnce(&mut Vec<JoinHandle<()>>) -> T) -> T {
    let mut threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
    if threads.process != std::process::id() {
        mem::take(&mut threads.handles).into_iter().for_each(mem::forget);
        threads.process = std::process::id();
    }
    work(&mut threads.handles)
}

fn join_finished(handles: &mut Vec<JoinHandle<()>>) {
    for index in (0..handles.len()).rev() {
        if handles.get(index).is_some_and(JoinHandle::is_finished) {
            // a driver catches its panics, and its owners were told
            let _ = handles.swap_remove(index).join();
        }
    }
}
