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

#[cfg(test)]
mod tests {
    use super::*;

    /// G.711 tables 1a and 2a: values at the segments' ends in the laws' own units, with their codes.
    const A_ENDS: [(i32, u8); 8] = [
        (4_032, 0b1111_1111),
        (2_112, 0b1111_0000),
        (1_056, 0b1110_0000),
        (528, 0b1101_0000),
        (264, 0b1100_0000),
        (132, 0b1011_0000),
        (66, 0b1010_0000),
        (1, 0b1000_0000),
    ];
    const MU_ENDS: [(i32, u8); 10] = [
        (8_031, 0b1000_0000),
        (4_191, 0b1000_1111),
        (2_079, 0b1001_1111),
        (1_023, 0b1010_1111),
        (495, 0b1011_1111),
        (231, 0b1100_1111),
        (99, 0b1101_1111),
        (33, 0b1110_1111),
        (2, 0b1111_1110),
        (0, 0b1111_1111),
    ];

    #[test]
    fn table_values_of_the_recommendation() {
        for (value, code) in A_ENDS {
            // 13 bits; even bits are inverted on the line
            assert_eq!(i32::from(Law::A.decode(code ^ A_INVERTED)), value * 8);
            assert_eq!(i32::from(Law::A.decode(code ^ A_INVERTED ^ 0x80)), -value * 8);
        }
        for (value, code) in MU_ENDS {
            assert_eq!(i32::from(Law::Mu.decode(code)), value * 4);
            assert_eq!(i32::from(Law::Mu.decode(code ^ 0x80)), -value * 4);
        }
    }

    #[test]
    fn decision_values_of_the_recommendation() {
        // G.711 table 1a, decision values 128 to 1 and table 2a, decision values 128 to 1
        for (decision, above, below) in [
            (2_048, 0xf0, 0xef),
            (1_024, 0xe0, 0xdf),
            (64, 0xa0, 0x9f),
            (2, 0x81, 0x80),
        ] {
            assert_eq!(Law::A.encode((decision * 8) as i16), above ^ A_INVERTED);
            assert_eq!(Law::A.encode((decision * 8 - 1) as i16), below ^ A_INVERTED);
        }
        for (decision, above, below) in [
            (4_063, 0x8f, 0x90),
            (2_015, 0x9f, 0xa0),
            (31, 0xef, 0xf0),
            (1, 0xfe, 0xff),
        ] {
            assert_eq!(Law::Mu.encode((decision * 4) as i16), above);
            assert_eq!(Law::Mu.encode((decision * 4 - 1) as i16), below);
        }
    }

    #[test]
    fn the_error_is_half_a_step_at_most() {
        for sample in -32_635..=32_635_i16 {
            let (mu, a) = (Law::Mu.encode(sample), Law::A.encode(sample));
            let mu_step = 8_u16 << ((!mu >> 4) & 7);
            let a_step = 16_u16 << (((a ^ A_INVERTED) >> 4) & 7).saturating_sub(1);
            assert!(Law::Mu.decode(mu).abs_diff(sample) <= mu_step / 2, "µ {sample}");
            assert!(Law::A.decode(a).abs_diff(sample) <= a_step / 2, "A {sample}");
        }
    }

    #[test]
    fn full_scale_is_clipped() {
        assert_eq!((Law::Mu.encode(i16::MAX), Law::Mu.encode(i16::MIN)), (0x80, 0x00));
        assert_eq!((Law::A.encode(i16::MAX), Law::A.encode(i16::MIN)), (0xaa, 0x2a));
    }

    #[test]
    fn codes_survive_a_round_trip() {
        for code in 0..=255 {
            assert_eq!(Law::A.encode(Law::A.decode(code)), code);
            // µ-law has two zeros
            let expected = if code == 0x7f { 0xff } else { code };
            assert_eq!(Law::Mu.encode(Law::Mu.decode(code)), expected);
        }
    }
}
