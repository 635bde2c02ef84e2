//! Conversion of literals to the type of the field they are compared with (rules-spec B4).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::ast::{Op, Word};
use crate::lexer::hex_byte;
use crate::typed::Literal;
use crate::value::ValueType;

/// Longest literal in bytes after conversion.
pub(crate) const MAX_LITERAL_BYTES: usize = 255;

/// Ports of services by the names rules are likely to use (IANA service names); the engine reads
/// no `/etc/services`, so that a rule means the same on every host.
const SERVICES: &[(&str, u16)] = &[
    ("bgp", 179),
    ("bootpc", 68),
    ("bootps", 67),
    ("domain", 53),
    ("ftp", 21),
    ("ftp-data", 20),
    ("http", 80),
    ("https", 443),
    ("imap", 143),
    ("imap2", 143),
    ("imaps", 993),
    ("ipp", 631),
    ("irc", 194),
    ("kerberos", 88),
    ("ldap", 389),
    ("ldaps", 636),
    ("microsoft-ds", 445),
    ("ms-sql-s", 1433),
    ("mysql", 3306),
    ("netbios-dgm", 138),
    ("netbios-ns", 137),
    ("netbios-ssn", 139),
    ("nfs", 2049),
    ("ntp", 123),
    ("pop3", 110),
    ("pop3s", 995),
    ("postgresql", 5432),
    ("rsync", 873),
    ("sip", 5060),
    ("smtp", 25),
    ("snmp", 161),
    ("snmp-trap", 162),
    ("socks", 1080),
    ("ssh", 22),
    ("submission", 587),
    ("sunrpc", 111),
    ("syslog", 514),
    ("telnet", 23),
    ("tftp", 69),
    ("whois", 43),
    ("www", 80),
    ("x11", 6000),
];

/// Converts `word` for comparison by `op` with a field of type `ty`; the error is a sentence.
pub(crate) fn convert(word: &Word, ty: ValueType, op: Op) -> Result<Literal, String> {
    let literal = match ty {
        ValueType::Str | ValueType::Bytes => Literal::Bytes(text(word, op)?),
        ValueType::Int | ValueType::RelTime | ValueType::Double => Literal::Int(signed(word)?),
        ValueType::Uint | ValueType::AbsTime => Literal::Uint(unsigned(word)?),
        ValueType::Bool => match word.bytes.as_slice() {
            b"true" => Literal::Bool(true),
            b"false" => Literal::Bool(false),
            _ => {
                return Err(format!(
                    "'{}' is not a boolean: use true or false",
                    word.text()
                ));
            }
        },
        ValueType::Port => Literal::Uint(u64::from(port(word)?)),
        ValueType::Ip => Literal::Ip(address(&word.text())?),
        ValueType::Net => Literal::Net(network(word)?),
    };
    Ok(literal)
}

fn text(word: &Word, op: Op) -> Result<Box<[u8]>, String> {
    let bytes = match op {
        Op::Bcontains | Op::Bstartswith => hex_bytes(word)?,
        _ => word.bytes.clone(),
    };
    if bytes.len() > MAX_LITERAL_BYTES {
        let len = bytes.len();
        return Err(format!(
            "filter parameter too long: {len} bytes, at most {MAX_LITERAL_BYTES} are allowed"
        ));
    }
    Ok(bytes.into())
}

fn hex_bytes(word: &Word) -> Result<Vec<u8>, String> {
    let fail = || {
        format!(
            "'{}' is not an even number of hexadecimal digits",
            word.text()
        )
    };
    if !word.bytes.len().is_multiple_of(2) {
        return Err(fail());
    }
    word.bytes
        .chunks_exact(2)
        .map(|pair| hex_byte(pair).ok_or_else(fail))
        .collect()
}

fn signed(word: &Word) -> Result<i64, String> {
    let text = word.text();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) if !hex.starts_with(['+', '-']) => i64::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| format!("'{text}' is not an integer that fits in 64 bits"))
}

fn unsigned(word: &Word) -> Result<u64, String> {
    let text = word.text();
    let parsed = match text.strip_prefix("0x") {
        Some(hex) if !hex.starts_with('+') => u64::from_str_radix(hex, 16).ok(),
        Some(_) => None,
        None => text.parse().ok(),
    };
    parsed.ok_or_else(|| format!("'{text}' is not an unsigned integer that fits in 64 bits"))
}

fn port(word: &Word) -> Result<u16, String> {
    let text = word.text();
    if let Ok(number) = text.parse() {
        return Ok(number);
    }
    let service = SERVICES.iter().find(|(name, _)| *name == text);
    service.map(|&(_, number)| number).ok_or_else(|| {
        format!("'{text}' is not a port: use a number from 0 to 65535 or a service name")
    })
}

fn address(text: &str) -> Result<IpAddr, String> {
    let parsed = if text.contains('.') && !text.contains(':') {
        text.parse::<Ipv4Addr>().map(IpAddr::V4).ok()
    } else {
        text.parse::<Ipv6Addr>().map(IpAddr::V6).ok()
    };
    parsed.ok_or_else(|| format!("'{text}' is not an IP address"))
}

fn network(word: &Word) -> Result<IpNet, String> {
    let text = word.text();
    let fail = || format!("'{text}' is not a network: use ADDRESS/PREFIX-LENGTH");
    let (prefix, len) = text.split_once('/').ok_or_else(fail)?;
    let len: u8 = len.parse().map_err(|_| fail())?;
    match address(prefix)? {
        IpAddr::V4(ip) => Ipv4Net::new(ip, len).map(IpNet::V4).map_err(|_| fail()),
        IpAddr::V6(ip) => Ipv6Net::new(ip, len).map(IpNet::V6).map_err(|_| fail()),
    }
}
