//! Questions to name servers and their answers (RFC 1035): addresses of one name, nothing else.

use std::net::IpAddr;

/// Bytes of an answer without extensions of the protocol.
pub(super) const MAX_ANSWER_BYTES: usize = 512;
/// Addresses taken of one answer.
const MAX_ADDRESSES: usize = 64;
/// Bytes of one label of a name, and of a name.
const MAX_LABEL_BYTES: usize = 63;
const MAX_NAME_BYTES: usize = 253;

const HEADER_BYTES: usize = 12;
const CLASS_INTERNET: u16 = 1;
const RECURSION_DESIRED: u16 = 0x0100;
const IS_ANSWER: u16 = 0x8000;
const ERROR: u16 = 0x000f;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

impl Family {
    const fn record_type(self) -> u16 {
        match self {
            Self::V4 => 1,
            Self::V6 => 28,
        }
    }
}

/// A question for the addresses of `name`; `None` when that is not the name of a host.
pub(super) fn question(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return None;
    }
    let mut out = Vec::with_capacity(HEADER_BYTES + name.len() + 6);
    for word in [id, RECURSION_DESIRED, 1, 0, 0, 0] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    for label in name.split('.') {
        let length = u8::try_from(label.len()).ok()?;
        let fits = (1..=MAX_LABEL_BYTES).contains(&label.len());
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        if !fits || !label.bytes().all(plain) {
            return None;
        }
        out.push(length);
        out.extend_from_slice(label.as_bytes());
    }
    out.push(0);
    for word in [family.record_type(), CLASS_INTERNET] {
        out.extend_from_slice(&word.to_be_bytes());
    }
    Some(out)
}

/// The addresses in an answer to `question`; `None` when it is none: damaged, an error, or not to this
/// question.
pub(super) fn addresses(question: &[u8], answer: &[u8]) -> Option<Vec<IpAddr>> {
    let word = |at: usize| {
        let bytes = answer.get(at..at + 2)?;
        Some(u16::from_be_bytes([bytes[0], bytes[1]]))
    };
    let flags = word(2)?;
    if answer.get(..2)? != question.get(..2)? || flags & IS_ANSWER == 0 || flags & ERROR != 0 {
        return None;
    }
    // The question comes back as it was asked.
    let asked = question.get(HEADER_BYTES..)?;
    let mut at = HEADER_BYTES + asked.len();
    if word(4)? != 1 || !answer.get(HEADER_BYTES..at)?.eq_ignore_ascii_case(asked) {
        return None;
    }
    let mut found = Vec::new();
    for _ in 0..word(6)? {
        at = skip_name(answer, at)?;
        let (kind, class, length) = (word(at)?, word(at + 2)?, usize::from(word(at + 8)?));
        let data = answer.get(at + 10..at + 10 + length)?;
        at += 10 + length;
        let address = match (class, kind) {
            (CLASS_INTERNET, 1) => <[u8; 4]>::try_from(data).ok().map(IpAddr::from),
            (CLASS_INTERNET, 28) => <[u8; 16]>::try_from(data).ok().map(IpAddr::from),
            // An alias: the server goes on with the other name.
            _ => None,
        };
        found.extend(address.filter(|_| found.len() < MAX_ADDRESSES));
    }
    Some(found)
}

/// Where what follows a name begins.
fn skip_name(answer: &[u8], mut at: usize) -> Option<usize> {
    for _ in 0..MAX_NAME_BYTES {
        match *answer.get(at)? {
            0 => return Some(at + 1),
            // A pointer to the rest of the name ends it.
            length if length >= 0xc0 => return Some(at + 2),
            length => at += 1 + usize::from(length),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    fn answer(question: &[u8], records: &[(u16, &[u8])]) -> Vec<u8> {
        let mut out = question.to_vec();
        out[2..4].copy_from_slice(&0x8180_u16.to_be_bytes());
        out[6..8].copy_from_slice(&(records.len() as u16).to_be_bytes());
        for (kind, data) in records {
            out.extend_from_slice(&[0xc0, 12]);
            out.extend_from_slice(&kind.to_be_bytes());
            out.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
            out.extend_from_slice(&(data.len() as u16).to_be_bytes());
            out.extend_from_slice(data);
        }
        out
    }

    #[test]
    fn an_answer_gives_addresses() {
        let asked = question(7, "www.example.com", Family::V4).expect("a name");
        assert_eq!(&asked[12..29], b"\x03www\x07example\x03com\0");
        let alias = b"\x03cdn\xc0\x10";
        let answer = answer(
            &asked,
            &[(5, alias), (1, &[192, 0, 2, 1]), (1, &[192, 0, 2, 2])],
        );
        let found = addresses(&asked, &answer).expect("an answer");
        assert_eq!(
            found,
            ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse::<IpAddr>().expect("an address"))
        );
    }

    #[test]
    fn answers_to_others_and_errors_are_none() {
        let asked = question(7, "example.com", Family::V6).expect("a name");
        let good = answer(&asked, &[(28, &Ipv6Addr::LOCALHOST.octets())]);
        assert_eq!(
            addresses(&asked, &good),
            Some(vec![Ipv6Addr::LOCALHOST.into()])
        );
        for (at, byte) in [(0, 9), (2, 0), (3, 0x83), (5, 2), (13, b'X' - 1)] {
            let mut bad = good.clone();
            bad[at] = byte;
            assert_eq!(addresses(&asked, &bad), None, "byte {at}");
        }
        for cut in 0..good.len() {
            assert_eq!(addresses(&asked, &good[..cut]), None, "{cut} bytes");
        }
    }

    #[test]
    fn what_is_no_name_is_not_asked_for() {
        let long = "a".repeat(64);
        for name in ["", ".", "a..b", "a b", "*.example.com", &long] {
            assert_eq!(question(1, name, Family::V4), None, "{name}");
        }
        assert!(question(1, "example.com.", Family::V4).is_some());
    }
}
