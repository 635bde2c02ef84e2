//! What a capture file says about the host that recorded it, and back.

use std::sync::Arc;

use saker_abi::driver::LoadOptions;
use saker_capture::file::Meta;
use saker_capture::file::meta::{MetaInterface, MetaMount, MetaUser};
use saker_capture::{Clock, DriverKind, SystemClock};
use saker_fields::{HostInfo, HostNames, Mounts};
use saker_state::{Address, Interfaces, Names, User};

/// Describes this host; the file's number and reason are the writer's.
pub(crate) fn describe(
    plan: &LoadOptions,
    driver: DriverKind,
    host: &HostInfo,
    interfaces: &Interfaces,
    names: &Names,
) -> Meta {
    let started_ns = SystemClock.boottime_ns();
    let kernel = rustix::system::uname();
    let mut users: Vec<MetaUser> = names
        .users()
        .map(|(uid, user)| MetaUser {
            uid,
            name: user.name.to_string(),
            home: user.home.to_string(),
            shell: user.shell.to_string(),
        })
        .collect();
    users.sort_unstable_by_key(|user| user.uid);
    let groups = names.groups().map(|(gid, name)| (gid, name.to_owned()));
    let mut groups: Vec<(u32, String)> = groups.collect();
    groups.sort_unstable();
    let mount = |(dev, root, point): (u32, &str, &str)| MetaMount {
        dev,
        root: root.to_owned(),
        point: point.to_owned(),
    };
    let mut mounts: Vec<MetaMount> = host.mounts.entries().map(mount).collect();
    // In the order of the devices; of one device as they are, because the first is the name.
    mounts.sort_by_key(|mount| mount.dev);
    let interface = |at: &Address| MetaInterface {
        address: at.ip,
        prefix: at.prefix,
    };
    Meta {
        recording: format!("{started_ns:016x}{:08x}", std::process::id()),
        kernel_release: kernel.release().to_string_lossy().into_owned(),
        hostname: host.hostname.clone(),
        addresses: host.addresses.clone(),
        interfaces: interfaces.addresses().iter().map(interface).collect(),
        boot_to_epoch_ns: host.boot_to_epoch_ns,
        started_ns,
        cpus: plan.cpus.len() as u32,
        driver: driver.name().to_owned(),
        partitions: plan.partitions as u16,
        users,
        groups,
        mounts,
        ..Meta::of_this_agent(&plan.events)
    }
}

/// The host that recorded.
pub(crate) fn host_of(meta: &Meta) -> HostInfo {
    let mounts = meta.mounts.iter();
    let mounts = mounts.map(|mount| (mount.dev, mount.root.as_str(), mount.point.as_str()));
    HostInfo {
        hostname: meta.hostname.clone(),
        addresses: meta.addresses.clone(),
        // They would be those of today.
        names: HostNames::default(),
        boot_to_epoch_ns: meta.boot_to_epoch_ns,
        mounts: Arc::new(Mounts::from_entries(mounts)),
        capture_start_ns: meta.started_ns,
        ..HostInfo::default()
    }
}

/// Addresses of its interfaces; none in files of agents that did not complete the ends of sockets.
pub(crate) fn interfaces_of(meta: &Meta) -> Interfaces {
    Interfaces::new(meta.interfaces.iter().map(|interface| Address {
        ip: interface.address,
        prefix: interface.prefix,
    }))
}

/// Its users and groups.
pub(crate) fn names_of(meta: &Meta) -> Names {
    let user = |user: &MetaUser| User {
        name: user.name.as_str().into(),
        home: user.home.as_str().into(),
        shell: user.shell.as_str().into(),
    };
    Names::from_entries(
        meta.users.iter().map(|entry| (entry.uid, user(entry))),
        meta.groups
            .iter()
            .map(|(gid, name)| (*gid, name.as_str().into())),
    )
}

#[cfg(test)]
mod tests {
    use saker_abi::driver::EventSet;

    use super::*;

    #[test]
    fn a_host_comes_back() {
        let plan = LoadOptions {
            partitions: 2,
            ring_bytes: 1 << 16,
            cpus: vec![0, 1],
            events: EventSet::state(),
            snaplen_bytes: 0,
            own_tgid: 1,
            reached: false,
            names: false,
        };
        let host = HostInfo {
            hostname: "h1".into(),
            addresses: vec!["10.0.0.7".parse().expect("an address")],
            names: HostNames::default(),
            boot_to_epoch_ns: 1_700_000_000_000_000_000,
            mounts: Arc::new(Mounts::from_entries(
                [(2, "/home", ""), (2, "", "/all"), (1, "", "/proc")].into_iter(),
            )),
            ..HostInfo::default()
        };
        let names = Names::parse("root:x:0:0:r:/root:/bin/sh\n", "adm:x:4:\n");
        let interfaces =
            Interfaces::new([("10.0.0.7", 24), ("2001:db8::7", 64)].map(|(ip, prefix)| {
                let ip = ip.parse().expect("an address");
                Address { ip, prefix }
            }));
        let meta = describe(&plan, DriverKind::Ebpf, &host, &interfaces, &names);
        let json = serde_json::to_vec(&meta).expect("JSON");
        let meta = Meta::parse(&json).expect("a description");
        assert_eq!((meta.partitions, meta.cpus), (2, 2));
        let back = host_of(&meta);
        assert_eq!(back.hostname, host.hostname);
        assert_eq!(back.addresses, host.addresses);
        assert_eq!(back.mounts, host.mounts);
        assert_eq!(back.boot_to_epoch_ns, host.boot_to_epoch_ns);
        assert_eq!(names_of(&meta), names);
        assert_eq!(interfaces_of(&meta), interfaces);
        let mut older: serde_json::Value = serde_json::from_slice(&json).expect("JSON");
        older
            .as_object_mut()
            .and_then(|meta| meta.remove("interfaces"))
            .expect("told");
        let json = serde_json::to_vec(&older).expect("JSON");
        let older = Meta::parse(&json).expect("an older description");
        assert_eq!(interfaces_of(&older), Interfaces::default());
    }
}
