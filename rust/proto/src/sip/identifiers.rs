//! Random identifiers of 128 bits and more, which nobody can guess: branches, tags, Call-IDs, client nonces.
use crate::io::RandomSource;

/// 26 characters of a to z and 2 to 7: 130 bits.
pub fn random_token(random: &mut dyn RandomSource) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let mut bytes = [0; 26];
    random.fill(&mut bytes);
    bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter))
        .collect()
}

/// A branch of our own (RFC 3261 §8.1.1.7).
pub fn random_branch(random: &mut dyn RandomSource) -> String {
    format!("z9hG4bK{}", random_token(random))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Counting(u8);

    impl RandomSource for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_add(37);
                *byte = self.0;
            }
        }
    }

    #[test]
    fn identifiers_are_tokens_that_differ() {
        let mut random = Counting(0);
        let (one, two) = (random_token(&mut random), random_branch(&mut random));
        assert_eq!((one.len(), two.len()), (26, 33));
        assert!(crate::sip::scan::is_token(&one) && two.starts_with("z9hG4bK") && !two.ends_with(&one));
    }
}
