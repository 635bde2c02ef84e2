//! From cgroup paths to a container (rules-spec F9): by their form alone, no engine is asked.

use super::{Engine, Identity, Pod, Qos};

/// Hexadecimal digits of a full container id.
const FULL_ID_LEN: usize = 64;

/// Those of them that are shown.
const SHORT_ID_LEN: usize = 12;

/// Longest id of a container that was named by its user.
const MAX_NAME_LEN: usize = 64;

/// What stands before a full id in a path component, and whose it is.
const PREFIXES: [(&[u8], Engine); 7] = [
    (b"docker-", Engine::Docker),
    (b"libpod-payload-", Engine::Podman),
    (b"libpod-", Engine::Podman),
    (b"crio-", Engine::CriO),
    (b"cri-containerd-", Engine::Containerd),
    (b"nerdctl-", Engine::Containerd),
    (b"containerd-", Engine::Containerd),
];

/// Namespaces in which containerd's own clients start containers.
const CONTAINERD_NAMESPACES: [&[u8]; 4] = [b"default", b"k8s.io", b"moby", b"buildkit"];

/// The container of cgroup entries: lines of `/proc/PID/cgroup` (`0::/path`), `subsys=/path` or bare paths,
/// separated by NUL, space or newline. `None` for the host. The first entry that names one wins.
pub(super) fn container(cgroups: &[u8]) -> Option<Identity> {
    let entries = cgroups.split(|&b| matches!(b, 0 | b' ' | b'\n'));
    entries.filter_map(path_of).find_map(|path| {
        by_full_id(path)
            .or_else(|| libvirt_or_bpm(path))
            .or_else(|| lxc(path))
            .or_else(|| nspawn(path))
            .or_else(|| named(path))
    })
}

fn path_of(entry: &[u8]) -> Option<&[u8]> {
    let slash = entry.iter().position(|&b| b == b'/')?;
    Some(&entry[slash..])
}

fn components(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> + Clone {
    path.split(|&b| b == b'/').filter(|part| !part.is_empty())
}

/// Engines that use 64 hexadecimal digits. The innermost component that is one counts: a container may
/// make groups of its own below.
fn by_full_id(path: &[u8]) -> Option<Identity> {
    let mut below = false;
    let mut parts = components(path).rev();
    while let Some(part) = parts.next() {
        let above = parts.clone().next();
        if let Some((id, engine)) = marked_id(part).or_else(|| bare_id(part, above, below)) {
            let id = std::str::from_utf8(id).ok()?;
            return Some(Identity {
                id: id[..SHORT_ID_LEN].into(),
                full_id: id.into(),
                engine,
                pod: pod(path),
            });
        }
        below = true;
    }
    None
}

/// `docker-ID.scope`, `libpod-ID`, `...:cri-containerd:ID`.
fn marked_id(part: &[u8]) -> Option<(&[u8], Engine)> {
    const UNIT: &[u8] = b":cri-containerd:";
    if let Some(at) = find(part, UNIT) {
        let id = &part[at + UNIT.len()..];
        return is_full_id(id).then_some((id, Engine::Containerd));
    }
    let stem = part.strip_suffix(b".scope").unwrap_or(part);
    PREFIXES.iter().find_map(|&(prefix, engine)| {
        let id = stem.strip_prefix(prefix).filter(|id| is_full_id(id))?;
        Some((id, engine))
    })
}

/// An id and nothing else: at the end of a path, or where its parent is an engine's.
fn bare_id<'p>(part: &'p [u8], above: Option<&[u8]>, below: bool) -> Option<(&'p [u8], Engine)> {
    if !is_full_id(part) {
        return None;
    }
    let engine = match above {
        Some(b"docker" | b"moby") => Engine::Docker,
        Some(b"libpod_parent") => Engine::Podman,
        Some(name) if CONTAINERD_NAMESPACES.contains(&name) => Engine::Containerd,
        Some(name) if pod_uid(name).is_some() => Engine::Cri,
        // Anybody's; Docker's by default (rules-spec F9).
        _ if !below => Engine::Docker,
        _ => return None,
    };
    Some((part, engine))
}

fn is_full_id(id: &[u8]) -> bool {
    id.len() == FULL_ID_LEN && id.iter().all(u8::is_ascii_hexdigit)
}

/// The pod above a container, as either of the kubelet's drivers spells it: `kubepods/QOS/podUID` or
/// `kubepods-QOS-podUID.slice` with underscores for dashes.
fn pod(path: &[u8]) -> Option<Pod> {
    find(path, b"kubepods")?;
    let uid = components(path).rev().find_map(pod_uid)?;
    let qos = if find(path, b"besteffort").is_some() {
        Qos::BestEffort
    } else if find(path, b"burstable").is_some() {
        Qos::Burstable
    } else {
        Qos::Guaranteed
    };
    Some(Pod { uid, qos })
}

fn pod_uid(part: &[u8]) -> Option<Box<str>> {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let part = part.split(|&b| b == b':').next()?;
    let slice = part.strip_suffix(b".slice");
    let uid = match slice {
        Some(slice) => &slice[find(slice, b"-pod")? + b"-pod".len()..],
        None => part.strip_prefix(b"pod")?,
    };
    let uid: String = uid
        .iter()
        .map(|&b| char::from(if b == b'_' { b'-' } else { b }))
        .collect();
    // Pods of files (static) have a hash without dashes.
    let fits = match uid.len() {
        32 => uid.bytes().all(|b| b.is_ascii_hexdigit()),
        36 => uid.bytes().enumerate().all(|(at, b)| {
            (b == b'-') == DASHES.contains(&at) && (b == b'-' || b.is_ascii_hexdigit())
        }),
        _ => false,
    };
    fits.then(|| uid.into())
}

fn lxc(path: &[u8]) -> Option<Identity> {
    let markers: [&[u8]; 3] = [b"/lxc.payload/", b"/lxc.payload.", b"/lxc/"];
    let rest = markers
        .iter()
        .find_map(|m| find(path, m).map(|at| &path[at + m.len()..]))?;
    by_name(rest.split(|&b| b == b'/').next()?, Engine::Lxc)
}

fn libvirt_or_bpm(path: &[u8]) -> Option<Identity> {
    const DIRECTORY: &[u8] = b"/libvirt/lxc/";
    const UNIT: &[u8] = b"-lxc\\x2d";
    if let Some(at) = find(path, DIRECTORY) {
        let rest = &path[at + DIRECTORY.len()..];
        return by_name(rest.split(|&b| b == b'/').next()?, Engine::LibvirtLxc);
    }
    components(path).find_map(|part| {
        if let Some(name) = part.strip_suffix(b".libvirt-lxc") {
            return by_name(name, Engine::LibvirtLxc);
        }
        let unit = part.strip_suffix(b".scope")?;
        match find(unit, UNIT) {
            Some(at) => by_name(&unit[at + UNIT.len()..], Engine::LibvirtLxc),
            None => by_name(unit.strip_prefix(b"bpm-")?, Engine::Bpm),
        }
    })
}

/// `machine-NAME.scope` or `systemd-nspawn@NAME.service`; virtual machines are called so, too, and are
/// told by their name. Below, the supervisor is on the host's side (systemd-nspawn(1)).
fn nspawn(path: &[u8]) -> Option<Identity> {
    let mut parts = components(path).skip_while(|part| *part != b"machine.slice");
    let unit = parts.nth(1)?;
    let name = match unit.strip_suffix(b".scope") {
        Some(scope) => scope.strip_prefix(b"machine-")?,
        None => unit
            .strip_suffix(b".service")?
            .strip_prefix(b"systemd-nspawn@")?,
    };
    let machine = name.starts_with(b"qemu\\x2d") || name.starts_with(b"qemu-");
    let supervisor = parts.next() == Some(b"supervisor");
    if machine || supervisor {
        return None;
    }
    by_name(&unescaped(name), Engine::Nspawn)
}

/// What systemd writes as `\x2d` (systemd-escape(1)).
fn unescaped(name: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(name.len());
    let mut rest = name;
    while let Some((&byte, after)) = rest.split_first() {
        let hex = rest
            .strip_prefix(b"\\x")
            .and_then(|hex| std::str::from_utf8(hex.get(..2)?).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match hex {
            Some(escaped) => {
                out.push(escaped);
                rest = &rest[4..];
            }
            None => {
                out.push(byte);
                rest = after;
            }
        }
    }
    out
}

/// containerd with an id its user chose: exactly `/NAMESPACE/ID`. Only namespaces that clients use by
/// default: any other program may make cgroups of this shape on a host, too.
fn named(path: &[u8]) -> Option<Identity> {
    let mut parts = components(path);
    let (namespace, id) = (parts.next()?, parts.next()?);
    let unit = |name: &[u8]| {
        let endings: [&[u8]; 3] = [b".service", b".slice", b".scope"];
        endings.iter().any(|ending| name.ends_with(ending))
    };
    let plausible = parts.next().is_none()
        && CONTAINERD_NAMESPACES.contains(&namespace)
        && id.len() <= MAX_NAME_LEN
        && !unit(id);
    plausible.then(|| by_name(id, Engine::Containerd)).flatten()
}

fn by_name(name: &[u8], engine: Engine) -> Option<Identity> {
    let id: Box<str> = (!name.is_empty()).then(|| String::from_utf8_lossy(name).into())?;
    Some(Identity {
        full_id: id.clone(),
        id,
        engine,
        pod: None,
    })
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
#[path = "detect_tests.rs"]
mod tests;
