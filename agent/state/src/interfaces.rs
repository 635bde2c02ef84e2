//! Addresses of the host's interfaces: what stands for the end of a datagram whose socket is bound to no
//! address (rules-spec F7).

use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashSet;

use crate::apply::End;

/// Addresses kept; those of a host with more are completed by the first ones.
pub const MAX_ADDRESSES: usize = 4_096;

/// An address of an interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    /// The address.
    pub ip: IpAddr,
    /// Leading bits that the hosts of its network share; no more than the address has.
    pub prefix: u8,
}

/// The addresses at one moment, in the order of the interfaces.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interfaces {
    addresses: Vec<Address>,
    known: FxHashSet<IpAddr>,
    /// Those whose network has other hosts, by network: a host that balances load has thousands of addresses
    /// without one.
    networks: Vec<IpNet>,
    first_v4: Option<IpAddr>,
    first_v6: Option<IpAddr>,
    left_out: usize,
}

impl Interfaces {
    /// From addresses in the order of the interfaces; unspecified ones are none.
    pub fn new(addresses: impl IntoIterator<Item = Address>) -> Self {
        let mut interfaces = Self::default();
        let addresses = addresses.into_iter();
        for Address { ip, prefix } in addresses.filter(|address| !address.ip.is_unspecified()) {
            if interfaces.addresses.len() == MAX_ADDRESSES {
                interfaces.left_out += 1;
                continue;
            }
            let bits = if ip.is_ipv4() { 32 } else { 128 };
            let address = Address {
                ip,
                prefix: prefix.min(bits),
            };
            interfaces.addresses.push(address);
            interfaces.known.insert(ip);
            let network = IpNet::new(ip, address.prefix).ok();
            if let Some(network) = network.filter(|network| network.prefix_len() < bits)
                && !interfaces
                    .networks
                    .iter()
                    .any(|known| known.trunc() == network.trunc())
            {
                interfaces.networks.push(network);
            }
            let first = match ip {
                IpAddr::V4(_) => &mut interfaces.first_v4,
                IpAddr::V6(_) => &mut interfaces.first_v6,
            };
            if !ip.is_loopback() {
                first.get_or_insert(ip);
            }
        }
        interfaces
    }

    /// The addresses kept, in the order of the interfaces.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// How many did not fit.
    pub fn left_out(&self) -> usize {
        self.left_out
    }

    /// The address from which `other` is reached: itself if it is the host's, else one in its network, else the
    /// first of its family that is not loopback.
    fn facing(&self, other: IpAddr) -> Option<IpAddr> {
        if self.known.contains(&other) {
            return Some(other);
        }
        let near = self
            .networks
            .iter()
            .find(|network| network.contains(&other));
        let near = near.map(IpNet::addr);
        near.or(match other {
            IpAddr::V4(_) => self.first_v4,
            IpAddr::V6(_) => self.first_v6,
        })
    }

    /// Both ends, an unspecified one replaced by the host's address that faces the other. A single end, that of
    /// a listening socket, stays as it is.
    pub(crate) fn complete(&self, local: End, remote: End) -> (End, End) {
        let (Some((near, near_port)), Some((far, far_port))) = (local, remote) else {
            return (local, remote);
        };
        let instead = |ip: IpAddr, other| self.facing(other).unwrap_or(ip);
        if near.is_unspecified() {
            (Some((instead(near, far), near_port)), remote)
        } else if far.is_unspecified() {
            (local, Some((instead(far, near), far_port)))
        } else {
            (local, remote)
        }
    }
}

/// Whether an end of a tuple is to be completed.
pub(crate) fn incomplete(local: End, remote: End) -> bool {
    let open = |end: End| end.is_some_and(|(ip, _)| ip.is_unspecified());
    open(local) || open(remote)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    fn interfaces(texts: &[&str]) -> Interfaces {
        Interfaces::new(texts.iter().map(|text| {
            let (address, prefix) = text.split_once('/').expect("a prefix");
            Address {
                ip: ip(address),
                prefix: prefix.parse().expect("a number"),
            }
        }))
    }

    const HOST: &[&str] = &[
        "127.0.0.1/8",
        "::1/128",
        "203.0.113.9/32",
        "192.0.2.2/24",
        "192.0.2.3/24",
        "10.1.0.1/16",
        "fe80::1/64",
        "2001:db8::7/64",
    ];

    fn facing(other: &str) -> Option<String> {
        let found = interfaces(HOST).facing(ip(other));
        found.map(|ip| ip.to_string())
    }

    #[test]
    fn an_address_of_the_host_faces_itself() {
        for own in ["127.0.0.1", "192.0.2.3", "203.0.113.9", "2001:db8::7"] {
            assert_eq!(facing(own).as_deref(), Some(own));
        }
    }

    #[test]
    fn else_the_first_one_of_its_network() {
        assert_eq!(facing("192.0.2.200").as_deref(), Some("192.0.2.2"));
        assert_eq!(facing("10.1.255.1").as_deref(), Some("10.1.0.1"));
        assert_eq!(facing("127.0.0.53").as_deref(), Some("127.0.0.1"));
        assert_eq!(facing("2001:db8::8").as_deref(), Some("2001:db8::7"));
    }

    #[test]
    fn else_the_first_that_is_not_loopback() {
        assert_eq!(facing("8.8.8.8").as_deref(), Some("203.0.113.9"));
        assert_eq!(facing("10.2.0.1").as_deref(), Some("203.0.113.9"));
        assert_eq!(facing("2001:4860::8").as_deref(), Some("fe80::1"));
    }

    #[test]
    fn loopback_alone_faces_loopback_alone() {
        let loopback = interfaces(&["127.0.0.1/8", "::1/128"]);
        assert_eq!(loopback.facing(ip("8.8.8.8")), None);
        assert_eq!(loopback.facing(ip("2001:db8::1")), None);
        assert_eq!(loopback.facing(ip("127.9.9.9")), Some(ip("127.0.0.1")));
        let sender = Some((ip("0.0.0.0"), 7));
        let dns = Some((ip("8.8.8.8"), 53));
        assert_eq!(loopback.complete(sender, dns), (sender, dns));
    }

    #[test]
    fn either_end_is_completed_and_one_alone_is_not() {
        let host = interfaces(HOST);
        let end = |text, port| Some((ip(text), port));
        let (any, peer) = (end("0.0.0.0", 53), end("192.0.2.9", 40_000));
        let here = end("192.0.2.2", 53);
        assert_eq!(host.complete(any, peer), (here, peer));
        assert_eq!(host.complete(peer, any), (peer, here));
        assert_eq!(host.complete(any, None), (any, None));
        assert_eq!(host.complete(here, peer), (here, peer));
        let (any, peer) = (end("::", 53), end("2001:db8::9", 40_000));
        assert_eq!(host.complete(any, peer), (end("2001:db8::7", 53), peer));
        assert!(incomplete(any, peer) && !incomplete(here, None) && !incomplete(None, None));
    }

    #[test]
    fn bounded_and_what_does_not_fit_is_counted() {
        let numbered = |n: u32| Address {
            ip: Ipv4Addr::from_bits((10 << 24) + n + 1).into(),
            prefix: 200,
        };
        let many = MAX_ADDRESSES as u32 + 5;
        let full = Interfaces::new((0..many).map(numbered));
        assert_eq!(
            (full.addresses().len(), full.left_out()),
            (MAX_ADDRESSES, 5)
        );
        assert_eq!(full.addresses()[0].prefix, 32, "no more than there are");
        assert!(full.networks.is_empty());
        assert_eq!(Interfaces::default().facing(ip("8.8.8.8")), None);
    }
}
