//! How long a jitter buffer should wait: arrival times against timestamps, as a quantile over the last seconds.

/// Frames of 20 ms in which delays are counted: 0 to 400 ms.
const BINS: usize = 21;
/// The bin that is full at the start: 60 ms.
const FIRST_BIN: usize = 2;
/// Part of the packets that should be in time.
const QUANTILE: f32 = 0.98;
/// What is left of a packet's weight at the next one: half after 140 packets.
const FORGET: f32 = 0.995;
/// The fastest packet is looked for over one to two of these, seconds.
const WINDOW: i64 = 2;

/// Watches arrivals; all times are in ticks of the RTP clock.
#[derive(Clone, Debug)]
pub(super) struct DelayEstimator {
    clock_rate: i64,
    bins: [f32; BINS],
    fastest: i64,
    fastest_before: i64,
    window_started: i64,
}

impl DelayEstimator {
    /// Starts with the first packet: `transit` is its arrival minus its timestamp.
    pub(super) fn new(clock_rate: u32, transit: i64, now: i64) -> Self {
        let mut bins = [0.0; BINS];
        bins[FIRST_BIN] = 1.0;
        Self {
            clock_rate: i64::from(clock_rate),
            bins,
            fastest: transit,
            fastest_before: transit,
            window_started: now,
        }
    }

    /// Takes the arrival of a packet.
    pub(super) fn observe(&mut self, transit: i64, now: i64) {
        if now - self.window_started >= WINDOW * self.clock_rate {
            self.fastest_before = self.fastest;
            self.fastest = transit;
            self.window_started = now;
        }
        self.fastest = self.fastest.min(transit);
        let late = (transit - self.base()) / self.frame();
        let late = usize::try_from(late).unwrap_or(0).min(BINS - 1);
        for (bin, weight) in self.bins.iter_mut().enumerate() {
            *weight = *weight * FORGET + if bin == late { 1.0 - FORGET } else { 0.0 };
        }
    }

    /// Transit of the fastest packet of the last seconds.
    pub(super) fn base(&self) -> i64 {
        self.fastest.min(self.fastest_before)
    }

    /// How long the fastest packet should wait: 20 to 400 ms.
    pub(super) fn target(&self) -> i64 {
        let mut sum = 0.0;
        let enough = self.bins.iter().position(|weight| {
            sum += weight;
            sum >= QUANTILE
        });
        let bin = enough.unwrap_or(BINS - 1).min(BINS - 2);
        (bin as i64 + 1) * self.frame()
    }

    fn frame(&self) -> i64 {
        self.clock_rate / 50
    }
}
