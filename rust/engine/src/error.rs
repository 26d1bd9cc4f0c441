//! What the engine refuses, and what to do about it.
use std::io;

/// Why the engine did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The client or listener is closed, or its driver is gone.
    #[error("it is closed")]
    Closed,
    /// This process is a fork of the one that made the client.
    #[error("this object belongs to the parent process; make a new client after the fork")]
    Forked,
    /// The driver has not taken the client's commands for too long; the client ends.
    #[error("{0} commands wait: the driver is stalled or the caller floods it; the client ends")]
    CommandsFull(usize),
    /// What the operating system refused, with the remedy.
    #[error("{doing}: {cause}{remedy}")]
    System {
        /// What was tried.
        doing: &'static str,
        /// The system's own words.
        cause: io::Error,
        /// What the user may do; empty when nothing is known.
        remedy: String,
    },
    /// Misuse, told to the caller.
    #[error("{0}")]
    Invalid(String),
}

impl EngineError {
    /// A refusal of the operating system while `doing` something.
    pub fn system(doing: &'static str, cause: io::Error) -> Self {
        let remedy = remedy(&cause);
        Self::System { doing, cause, remedy }
    }
}

/// What to do about an error of the operating system, as a clause to append; empty when nothing is known.
pub(crate) fn remedy(error: &io::Error) -> String {
    match error.raw_os_error() {
        Some(libc::EMFILE) => {
            let limit = open_files_limit().map_or(String::new(), |limit| format!(", now {limit}"));
            format!(
                "; the process is out of file descriptors: raise its limit (`ulimit -n`{limit}) or place fewer calls"
            )
        }
        Some(libc::ENFILE) => "; the machine is out of file descriptors: raise fs.file-max".into(),
        Some(libc::EAGAIN) => "; the process may have too many threads (`ulimit -u`)".into(),
        _ => String::new(),
    }
}

/// The soft limit of open files, read when the first driver starts since reading it takes a descriptor.
pub(crate) fn open_files_limit() -> Option<u64> {
    static LIMIT: std::sync::OnceLock<Option<u64>> = std::sync::OnceLock::new();
    *LIMIT.get_or_init(|| parse_limit(&std::fs::read_to_string("/proc/self/limits").ok()?))
}

fn parse_limit(limits: &str) -> Option<u64> {
    let line = limits.lines().find(|line| line.starts_with("Max open files"))?;
    line.split_whitespace().nth(3)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_files_names_limit_and_remedy() {
        let error = EngineError::system("binding a UDP socket", io::Error::from_raw_os_error(libc::EMFILE));
        assert!(error.to_string().contains("ulimit -n"), "{error}");
    }

    #[test]
    fn the_limit_is_the_soft_one() {
        let text = "Limit                     Soft Limit           Hard Limit           Units\n\
                    Max open files            1024                 524288               files\n";
        assert_eq!(parse_limit(text), Some(1024));
    }
}
