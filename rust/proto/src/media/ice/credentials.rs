//! Username fragment and password of one side (RFC 8445 §5.3).
use crate::io::{RandomSource, Secret};

/// `a=ice-ufrag` and `a=ice-pwd`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IceCredentials {
    /// Username fragment.
    pub ufrag: String,
    /// Password: the key of MESSAGE-INTEGRITY.
    pub password: Secret,
}

impl IceCredentials {
    /// Draws a fragment of 48 and a password of 144 bits.
    pub fn generate(random: &mut dyn RandomSource) -> Self {
        Self {
            ufrag: ice_chars(random, 8),
            password: Secret(ice_chars(random, 24)),
        }
    }
}

/// Characters of RFC 8839 §5.4, of which there are 64.
pub(in crate::media) fn ice_chars(random: &mut dyn RandomSource, count: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = vec![0; count];
    random.fill(&mut bytes);
    bytes
        .iter()
        .filter_map(|byte| ALPHABET.get(usize::from(byte & 63)))
        .map(|byte| char::from(*byte))
        .collect()
}
