//! What the agent reads about its host and itself, off the event path.

use std::fs;
use std::io;
use std::net::IpAddr;

use nix::sys::socket::SockaddrStorage;
use saker_state::{Address, Interfaces};

/// Name of the host: as configured, else the kernel's.
pub(crate) fn hostname(configured: Option<&str>) -> String {
    match configured {
        Some(name) => name.to_owned(),
        None => rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned(),
    }
}

/// The host name of the environment.
pub(crate) fn hostname_override() -> Option<String> {
    std::env::var("SAKER_HOSTNAME")
        .ok()
        .filter(|name| !name.is_empty())
}

/// What must be added to a boot-time stamp to get nanoseconds since the epoch.
pub(crate) fn boot_to_epoch_ns() -> u64 {
    use rustix::time::{ClockId, clock_gettime};
    let ns = |clock| {
        let time = clock_gettime(clock);
        u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
            + u64::try_from(time.tv_nsec).unwrap_or(0)
    };
    // Boot time is read between two looks at the real-time clock, so an interruption in between
    // moves the result by half its length at most.
    let before = ns(ClockId::Realtime);
    let boot = ns(ClockId::Boottime);
    let after = ns(ClockId::Realtime);
    (before / 2 + after / 2).saturating_sub(boot)
}

/// Addresses of the host's interfaces, in the kernel's order.
///
/// # Errors
/// When the kernel does not tell.
pub(crate) fn interfaces() -> io::Result<Interfaces> {
    let listed = nix::ifaddrs::getifaddrs()?;
    Ok(Interfaces::new(listed.filter_map(|interface| {
        let ip = ip_of(&interface.address?)?;
        let mask = interface.netmask.as_ref().and_then(ip_of);
        Some(Address {
            ip,
            prefix: mask.map_or(u8::MAX, prefix),
        })
    })))
}

/// The same when the agent starts: without them it goes on, and says so.
pub(crate) fn first_interfaces() -> Interfaces {
    interfaces().unwrap_or_else(|error| {
        tracing::warn!(
            "addresses of the interfaces are not known ({error}): sockets bound to none keep 0.0.0.0 in their names"
        );
        Interfaces::default()
    })
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
}

/// Leading ones of a mask.
fn prefix(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().leading_ones(),
        IpAddr::V6(mask) => mask.to_bits().leading_ones(),
    };
    ones as u8
}

/// The addresses alone, each once.
pub(crate) fn addresses(interfaces: &Interfaces) -> Vec<IpAddr> {
    let mut all: Vec<IpAddr> = interfaces.addresses().iter().map(|at| at.ip).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// What this process uses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct OwnUsage {
    /// Resident memory in bytes, rings included as far as they were touched.
    pub resident_bytes: u64,
    /// Processor time of all threads, user and system, in seconds.
    pub cpu_seconds: f64,
}

/// Reads what this process uses; absent when /proc is not readable.
pub(crate) fn own_usage() -> Option<OwnUsage> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name in parentheses may contain anything, so fields are counted after its end; utime and
    // stime are fields 14 and 15 (proc_pid_stat(5)).
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let ticks: u64 = fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?;
    Some(OwnUsage {
        resident_bytes: pages * rustix::param::page_size() as u64,
        cpu_seconds: ticks as f64 / rustix::param::clock_ticks_per_second() as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_have_addresses_and_networks() {
        let interfaces = interfaces().expect("interfaces");
        // The kernel's own list of what is local, loopback and all.
        let trie = fs::read_to_string("/proc/net/fib_trie").expect("/proc");
        for Address { ip, prefix } in interfaces.addresses() {
            assert!(
                ip.is_ipv6() || trie.contains(&format!("|-- {ip}\n")),
                "{ip}"
            );
            assert!((1..=128).contains(prefix), "{ip}/{prefix}");
        }
        if trie.contains("|-- 127.0.0.1\n") {
            let loopback = Address {
                ip: "127.0.0.1".parse().expect("an address"),
                prefix: 8,
            };
            assert!(interfaces.addresses().contains(&loopback), "{interfaces:?}");
            assert!(addresses(&interfaces).contains(&loopback.ip));
        }
    }

    #[test]
    fn prefixes_of_masks() {
        for (mask, bits) in [("255.255.255.0", 24), ("0.0.0.0", 0), ("ffff:ffff::", 32)] {
            assert_eq!(prefix(mask.parse().expect("a mask")), bits);
        }
    }

    #[test]
    fn this_process_uses_something() {
        let usage = own_usage().expect("/proc");
        assert!(usage.resident_bytes > 100_000, "{usage:?}");
    }

    #[test]
    fn epoch_is_now() {
        let boot = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        let now =
            boot_to_epoch_ns() + u64::try_from(boot.tv_sec).expect("positive") * 1_000_000_000;
        let system = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let system = u64::try_from(system.expect("after 1970").as_nanos()).expect("before 2554");
        assert!(system.abs_diff(now) < 2_000_000_000, "{system} {now}");
    }
}
