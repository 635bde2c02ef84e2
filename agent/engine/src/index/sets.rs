//! Numbers, addresses and networks: which of them is a value, or in which is it?

use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

use crate::index::MemberId;

/// Members by number. Signed and unsigned ones never meet in one table.
pub(crate) type Numbers = FxHashMap<u64, Box<[MemberId]>>;
/// Members by address.
pub(crate) type Addresses = FxHashMap<IpAddr, Box<[MemberId]>>;

/// Networks by length of prefix: a value is looked up once for each length that occurs.
#[derive(Debug, Default)]
pub(crate) struct Networks {
    /// Length, then base addresses.
    v4: Vec<(u32, FxHashMap<u32, Vec<MemberId>>)>,
    v6: Vec<(u32, FxHashMap<u128, Vec<MemberId>>)>,
}

impl Networks {
    /// Adds a network of a member.
    pub(crate) fn add(&mut self, net: IpNet, member: MemberId) {
        let len = u32::from(net.prefix_len());
        match net.addr() {
            IpAddr::V4(ip) => {
                let nets = of_length(&mut self.v4, len);
                nets.entry(first_bits(ip.to_bits(), len))
                    .or_default()
                    .push(member);
            }
            IpAddr::V6(ip) => {
                let nets = of_length(&mut self.v6, len);
                nets.entry(first_bits_v6(ip.to_bits(), len))
                    .or_default()
                    .push(member);
            }
        }
    }

    /// Calls `found` with the members of every network that has `ip`.
    pub(crate) fn look_up(&self, ip: IpAddr, found: &mut impl FnMut(&[MemberId])) {
        match ip {
            IpAddr::V4(ip) => {
                for (len, nets) in &self.v4 {
                    if let Some(members) = nets.get(&first_bits(ip.to_bits(), *len)) {
                        found(members);
                    }
                }
            }
            IpAddr::V6(ip) => {
                for (len, nets) in &self.v6 {
                    if let Some(members) = nets.get(&first_bits_v6(ip.to_bits(), *len)) {
                        found(members);
                    }
                }
            }
        }
    }

    /// Whether some network has `ip`.
    pub(crate) fn any(&self, ip: IpAddr) -> bool {
        let mut any = false;
        self.look_up(ip, &mut |_| any = true);
        any
    }
}

fn of_length<T>(
    lengths: &mut Vec<(u32, FxHashMap<T, Vec<MemberId>>)>,
    len: u32,
) -> &mut FxHashMap<T, Vec<MemberId>> {
    let at = lengths.iter().position(|(known, _)| *known == len);
    let at = at.unwrap_or_else(|| {
        lengths.push((len, FxHashMap::default()));
        lengths.len() - 1
    });
    &mut lengths[at].1
}

fn first_bits(ip: u32, len: u32) -> u32 {
    ip & u32::MAX.checked_shl(32 - len).unwrap_or(0)
}

fn first_bits_v6(ip: u128, len: u32) -> u128 {
    ip & u128::MAX.checked_shl(128 - len).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn net() -> impl Strategy<Value = IpNet> {
        let v4 = (prop::array::uniform4(0u8..4), 0u8..=32);
        let v6 = (prop::array::uniform16(0u8..2), 0u8..=128);
        prop_oneof![
            v4.prop_map(|(ip, len)| IpNet::new(IpAddr::from(ip), len).expect("a length of IPv4")),
            v6.prop_map(|(ip, len)| IpNet::new(IpAddr::from(ip), len).expect("a length of IPv6")),
        ]
    }

    proptest! {
        #[test]
        fn networks_have_what_their_prefixes_say(
            nets in prop::collection::vec(net(), 0..12),
            v4 in prop::array::uniform4(0u8..4),
            v6 in prop::array::uniform16(0u8..2),
        ) {
            let mut table = Networks::default();
            nets.iter().zip(0..).for_each(|(net, member)| table.add(*net, member));
            for ip in [IpAddr::from(v4), IpAddr::from(v6)] {
                let mut found = Vec::new();
                table.look_up(ip, &mut |members| found.extend_from_slice(members));
                found.sort_unstable();
                let wanted: Vec<MemberId> =
                    (0..nets.len()).filter(|&at| nets[at].contains(&ip)).map(|at| at as u32).collect();
                prop_assert_eq!(table.any(ip), !wanted.is_empty());
                prop_assert_eq!(found, wanted);
            }
        }
    }
}
