//! Sound for what is missing: continues the last pitch period where the codec has no concealment of its own (G.711), fades
//! any concealment out, and leads back to real sound.

/// Concealment stays at full level this long, then fades; seconds of sound at the rate are `rate / 1000 * ms`.
const FULL_MS: usize = 60;
/// Concealment is silent from here on.
const SILENT_MS: usize = 200;
/// Sound that is remembered.
const HISTORY_MS: usize = 40;
/// Shortest and longest period that is looked for (200 and 50 Hz; higher pitches repeat within).
const PERIOD_MS: std::ops::RangeInclusive<usize> = 5..=20;
/// What is compared to find it.
const TEMPLATE_MS: usize = 10;
/// Cross-fade from concealment to real sound.
const RETURN_MS: usize = 5;

/// Conceals one stream; all lengths are in samples at its rate.
pub struct Concealer {
    per_ms: usize,
    history: Vec<i16>,
    period: usize,
    concealed: usize,
}

impl Concealer {
    /// Takes the stream's rate in Hz.
    pub fn new(rate: u32) -> Self {
        let per_ms = (rate as usize / 1_000).max(1);
        Self {
            per_ms,
            history: vec![0; HISTORY_MS * per_ms],
            period: 0,
            concealed: 0,
        }
    }

    /// Whether the concealment has faded out.
    pub fn is_silent(&self) -> bool {
        self.concealed >= SILENT_MS * self.per_ms
    }

    /// Takes real sound, leading over to it from what `extrapolate` made before, if anything.
    pub fn hear(&mut self, sound: &mut [i16]) {
        if self.period > 0 {
            self.lead_back(sound);
        }
        self.concealed = 0;
        self.period = 0;
        self.remember(sound);
    }

    /// Appends `count` samples that continue the sound heard before, faded by how long that has been going on.
    pub fn extrapolate(&mut self, count: usize, pcm: &mut Vec<i16>) {
        if self.period == 0 {
            self.period = self.find_period();
        }
        let start = pcm.len();
        pcm.extend((self.concealed..self.concealed + count).map(|at| self.repeated(at)));
        self.fade(pcm.get_mut(start..).unwrap_or_default());
    }

    /// Fades sound that a codec's own concealment made.
    pub fn fade(&mut self, sound: &mut [i16]) {
        for sample in sound {
            *sample = (f32::from(*sample) * self.gain(self.concealed)) as i16;
            self.concealed = self.concealed.saturating_add(1);
        }
    }

    fn gain(&self, at: usize) -> f32 {
        let (full, silent) = (FULL_MS * self.per_ms, SILENT_MS * self.per_ms);
        silent.saturating_sub(at.max(full)) as f32 / (silent - full) as f32
    }

    /// The sample `at` samples into the repetition of the last period.
    fn repeated(&self, at: usize) -> i16 {
        let place = self.history.len() - self.period + at % self.period.max(1);
        self.history.get(place).copied().unwrap_or(0)
    }

    fn lead_back(&mut self, sound: &mut [i16]) {
        let length = (RETURN_MS * self.per_ms).min(sound.len());
        for (n, sample) in sound.iter_mut().take(length).enumerate() {
            let at = self.concealed + n;
            let old = f32::from(self.repeated(at)) * self.gain(at);
            let part = n as f32 / length as f32;
            *sample = (old + (f32::from(*sample) - old) * part) as i16;
        }
    }

    fn remember(&mut self, sound: &[i16]) {
        let length = self.history.len();
        if let Some(latest) = sound.len().checked_sub(length).and_then(|start| sound.get(start..)) {
            self.history.copy_from_slice(latest);
        } else {
            self.history.drain(..sound.len());
            self.history.extend_from_slice(sound);
        }
    }

    /// The lag at which the end of the history resembles what came before it the most.
    fn find_period(&self) -> usize {
        let template = TEMPLATE_MS * self.per_ms;
        let end = self.history.get(self.history.len() - template..).unwrap_or_default();
        let likeness = |lag: usize| {
            let start = self.history.len() - template - lag;
            let before = self.history.get(start..start + template).unwrap_or_default();
            let pairs = || end.iter().zip(before).map(|(a, b)| (f32::from(*a), f32::from(*b)));
            let product: f32 = pairs().map(|(a, b)| a * b).sum();
            let energy: f32 = pairs().map(|(_, b)| b * b).sum();
            product / (energy + 1.0).sqrt()
        };
        let (shortest, longest) = (PERIOD_MS.start() * self.per_ms, PERIOD_MS.end() * self.per_ms);
        let lags = (shortest..=longest).map(|lag| (likeness(lag), lag));
        lags.max_by(|a, b| a.0.total_cmp(&b.0)).map_or(longest, |(_, lag)| lag)
    }
}
