//! G.711 µ-law and A-law (ITU-T G.711 tables 1 and 2), decoded by table, encoded by segment.

/// Bias that puts µ-law's segment borders on powers of two, on a 16-bit scale.
const MU_BIAS: i32 = 33 << 2;
/// Largest magnitude that µ-law tells apart, on a 16-bit scale.
const MU_CLIP: i32 = 32_635;
/// A-law inverts its even bits (G.711 §3).
const A_INVERTED: u8 = 0x55;

const MU_TABLE: [i16; 256] = table(Law::Mu);
const A_TABLE: [i16; 256] = table(Law::A);

/// Which of the two companding laws.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Law {
    /// µ-law (PCMU), 14 bits.
    Mu,
    /// A-law (PCMA), 13 bits.
    A,
}

impl Law {
    /// The code of a 16-bit sample.
    pub fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_mu(sample),
            Self::A => encode_a(sample),
        }
    }

    /// The 16-bit sample of a code.
    pub fn decode(self, code: u8) -> i16 {
        let table = match self {
            Self::Mu => &MU_TABLE,
            Self::A => &A_TABLE,
        };
        table[usize::from(code)]
    }
}

fn encode_mu(sample: i16) -> u8 {
    let magnitude = i32::from(sample).abs().min(MU_CLIP) + MU_BIAS;
    // bit 7 (132..) is segment 0, bit 14 segment 7
    let segment = magnitude.ilog2() - 7;
    let step = (magnitude >> (segment + 3)) & 0x0f;
    let sign = if sample < 0 { 0x80 } else { 0 };
    !(sign | (segment << 4) as u8 | step as u8)
}

fn encode_a(sample: i16) -> u8 {
    // magnitudes of negative samples count from -1 (one's complement), so that 0 and -1 differ in sign only
    let magnitude = i32::from(if sample < 0 { !sample } else { sample }) >> 4;
    let sign = if sample < 0 { 0 } else { 0x80 };
    let segment = (magnitude | 0x0f).ilog2() - 3;
    // segments 0 and 1 have steps of the same size
    let step = (magnitude >> segment.saturating_sub(1)) & 0x0f;
    (sign | (segment << 4) as u8 | step as u8) ^ A_INVERTED
}

const fn table(law: Law) -> [i16; 256] {
    let mut table = [0; 256];
    let mut code = 0;
    while code < 256 {
        table[code] = match law {
            Law::Mu => decode_mu(code as u8),
            Law::A => decode_a(code as u8),
        };
        code += 1;
    }
    table
}

const fn decode_mu(code: u8) -> i16 {
    let code = !code;
    let segment = (code >> 4) & 7;
    let magnitude = (((((code & 0x0f) as i32) << 3) + MU_BIAS) << segment) - MU_BIAS;
    (if code & 0x80 == 0 { magnitude } else { -magnitude }) as i16
}

const fn decode_a(code: u8) -> i16 {
    let code = code ^ A_INVERTED;
    let segment = (code >> 4) & 7;
    let step = ((code & 0x0f) as i32) << 4;
    let magnitude = if segment == 0 {
        step + 8
    } else {
        (step + 0x108) << (segment - 1)
    };
    (if code & 0x80 == 0 { -magnitude } else { magnitude }) as i16
}
