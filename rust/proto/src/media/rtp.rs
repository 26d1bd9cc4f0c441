//! Framing of RTP packets (RFC 3550 §5.1), and telling RTCP from RTP (RFC 5761 §4).

/// Bytes of a header without CSRCs and extension.
pub const FIXED_HEADER: usize = 12;

/// What an RTP header says.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RtpHeader {
    /// Marker bit.
    pub marker: bool,
    /// Payload type, 0 to 127.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp.
    pub timestamp: u32,
    /// Synchronization source.
    pub ssrc: u32,
    /// Where the payload begins: CSRCs and the extension are skipped.
    pub length: usize,
    /// The last payload byte counts bytes of padding.
    pub has_padding: bool,
}

impl RtpHeader {
    /// Reads the header of a packet, which may still be encrypted. `None`: malformed.
    pub fn parse(packet: &[u8]) -> Option<Self> {
        let (fixed, rest) = packet.split_first_chunk::<FIXED_HEADER>()?;
        let [first, second, s0, s1, t0, t1, t2, t3, c0, c1, c2, c3] = *fixed;
        if first >> 6 != 2 {
            return None;
        }
        let contributing = usize::from(first & 0x0f) * 4;
        let extension = if first & 0x10 == 0 {
            0
        } else {
            let [_, _, high, low] = *rest.get(contributing..)?.first_chunk::<4>()?;
            4 + usize::from(u16::from_be_bytes([high, low])) * 4
        };
        let length = FIXED_HEADER + contributing + extension;
        (packet.len() >= length).then_some(Self {
            marker: second & 0x80 != 0,
            payload_type: second & 0x7f,
            sequence: u16::from_be_bytes([s0, s1]),
            timestamp: u32::from_be_bytes([t0, t1, t2, t3]),
            ssrc: u32::from_be_bytes([c0, c1, c2, c3]),
            length,
            has_padding: first & 0x20 != 0,
        })
    }

    /// Appends the header without CSRCs, extension and padding.
    pub fn write(&self, packet: &mut Vec<u8>) {
        packet.extend_from_slice(&[0x80, u8::from(self.marker) << 7 | self.payload_type & 0x7f]);
        packet.extend_from_slice(&self.sequence.to_be_bytes());
        packet.extend_from_slice(&self.timestamp.to_be_bytes());
        packet.extend_from_slice(&self.ssrc.to_be_bytes());
    }

    /// The payload of a decrypted packet without its padding. `None`: the padding makes no sense.
    pub fn payload<'a>(&self, packet: &'a [u8]) -> Option<&'a [u8]> {
        let payload = packet.get(self.length..)?;
        if !self.has_padding {
            return Some(payload);
        }
        let padding = usize::from(*payload.last()?);
        (padding > 0)
            .then(|| payload.get(..payload.len().checked_sub(padding)?))
            .flatten()
    }
}

/// Whether a packet of the SRTP range is RTCP: packet types 192 to 223 (RFC 5761 §4).
pub fn is_rtcp(packet: &[u8]) -> bool {
    packet.get(1).is_some_and(|kind| (192..=223).contains(kind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_reads_back() {
        let header = RtpHeader {
            marker: true,
            payload_type: 111,
            sequence: 65_535,
            timestamp: 0xdead_beef,
            ssrc: 0x0102_0304,
            length: FIXED_HEADER,
            has_padding: false,
        };
        let mut packet = Vec::new();
        header.write(&mut packet);
        assert_eq!(RtpHeader::parse(&packet), Some(header));
        assert!(!is_rtcp(&packet));
    }

    #[test]
    fn skips_csrcs_and_extension_and_takes_padding_off() {
        let mut packet = vec![0xb1, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3];
        packet.extend_from_slice(&[9; 4]);
        packet.extend_from_slice(&[0xbe, 0xde, 0, 1, 0x10, 1, 0, 0]);
        packet.extend_from_slice(&[7, 7, 0, 2]);
        let header = RtpHeader::parse(&packet).unwrap();
        assert_eq!(header.length, 24);
        assert_eq!(header.payload(&packet), Some(&[7, 7][..]));
        *packet.last_mut().unwrap() = 5;
        assert_eq!(header.payload(&packet), None, "more padding than payload");
        *packet.last_mut().unwrap() = 0;
        assert_eq!(header.payload(&packet), None, "padding of no bytes");
        for cut in 0..24 {
            assert_eq!(RtpHeader::parse(&packet[..cut]), None, "{cut}");
        }
    }

    #[test]
    fn only_version_2_is_rtp() {
        assert_eq!(RtpHeader::parse(&[0x40; 40]), None);
        assert!(is_rtcp(&[0x80, 200]) && is_rtcp(&[0x80, 223]) && !is_rtcp(&[0x80, 224]) && !is_rtcp(&[0x80]));
    }
}
