//! Which container a process lives in, and what is known of it without asking an engine.

mod detect;
mod metadata;
mod users;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use papaya::HashMap;
use rustc_hash::FxBuildHasher;

pub use self::metadata::{ImageName, Metadata, MetadataSlot, Mount};
pub(crate) use self::users::UsersQuestion;
pub use self::users::{
    CONTAINER_USERS_AGE_S, ContainerUsers, Found, MAX_CONTAINER_ENTRIES, MAX_CONTAINER_FILE_BYTES,
};

/// Id of what runs in no container; the text is part of the rule language.
pub const HOST: &str = "host";

/// cgroups remembered. Dead ones are swept away; beyond, all are forgotten and learnt again from execs. Processes keep
/// theirs.
pub const MAX_CGROUPS: usize = 65_536;

/// So many must have gone with the dead ones, or the rest goes, too: looking at all is not for each that comes.
const MIN_ROOM: usize = MAX_CGROUPS / 4;

/// Who runs a container, as far as the form of its cgroup's path tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Docker, or an id of its form that nobody else claims.
    Docker,
    /// Podman.
    Podman,
    /// Some engine behind the kubelet's interface.
    Cri,
    /// CRI-O.
    CriO,
    /// containerd.
    Containerd,
    /// LXC.
    Lxc,
    /// libvirt's driver for containers.
    LibvirtLxc,
    /// BOSH process manager.
    Bpm,
    /// systemd-nspawn.
    Nspawn,
}

impl Engine {
    /// `container.type`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Cri => "cri",
            Self::CriO => "cri-o",
            Self::Containerd => "containerd",
            Self::Lxc => "lxc",
            Self::LibvirtLxc => "libvirt-lxc",
            Self::Bpm => "bpm",
            Self::Nspawn => "systemd-nspawn",
        }
    }
}

/// Quality of service of a pod, by the cgroup it was put into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Qos {
    /// Requests equal limits.
    Guaranteed,
    /// Some requests or limits.
    Burstable,
    /// None.
    BestEffort,
}

impl Qos {
    /// As the kubelet writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Guaranteed => "guaranteed",
            Self::Burstable => "burstable",
            Self::BestEffort => "besteffort",
        }
    }
}

/// A Kubernetes pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its uid, with dashes; a hash without for pods that come from files.
    pub uid: Box<str>,
    /// Its quality of service.
    pub qos: Qos,
}

/// Which container it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// First 12 digits of the full id, or the container's name.
    pub id: Box<str>,
    /// Full id, or the container's name.
    pub full_id: Box<str>,
    /// Who runs it.
    pub engine: Engine,
    /// The pod it belongs to.
    pub pod: Option<Pod>,
}

/// A container, one for all its processes.
#[derive(Debug)]
pub struct Container {
    /// Which it is.
    pub identity: Identity,
    /// Its users and groups.
    pub users: ContainerUsers,
    /// What its engine says of it.
    pub metadata: MetadataSlot,
}

/// A cgroup that processes live in.
#[derive(Debug, Clone, Default)]
pub struct Cgroup {
    /// Paths as the source had them: the driver's (default hierarchy, NUL, one of version 1), or lines of
    /// `/proc/PID/cgroup`. Empty when not known.
    pub paths: Box<[u8]>,
    /// The container it belongs to, `None` for the host.
    pub container: Option<Arc<Container>>,
}

impl Cgroup {
    /// The cgroup with these paths: NUL-separated, `subsys=/path`, or lines of `/proc/PID/cgroup`.
    pub(crate) fn new(paths: &[u8]) -> Self {
        let container = |identity| {
            Arc::new(Container {
                identity,
                users: ContainerUsers::default(),
                metadata: MetadataSlot::default(),
            })
        };
        Self {
            paths: paths.into(),
            container: detect::container(paths).map(container),
        }
    }

    /// `container.id`.
    pub fn container_id(&self) -> &str {
        self.container
            .as_ref()
            .map_or(HOST, |container| &container.identity.id)
    }

    /// Path of controller `name`: of its line or, where the driver has told the default hierarchy alone, of
    /// that; `None` when it is not known.
    pub fn path_of(&self, name: &[u8]) -> Option<&[u8]> {
        let mut entries = self.paths.split(|&b| matches!(b, 0 | b' ' | b'\n'));
        let alone = !self.paths.contains(&0) && self.paths.starts_with(b"/");
        if alone {
            let known: [&[u8]; 5] = [b"cpuset", b"cpu", b"cpuacct", b"io", b"memory"];
            return known.contains(&name).then_some(&self.paths);
        }
        entries.find_map(|entry| {
            let slash = entry.iter().position(|&b| b == b'/')?;
            let mut names = entry[..slash].split(|&b| matches!(b, b':' | b',' | b'='));
            names.any(|known| known == name).then_some(&entry[slash..])
        })
    }

    /// Path after path, without the names of hierarchies.
    pub fn each_path(&self) -> impl Iterator<Item = &[u8]> {
        let entries = self.paths.split(|&b| matches!(b, 0 | b' ' | b'\n'));
        entries.filter_map(|entry| Some(&entry[entry.iter().position(|&b| b == b'/')?..]))
    }
}

/// cgroups and containers, shared by all workers. Held by the processes in them alone.
#[derive(Debug, Default)]
pub(crate) struct Cgroups {
    by_id: HashMap<u64, Weak<Cgroup>, FxBuildHasher>,
    containers: HashMap<Box<str>, Weak<Container>, FxBuildHasher>,
    /// cgroups and containers forgotten that were not dead.
    forgotten: AtomicU64,
}

impl Cgroups {
    /// A cgroup that has been seen before and has a process.
    pub(crate) fn get(&self, id: u64) -> Option<Arc<Cgroup>> {
        (id != 0)
            .then(|| self.by_id.pin().get(&id)?.upgrade())
            .flatten()
    }

    /// cgroup `id` (0: unknown) whose paths are `paths`; `None` when there are none and the cgroup is new.
    ///
    /// Paths decide when there are any: with hierarchies of version 1 many containers share the
    /// root of the default hierarchy, and with it the id.
    pub(crate) fn resolve(&self, id: u64, paths: &[u8]) -> Option<Arc<Cgroup>> {
        let known = self.get(id);
        if paths.is_empty() {
            return known;
        }
        if let Some(known) = known.filter(|known| *known.paths == *paths) {
            return Some(known);
        }
        let mut cgroup = Cgroup::new(paths);
        if let Some(container) = &mut cgroup.container {
            self.unify(container);
        }
        let cgroup = Arc::new(cgroup);
        let map = self.by_id.pin();
        if id != 0 {
            if map.len() >= MAX_CGROUPS {
                map.retain(|_, cgroup| cgroup.strong_count() != 0);
                self.forget_too_many(map.len(), || map.clear());
            }
            map.insert(id, Arc::downgrade(&cgroup));
        }
        Some(cgroup)
    }

    /// The same container as in other cgroups of it.
    fn unify(&self, container: &mut Arc<Container>) {
        let map = self.containers.pin();
        let id = &container.identity.full_id;
        match map.get(id).and_then(Weak::upgrade) {
            Some(known) => *container = known,
            None => {
                if map.len() >= MAX_CGROUPS {
                    map.retain(|_, container| container.strong_count() != 0);
                    self.forget_too_many(map.len(), || map.clear());
                }
                map.insert(id.clone(), Arc::downgrade(container));
            }
        }
    }

    fn forget_too_many(&self, living: usize, clear: impl FnOnce()) {
        if living > MAX_CGROUPS - MIN_ROOM {
            self.forgotten.fetch_add(living as u64, Ordering::Relaxed);
            clear();
        }
    }

    /// cgroups and containers forgotten although they had processes.
    pub(crate) fn forgotten(&self) -> u64 {
        self.forgotten.load(Ordering::Relaxed)
    }

    /// Lets go of cgroups without a process. Off the workers' path.
    pub(crate) fn sweep(&self) {
        self.by_id
            .pin()
            .retain(|_, cgroup| cgroup.strong_count() != 0);
        self.containers
            .pin()
            .retain(|_, container| container.strong_count() != 0);
    }

    /// cgroups remembered, dead ones since the last sweep included.
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Containers remembered, dead ones since the last sweep included.
    pub(crate) fn containers(&self) -> usize {
        self.containers.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

    #[test]
    fn remembered_while_somebody_lives_there() {
        let cgroups = Cgroups::default();
        assert!(cgroups.get(5).is_none());
        let path = format!("0::/docker/{ID}");
        let resolve = |cgroup, path: &str| cgroups.resolve(cgroup, path.as_bytes());
        let inside = resolve(5, &path).expect("a path");
        assert_eq!(inside.container_id(), &ID[..12]);
        let again = resolve(5, "").expect("remembered");
        assert!(Arc::ptr_eq(&inside, &again));
        assert!(Arc::ptr_eq(&inside, &resolve(5, &path).expect("a path")));
        let moved = resolve(5, "0::/init.scope").expect("a path");
        assert_eq!(moved.container_id(), HOST, "paths decide");
        assert!(resolve(6, "").is_none());
        let elsewhere = resolve(7, &format!("/docker/{ID}/init.scope")).expect("a path");
        let container = |cgroup: &Cgroup| cgroup.container.clone().expect("a container");
        assert!(Arc::ptr_eq(&container(&inside), &container(&elsewhere)));
        drop((inside, again, moved, elsewhere));
        assert!(resolve(5, "").is_none());
        cgroups.sweep();
        assert_eq!((cgroups.len(), cgroups.containers.len()), (0, 0));
    }

    #[test]
    fn the_number_of_cgroups_is_bounded() {
        let cgroups = Cgroups::default();
        let path = |id: u64| format!("/docker/{id:064x}");
        let resolve = |id| {
            let path = path(id);
            cgroups.resolve(id, path.as_bytes()).expect("a path")
        };
        let lived_in = resolve(1);
        for id in 2..=MAX_CGROUPS as u64 + 1 {
            resolve(id);
        }
        assert!(cgroups.len() <= MAX_CGROUPS);
        // The dead ones alone have gone.
        assert!(Arc::ptr_eq(&lived_in, &cgroups.get(1).expect("it lives")));
        assert_eq!((cgroups.containers(), cgroups.forgotten()), (2, 0));
        let all: Vec<_> = (2..=MAX_CGROUPS as u64 + 1).map(resolve).collect();
        assert!(cgroups.len() <= MAX_CGROUPS && cgroups.containers() <= MAX_CGROUPS);
        assert_eq!(cgroups.forgotten(), 2 * (MAX_CGROUPS as u64 - 1));
        assert_eq!(all.last().map(|cgroup| cgroup.paths.len()), Some(72));
    }

    #[test]
    fn paths_without_their_hierarchies() {
        let paths = |text: &[u8]| {
            let cgroup = Cgroup::new(text);
            let paths: Vec<Vec<u8>> = cgroup.each_path().map(<[u8]>::to_vec).collect();
            paths
        };
        assert_eq!(paths(b"/a\0/b"), [b"/a", b"/b"]);
        assert_eq!(paths(b"4:memory:/a\n0::/\n"), [&b"/a"[..], b"/"]);
        assert!(paths(b"").is_empty());
    }

    #[test]
    fn paths_of_controllers() {
        let of = |text: &[u8], name: &[u8]| Cgroup::new(text).path_of(name).map(<[u8]>::to_vec);
        assert_eq!(of(b"/a", b"cpu"), Some(b"/a".to_vec()));
        assert_eq!(of(b"/a", b"nonsense"), None);
        assert_eq!(of(b"/a\0/b", b"cpu"), None);
        assert_eq!(
            of(b"5:cpu,cpuacct:/c\n0::/a\n", b"cpuacct"),
            Some(b"/c".to_vec())
        );
        assert_eq!(of(b"cpuset=/ memory=/m", b"memory"), Some(b"/m".to_vec()));
        assert_eq!(of(b"", b"cpu"), None);
    }
}
