//! What the host's files say of names: hosts(5) and resolv.conf(5).

use std::fs::File;
use std::io::Read as _;
use std::net::IpAddr;
use std::path::Path;

use super::wire::MAX_ADDRESSES;

/// Bytes read of a file.
const MAX_FILE_BYTES: u64 = 1 << 20;
/// Servers that are asked, one after the other.
const MAX_SERVERS: usize = 3;
/// Domains that short names are looked for in.
const MAX_DOMAINS: usize = 6;
/// Dots that may be required of a name that is asked for as it is first.
const MAX_NDOTS: usize = 15;

/// The text of a file; empty when it is not readable.
pub(super) fn read(path: &Path) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // What was read up to an error counts.
        let _ = file.take(MAX_FILE_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Addresses of a name in hosts(5).
pub(super) fn in_hosts(name: &str, text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let line = line.split('#').next()?;
        let mut words = line.split_whitespace();
        let ip = words.next()?.parse().ok()?;
        words
            .any(|word| word.eq_ignore_ascii_case(name))
            .then_some(ip)
    };
    let found = text.lines().filter_map(address);
    found.take(MAX_ADDRESSES).collect()
}

/// How names are asked for, by resolv.conf(5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Configuration {
    pub(super) servers: Vec<IpAddr>,
    domains: Vec<String>,
    ndots: usize,
}

impl Configuration {
    pub(super) fn parse(text: &str) -> Self {
        let mut found = Self {
            servers: Vec::new(),
            domains: Vec::new(),
            ndots: 1,
        };
        for line in text.lines() {
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") if found.servers.len() < MAX_SERVERS => {
                    let server = words.next().and_then(|word| word.parse::<IpAddr>().ok());
                    found.servers.extend(server);
                }
                // The last of these lines holds.
                Some("search" | "domain") => {
                    let domains = words.map(|domain| domain.trim_matches('.'));
                    let domains = domains.filter(|domain| !domain.is_empty());
                    found.domains = domains.take(MAX_DOMAINS).map(str::to_owned).collect();
                }
                Some("options") => {
                    let mut ndots =
                        words.filter_map(|word| word.strip_prefix("ndots:")?.parse::<usize>().ok());
                    found.ndots = ndots.next_back().unwrap_or(found.ndots).min(MAX_NDOTS);
                }
                _ => {}
            }
        }
        found
    }

    /// The names to ask for, one after the other, until one has addresses.
    pub(super) fn candidates(&self, name: &str) -> Vec<String> {
        let mut candidates = vec![name.to_owned()];
        if name.ends_with('.') {
            return candidates;
        }
        let domains = self.domains.iter();
        candidates.extend(domains.map(|domain| format!("{name}.{domain}")));
        if name.bytes().filter(|&b| b == b'.').count() < self.ndots {
            // As it is at last.
            candidates.rotate_left(1);
        }
        candidates
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_of_the_hosts_file() {
        let hosts = "127.0.0.1 localhost\n10.1.1.1 Db.local db # the database\n::1 localhost\n";
        assert_eq!(in_hosts("db.local", hosts), [ip("10.1.1.1")]);
        assert_eq!(in_hosts("localhost", hosts).len(), 2);
        assert!(in_hosts("database", hosts).is_empty());
    }

    #[test]
    fn servers_of_resolv_conf() {
        let text = "# x\nnameserver 10.0.0.2\nsearch a\nnameserver ::1\nnameserver what\n\
                    nameserver 10.0.0.3\nnameserver 10.0.0.4\n";
        let servers = Configuration::parse(text).servers;
        assert_eq!(servers, [ip("10.0.0.2"), ip("::1"), ip("10.0.0.3")]);
    }

    #[test]
    fn short_names_are_looked_for_in_domains() {
        let none = Configuration::parse("nameserver 10.0.0.2\n");
        assert_eq!(none.candidates("db"), ["db"]);

        let two = Configuration::parse("domain old\nsearch a.example b.example. .\n");
        assert_eq!(two.candidates("db"), ["db.a.example", "db.b.example", "db"]);
        assert_eq!(
            two.candidates("db.x"),
            ["db.x", "db.x.a.example", "db.x.b.example"]
        );
        assert_eq!(two.candidates("db."), ["db."]);

        let five = Configuration::parse("options edns0 ndots:5\nsearch a b c d e f g\n");
        let candidates = five.candidates("db.x");
        assert_eq!(candidates.len(), 1 + MAX_DOMAINS);
        assert_eq!(candidates.first().map(String::as_str), Some("db.x.a"));
        assert_eq!(candidates.last().map(String::as_str), Some("db.x"));
    }
}
