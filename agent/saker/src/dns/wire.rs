//! Questions to name servers and their answers (RFC 1035): addresses of one name, nothing else.

use std::net::IpAddr;

use simple_dns::rdata::RData;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

/// Bytes of an answer without extensions of the protocol.
pub(super) const MAX_ANSWER_BYTES: usize = 512;
/// Addresses taken of one answer.
pub(super) const MAX_ADDRESSES: usize = 64;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    V4,
    V6,
}

/// All of them, in order.
pub(super) const FAMILIES: [Family; 2] = [Family::V4, Family::V6];

/// What a server said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Reply {
    /// The addresses; none when there are none or there is no such name.
    Addresses(Vec<IpAddr>),
    /// It does not know.
    Failed,
    /// Not to this question.
    Foreign,
}

/// A question for the addresses of `name`; `None` when that is not the name of a host.
pub(super) fn question(id: u16, name: &str, family: Family) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    // Of the labels; empty ones would be passed over.
    if !name
        .split('.')
        .all(|label| !label.is_empty() && label.bytes().all(plain))
    {
        return None;
    }
    let name = Name::new(name).ok()?;
    let kind = match family {
        Family::V4 => TYPE::A,
        Family::V6 => TYPE::AAAA,
    };
    let mut packet = Packet::new_query(id);
    packet.set_flags(PacketFlag::RECURSION_DESIRED);
    let asked = Question::new(name, QTYPE::TYPE(kind), QCLASS::CLASS(CLASS::IN), false);
    packet.questions.push(asked);
    packet.build_bytes_vec().ok()
}

/// What `answer` says to `question`.
pub(super) fn reply(question: &[u8], answer: &[u8]) -> Reply {
    let other = if answer.starts_with(&question[..2]) {
        // Servers in trouble leave out the question.
        Reply::Failed
    } else {
        Reply::Foreign
    };
    let (Ok(question), Ok(answer)) = (Packet::parse(question), Packet::parse(answer)) else {
        return other;
    };
    let is_answer = answer.id() == question.id()
        && answer.has_flags(PacketFlag::RESPONSE)
        && same_questions(&question, &answer);
    match answer.rcode() {
        _ if !is_answer => other,
        RCODE::NameError => Reply::Addresses(Vec::new()),
        RCODE::NoError => {
            let addresses = addresses(&answer);
            // Cut off before the first: there are some.
            let is_cut = answer.has_flags(PacketFlag::TRUNCATION) && addresses.is_empty();
            if is_cut {
                Reply::Failed
            } else {
                Reply::Addresses(addresses)
            }
        }
        _ => Reply::Failed,
    }
}

fn addresses(answer: &Packet<'_>) -> Vec<IpAddr> {
    let address = |data: &RData<'_>| match data {
        RData::A(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        RData::AAAA(a) => Some(IpAddr::from(a.address.to_be_bytes())),
        // An alias: the server goes on with the other name.
        _ => None,
    };
    let records = answer.answers.iter();
    let records = records.filter(|record| record.class == CLASS::IN);
    let found = records.filter_map(|record| address(&record.rdata));
    found.take(MAX_ADDRESSES).collect()
}

/// The question comes back as it was asked, in upper case or lower.
fn same_questions(one: &Packet<'_>, other: &Packet<'_>) -> bool {
    let spelled = |packet: &Packet<'_>| {
        let each = packet.questions.iter();
        each.map(|q| (q.qname.to_string().to_ascii_lowercase(), q.qtype, q.qclass))
            .collect::<Vec<_>>()
    };
    spelled(one) == spelled(other)
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
        let found = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().expect("an address"));
        assert_eq!(reply(&asked, &answer), Reply::Addresses(found.to_vec()));
    }

    #[test]
    fn answers_to_others_and_errors_give_no_addresses() {
        let asked = question(7, "example.com", Family::V6).expect("a name");
        let good = answer(&asked, &[(28, &Ipv6Addr::LOCALHOST.octets())]);
        let loopback = Reply::Addresses(vec![Ipv6Addr::LOCALHOST.into()]);
        assert_eq!(reply(&asked, &good), loopback);
        let with = |at: usize, byte| {
            let mut other = good.clone();
            other[at] = byte;
            reply(&asked, &other)
        };
        assert_eq!(with(0, 9), Reply::Foreign);
        // A question, a server's failure, two questions, another name.
        for (at, byte) in [(2, 0), (3, 0x82), (5, 2), (13, b'X' - 1)] {
            assert_eq!(with(at, byte), Reply::Failed, "byte {at}");
        }
        for cut in 0..good.len() {
            let expected = if cut < 2 {
                Reply::Foreign
            } else {
                Reply::Failed
            };
            assert_eq!(reply(&asked, &good[..cut]), expected, "{cut} bytes");
        }
    }

    #[test]
    fn a_name_without_addresses_is_an_answer() {
        let asked = question(7, "example.com", Family::V4).expect("a name");
        let empty = answer(&asked, &[]);
        let with = |at: usize, byte| {
            let mut other = empty.clone();
            other[at] = byte;
            reply(&asked, &other)
        };
        assert_eq!(with(3, 0x80), Reply::Addresses(Vec::new()));
        assert_eq!(with(3, 0x83), Reply::Addresses(Vec::new()));
        // Cut off.
        assert_eq!(with(2, 0x83), Reply::Failed);
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
