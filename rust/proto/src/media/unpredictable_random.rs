//! Randomness for transaction ids after the injected source is out of reach: nobody who has seen some can tell the next.
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use crate::io::RandomSource;

/// SHA-256 of a secret seed and a counter.
pub(in crate::media) struct UnpredictableRandom {
    seed: Zeroizing<[u8; 32]>,
    drawn: u64,
}

impl std::fmt::Debug for UnpredictableRandom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("UnpredictableRandom")
    }
}

impl UnpredictableRandom {
    /// Draws the seed.
    pub(in crate::media) fn new(random: &mut dyn RandomSource) -> Self {
        let mut seed = Zeroizing::new([0; 32]);
        random.fill(seed.as_mut_slice());
        Self { seed, drawn: 0 }
    }

    /// Always the same, for tests.
    #[cfg(test)]
    pub(in crate::media) fn fixed() -> Self {
        Self {
            seed: Zeroizing::new([1; 32]),
            drawn: 0,
        }
    }
}

impl RandomSource for UnpredictableRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(32) {
            let hash = Sha256::new_with_prefix(self.seed.as_slice());
            let block = hash.chain_update(self.drawn.to_le_bytes()).finalize();
            self.drawn += 1;
            chunk.iter_mut().zip(block).for_each(|(byte, drawn)| *byte = drawn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_draws_are_alike() {
        let mut random = UnpredictableRandom::new(&mut UnpredictableRandom::fixed());
        let mut seen = std::collections::HashSet::new();
        for _ in 0..1000 {
            let mut id = [0; 12];
            random.fill(&mut id);
            assert!(seen.insert(id));
        }
        let mut long = [0; 70];
        random.fill(&mut long);
        assert!(long.chunks(8).all(|chunk| chunk.iter().any(|byte| *byte != 0)));
        assert_eq!(format!("{random:?}"), "UnpredictableRandom");
    }
}
