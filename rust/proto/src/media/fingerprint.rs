//! Certificate fingerprints of SDP (RFC 8122 §5).
use rtc_stun::crypto::constant_time_eq;
use sha2::{Digest, Sha256, Sha384, Sha512};

/// Hash functions that we verify with, the one that browsers use first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HashFunction {
    /// `sha-256`.
    Sha256,
    /// `sha-384`.
    Sha384,
    /// `sha-512`.
    Sha512,
}

impl HashFunction {
    fn from_token(token: &str) -> Option<Self> {
        [
            ("sha-256", Self::Sha256),
            ("sha-384", Self::Sha384),
            ("sha-512", Self::Sha512),
        ]
        .into_iter()
        .find_map(|(name, hash)| name.eq_ignore_ascii_case(token).then_some(hash))
    }

    fn length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(data).to_vec(),
            Self::Sha384 => Sha384::digest(data).to_vec(),
            Self::Sha512 => Sha512::digest(data).to_vec(),
        }
    }
}

/// The digest of a certificate that a peer promises to show.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fingerprint {
    /// How it was made.
    pub hash: HashFunction,
    digest: Vec<u8>,
}

impl Fingerprint {
    /// Reads the value of `a=fingerprint`. `None`: malformed, or a hash function that we don't trust or know.
    pub fn parse(value: &str) -> Option<Self> {
        let (token, hex) = value.trim().split_once(' ')?;
        let hash = HashFunction::from_token(token)?;
        let digest: Option<Vec<u8>> = hex.trim().split(':').map(parse_byte).collect();
        digest
            .filter(|digest| digest.len() == hash.length())
            .map(|digest| Self { hash, digest })
    }

    /// Whether this DER certificate is the promised one; takes the same time either way.
    pub fn matches(&self, certificate: &[u8]) -> bool {
        constant_time_eq(&self.hash.digest(certificate), &self.digest)
    }
}

fn parse_byte(hex: &str) -> Option<u8> {
    // from_str_radix takes a sign as well
    let is_byte = hex.len() == 2 && hex.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_byte.then(|| u8::from_str_radix(hex, 16).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// SHA-256, SHA-384 and SHA-512 of "abc" (FIPS 180-2 appendices B.1, C.1, D.1).
    const OF_ABC: [&str; 3] = [
        "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD",
        "sha-384 cb:00:75:3f:45:a3:5e:8b:b5:a0:3d:69:9a:c6:50:07:27:2c:32:ab:0e:de:d1:63:1a:8b:60:5a:43:ff:5b:ed:\
         80:86:07:2b:a1:e7:cc:23:58:ba:ec:a1:34:c8:25:a7",
        "SHA-512 dd:af:35:a1:93:61:7a:ba:cc:41:73:49:ae:20:41:31:12:e6:fa:4e:89:a9:7e:a2:0a:9e:ee:e6:4b:55:d3:9a:\
         21:92:99:2a:27:4f:c1:a8:36:ba:3c:23:a3:fe:eb:bd:45:4d:44:23:64:3c:e8:0e:2a:9a:c9:4f:a5:4c:a4:9f",
    ];

    #[test]
    fn each_hash_function_tells_the_certificate_from_another() {
        for value in OF_ABC {
            let fingerprint = Fingerprint::parse(value).unwrap();
            assert!(fingerprint.matches(b"abc"), "{value}");
            assert!(!fingerprint.matches(b"abd"), "{value}");
        }
    }

    #[test]
    fn malformed_or_weak_ones_are_none() {
        let sha256 = OF_ABC[0];
        for value in [
            "",
            "sha-256",
            "sha-256 AB:CD",
            "sha-1 AB:CD:EF:00:11:22:33:44:55:66:77:88:99:AA:BB:CC:DD:EE:FF:00",
            &sha256.replace(":AD", ""),
            &sha256.replace("BA:", "+A:"),
            &sha256.replace("BA:", "B:"),
            &sha256.replace("sha-256", "md5"),
        ] {
            assert_eq!(Fingerprint::parse(value), None, "{value}");
        }
    }
}
