//! From a cgroup path to a container id (rules-spec F9).

use std::sync::Arc;

use papaya::HashMap;
use rustc_hash::FxBuildHasher;

/// Id of what runs in no container; the text is part of the rule language.
pub const HOST: &str = "host";

/// cgroup ids remembered; beyond, all are forgotten and learnt again from execs.
pub const MAX_CGROUPS: usize = 65_536;

/// Hexadecimal digits of a full container id.
const FULL_ID_LEN: usize = 64;

/// Those of them that are shown.
const SHORT_ID_LEN: usize = 12;

/// Longest id of a container that was named by its user.
const MAX_NAME_LEN: usize = 64;

/// What may stand before a full id in the last path component (`/ID`, `/docker-ID.scope`, ...).
const PREFIXES: [&[u8]; 8] = [
    b"",
    b"docker-",
    b"libpod-payload-",
    b"libpod-",
    b"crio-",
    b"cri-containerd-",
    b"nerdctl-",
    b"containerd-",
];

/// cgroup id to container id, shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Containers {
    by_cgroup: HashMap<u64, Arc<str>, FxBuildHasher>,
}

impl Containers {
    /// Container of a cgroup seen before.
    pub(crate) fn get(&self, cgroup_id: u64) -> Option<Arc<str>> {
        (cgroup_id != 0)
            .then(|| self.by_cgroup.pin().get(&cgroup_id).cloned())
            .flatten()
    }

    /// Container of cgroup `cgroup_id` (0: unknown) whose paths are `cgroups`; `None` when there
    /// are none and the cgroup is new.
    ///
    /// Paths decide when there are any: with hierarchies of version 1 many containers share the
    /// root of the default hierarchy, and with it the id.
    pub(crate) fn resolve(&self, cgroup_id: u64, cgroups: &[u8]) -> Option<Arc<str>> {
        let known = self.get(cgroup_id);
        if cgroups.is_empty() {
            return known;
        }
        let id = container_id(cgroups);
        let id = id.as_deref().unwrap_or(HOST);
        if let Some(known) = known.filter(|known| **known == *id) {
            return Some(known);
        }
        let id: Arc<str> = id.into();
        let map = self.by_cgroup.pin();
        if cgroup_id != 0 {
            // Ids are never used again, so a full map is mostly dead ones; the living come back with
            // their next exec.
            if map.len() >= MAX_CGROUPS {
                map.clear();
            }
            map.insert(cgroup_id, Arc::clone(&id));
        }
        Some(id)
    }
}

/// Container id from cgroup entries: lines of `/proc/PID/cgroup` (`0::/path`), `subsys=/path` or
/// bare paths, separated by NUL, space or newline. `None` for the host. The first match wins.
pub fn container_id(cgroups: &[u8]) -> Option<String> {
    let entries = cgroups.split(|&b| matches!(b, 0 | b' ' | b'\n'));
    let id = entries.filter_map(path_of).find_map(|path| {
        full_id(path)
            .or_else(|| lxc(path))
            .or_else(|| libvirt(path))
            .or_else(|| named(path))
    })?;
    Some(String::from_utf8_lossy(id).into_owned())
}

fn path_of(entry: &[u8]) -> Option<&[u8]> {
    let slash = entry.iter().position(|&b| b == b'/')?;
    let path = &entry[slash..];
    Some(path.strip_suffix(b"/").unwrap_or(path))
}

/// Engines that use 64 hexadecimal digits.
fn full_id(path: &[u8]) -> Option<&[u8]> {
    let path = path.strip_suffix(b"/container").unwrap_or(path);
    let last = path.rsplit(|&b| b == b'/').next()?;
    let stem = last.strip_suffix(b".scope").unwrap_or(last);
    let stem = match find(stem, b":cri-containerd:") {
        Some(at) => &stem[at + b":cri-containerd:".len()..],
        None => stem,
    };
    let mut ids = PREFIXES
        .iter()
        .filter_map(|prefix| stem.strip_prefix(*prefix));
    let is_id = |id: &&[u8]| id.len() == FULL_ID_LEN && id.iter().all(u8::is_ascii_hexdigit);
    ids.find(is_id).map(|id| &id[..SHORT_ID_LEN])
}

fn lxc(path: &[u8]) -> Option<&[u8]> {
    let markers: [&[u8]; 3] = [b"/lxc.payload/", b"/lxc.payload.", b"/lxc/"];
    let name = markers
        .iter()
        .find_map(|m| find(path, m).map(|at| &path[at + m.len()..]))?;
    let name = name.split(|&b| b == b'/').next()?;
    (!name.is_empty()).then_some(name)
}

fn libvirt(path: &[u8]) -> Option<&[u8]> {
    let component = |part: &&[u8]| !part.is_empty();
    if let Some(at) = find(path, b"/libvirt/lxc/") {
        let rest = &path[at + b"/libvirt/lxc/".len()..];
        return rest.split(|&b| b == b'/').next().filter(component);
    }
    for part in path.split(|&b| b == b'/') {
        if let Some(name) = part.strip_suffix(b".libvirt-lxc") {
            return Some(name).filter(component);
        }
        if let (Some(at), Some(stem)) = (find(part, b"-lxc\\x2d"), part.strip_suffix(b".scope")) {
            return stem.get(at + b"-lxc\\x2d".len()..).filter(component);
        }
        if let Some(name) = part
            .strip_prefix(b"bpm-")
            .and_then(|n| n.strip_suffix(b".scope"))
        {
            return Some(name).filter(component);
        }
    }
    None
}

/// Namespaces in which containerd's own clients start containers.
const CONTAINERD_NAMESPACES: [&[u8]; 4] = [b"default", b"k8s.io", b"moby", b"buildkit"];

/// containerd with an id its user chose: exactly `/NAMESPACE/ID`. Only namespaces that clients use by
/// default: any other program may make cgroups of this shape on a host, too.
fn named(path: &[u8]) -> Option<&[u8]> {
    let mut parts = path.strip_prefix(b"/")?.split(|&b| b == b'/');
    let (namespace, id) = (parts.next()?, parts.next()?);
    let unit = |name: &[u8]| {
        let endings: [&[u8]; 3] = [b".service", b".slice", b".scope"];
        endings.iter().any(|ending| name.ends_with(ending))
    };
    let plausible = parts.next().is_none()
        && CONTAINERD_NAMESPACES.contains(&namespace)
        && !id.is_empty()
        && id.len() <= MAX_NAME_LEN
        && !unit(id);
    plausible.then_some(id)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

    fn id(cgroups: &str) -> String {
        container_id(cgroups.as_bytes()).unwrap_or(HOST.to_owned())
    }

    #[test]
    fn engines() {
        let forms = [
            "/docker/ID",
            "/system.slice/docker-ID.scope",
            "/machine.slice/libpod-ID.scope",
            "/machine.slice/libpod-ID.scope/container",
            "/machine.slice/libpod-payload-ID",
            "/kubepods.slice/kubepods-pod1.slice/crio-ID.scope",
            "/kubepods.slice/kubepods-pod1.slice/cri-containerd-ID.scope",
            "/system.slice/containerd.service/kubepods-pod1.slice:cri-containerd:ID",
            "/system.slice/nerdctl-ID.scope",
        ];
        for form in forms {
            let path = form.replace("ID", ID);
            assert_eq!(id(&format!("0::{path}\n")), &ID[..12], "{form}");
            assert_eq!(id(&format!("cpuset=/ cpu={path}")), &ID[..12], "{form}");
        }
        assert_eq!(id("0::/lxc/web/init.scope"), "web");
        assert_eq!(id("0::/lxc.payload.web"), "web");
        assert_eq!(
            id("0::/machine.slice/machine-lxc\\x2dweb.scope/libvirt"),
            "web"
        );
        assert_eq!(id("0::/bpm-router.scope"), "router");
        assert_eq!(id("0::/default/myid"), "myid");
    }

    #[test]
    fn the_host() {
        for path in [
            "/",
            "/init.scope",
            "/system.slice/ssh.service",
            "/user.slice/x",
            "",
        ] {
            assert_eq!(id(&format!("0::{path}")), HOST, "{path}");
        }
        // A program's own cgroup of the same shape is no container.
        assert_eq!(id(&format!("memory:/process_api/{}", &ID[32..])), HOST);
        assert_eq!(id(&format!("0::/docker/{}", &ID[1..])), HOST);
        assert_eq!(id(&format!("0::/a/b/{}", &ID[1..])), HOST);
    }

    #[test]
    fn remembered_by_cgroup() {
        let containers = Containers::default();
        assert!(containers.get(5).is_none());
        let path = format!("0::/docker/{ID}");
        let resolve = |cgroup, path: &str| containers.resolve(cgroup, path.as_bytes());
        assert_eq!(resolve(5, &path).as_deref(), Some(&ID[..12]));
        assert_eq!(resolve(5, "").as_deref(), Some(&ID[..12]));
        assert_eq!(
            resolve(5, "0::/init.scope").as_deref(),
            Some(HOST),
            "paths decide"
        );
        assert_eq!(resolve(6, ""), None);
    }
}
