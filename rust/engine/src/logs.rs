//! Our own crates' `tracing` events, as lines for the owner whose work the thread is doing.
use std::cell::RefCell;
use std::fmt::{self, Write};
use std::sync::Arc;

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::event_queue::LogLine;

/// Takes the lines of one owner.
pub(crate) trait LogSink: Send + Sync {
    fn log(&self, line: LogLine);
}

thread_local! {
    static SINK: RefCell<Option<Arc<dyn LogSink>>> = const { RefCell::new(None) };
}

/// Lines logged by this thread go to `sink` while `work` runs; a panic in it passes through.
pub(crate) fn with_sink<T>(sink: &Arc<dyn LogSink>, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Arc<dyn LogSink>>);
    impl Drop for Restore {
        fn drop(&mut self) {
            SINK.set(self.0.take());
        }
    }
    let _restore = Restore(SINK.replace(Some(sink.clone())));
    work()
}

/// Installs the subscriber unless the process has one already; configures no output.
pub fn capture_logs() {
    let _ = tracing::subscriber::set_global_default(Capture);
}

/// Makes log lines of our own crates' events and leaves everything else alone: other crates log whole messages.
struct Capture;

impl Subscriber for Capture {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && is_ours(metadata.target()) && *metadata.level() <= Level::DEBUG
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::DEBUG)
    }

    fn event(&self, event: &Event<'_>) {
        let Some(sink) = SINK.with_borrow(Clone::clone) else {
            return;
        };
        let mut message = Message(String::new());
        event.record(&mut message);
        let metadata = event.metadata();
        sink.log(LogLine {
            level: python_level(*metadata.level()),
            target: metadata.target(),
            message: message.0,
        });
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// The message, then `name=value` for each field.
struct Message(String);

impl Visit for Message {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.0.insert_str(0, value);
        } else {
            let _ = write!(self.0, " {}={value}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.insert_str(0, &format!("{value:?}"));
        } else {
            let _ = write!(self.0, " {}={value:?}", field.name());
        }
    }
}

fn is_ours(target: &str) -> bool {
    target.starts_with("c2c_")
}

fn python_level(level: Level) -> u8 {
    match level {
        Level::ERROR => 40,
        Level::WARN => 30,
        Level::INFO => 20,
        Level::DEBUG | Level::TRACE => 10,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    #[derive(Default)]
    struct Lines(Mutex<Vec<LogLine>>);

    impl LogSink for Lines {
        fn log(&self, line: LogLine) {
            self.0.lock().unwrap().push(line);
        }
    }

    #[test]
    fn only_our_own_lines_reach_the_owner_at_work() {
        capture_logs();
        let lines = Arc::new(Lines::default());
        let sink: Arc<dyn LogSink> = lines.clone();
        tracing::info!("nobody's");
        with_sink(&sink, || {
            tracing::info!(status = 200, "answered");
            tracing::info!(target: "rustls", "whole messages");
            tracing::trace!("too fine");
        });
        tracing::info!("nobody's");
        let line = LogLine {
            level: 20,
            target: "c2c_engine::logs::tests",
            message: "answered status=200".into(),
        };
        assert_eq!(*lines.0.lock().unwrap(), [line]);
    }
}
