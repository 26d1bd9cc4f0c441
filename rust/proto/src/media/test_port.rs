//! A call's audio port in memory: what a writer wrote, what each reader heard.
use std::collections::{BTreeMap, VecDeque};

use crate::io::AudioPort;

#[derive(Default)]
pub(crate) struct TestPort {
    pub(crate) writer: Option<u32>,
    pub(crate) written: VecDeque<Vec<i16>>,
    pub(crate) readers: Vec<u32>,
    pub(crate) heard: BTreeMap<u32, Vec<i16>>,
    pub(crate) sent: BTreeMap<u32, Vec<i16>>,
}

impl TestPort {
    pub(crate) fn with_readers(rates: &[u32]) -> Self {
        Self {
            readers: rates.to_vec(),
            ..Self::default()
        }
    }

    /// A writer at `rate` that has written all of `samples`, in frames of 20 ms.
    pub(crate) fn with_writer(rate: u32, samples: &[i16]) -> Self {
        Self {
            writer: Some(rate),
            written: samples.chunks_exact(rate as usize / 50).map(<[i16]>::to_vec).collect(),
            ..Self::default()
        }
    }
}

impl AudioPort for TestPort {
    fn outgoing_rate(&self) -> Option<u32> {
        self.writer
    }

    fn pull(&mut self, frame: &mut [i16]) -> bool {
        let Some(written) = self.written.pop_front() else {
            return false;
        };
        frame.copy_from_slice(&written);
        true
    }

    fn incoming_rates(&self) -> Vec<u32> {
        self.readers.clone()
    }

    fn sent_rates(&self) -> Vec<u32> {
        self.sent.keys().copied().collect()
    }

    fn push_sent(&mut self, rate: u32, samples: &[i16]) {
        self.sent.entry(rate).or_default().extend_from_slice(samples);
    }

    fn push(&mut self, rate: u32, samples: &[i16], position: u64) {
        let heard = self.heard.entry(rate).or_default();
        assert_eq!(position as usize, heard.len(), "a gap or an overlap at {rate} Hz");
        heard.extend_from_slice(samples);
    }
}
