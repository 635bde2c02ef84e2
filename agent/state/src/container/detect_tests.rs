//! Which paths are containers, and which only look like it.

use proptest::prelude::*;

use super::*;

const ID: &str = "3ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
const OTHER: &str = "0000b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";
const UID: &str = "a1b2c3d4-0001-0002-0003-123456789abc";

fn of(path: &str) -> Option<Identity> {
    let path = path
        .replace("UNDER", &UID.replace('-', "_"))
        .replace("UID", UID)
        .replace("OTHER", OTHER)
        .replace("ID", ID);
    container(path.as_bytes())
}

#[test]
fn engines_with_full_ids() {
    use Engine::*;
    let forms = [
        ("/docker/ID", Docker),
        ("/ID", Docker),
        ("/system.slice/docker-ID.scope", Docker),
        ("/actions_job/ID", Docker),
        ("/docker/OTHER/docker/ID", Docker),
        ("/docker/ID/init.scope", Docker),
        ("/docker/ID/system.slice/cron.service", Docker),
        ("/machine.slice/libpod-ID.scope", Podman),
        ("/machine.slice/libpod-ID.scope/container", Podman),
        (
            "/machine.slice/libpod-ID.scope/container/init.scope",
            Podman,
        ),
        ("/machine.slice/libpod-payload-ID", Podman),
        ("/libpod_parent/libpod-ID", Podman),
        ("/libpod_parent/libpod-ID/container", Podman),
        (
            "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container",
            Podman,
        ),
        (
            "/kubepods.slice/kubepods-podUNDER.slice/crio-ID.scope",
            CriO,
        ),
        ("/kubepods/burstable/podUID/crio-ID", CriO),
        ("/kubepods/podUID/ID", Cri),
        ("/kubepods/podUID/ID/init.scope", Cri),
        (
            "/kubepods.slice/kubepods-podUNDER.slice/cri-containerd-ID.scope",
            Containerd,
        ),
        (
            "/system.slice/containerd.service/kubepods-burstable-podUNDER.slice:cri-containerd:ID",
            Containerd,
        ),
        ("/system.slice/nerdctl-ID.scope", Containerd),
        ("/default/ID", Containerd),
        ("/k8s.io/ID", Containerd),
    ];
    for (form, engine) in forms {
        for line in [
            format!("0::{form}\n"),
            format!("cpuset=/ cpu={form}"),
            format!("/system.slice\0{form}"),
            format!("{form}/"),
        ] {
            let found = of(&line).unwrap_or_else(|| panic!("{line}: the host"));
            assert_eq!((&*found.id, &*found.full_id), (&ID[..12], ID), "{line}");
            assert_eq!(found.engine, engine, "{line}");
        }
    }
}

#[test]
fn engines_with_names() {
    use Engine::*;
    let forms = [
        ("0::/lxc/web/init.scope", "web", Lxc),
        ("0::/lxc/web", "web", Lxc),
        ("0::/lxc.payload/web", "web", Lxc),
        ("0::/lxc.payload.web", "web", Lxc),
        (
            "0::/user.slice/lxc.payload.web/system.slice/x.service",
            "web",
            Lxc,
        ),
        (
            "0::/machine.slice/machine-lxc\\x2dweb.scope/libvirt",
            "web",
            LibvirtLxc,
        ),
        ("0::/machine/web.libvirt-lxc", "web", LibvirtLxc),
        ("0::/libvirt/lxc/web", "web", LibvirtLxc),
        ("0::/bpm-router.scope", "router", Bpm),
        ("0::/default/myid", "myid", Containerd),
        ("0::/machine.slice/machine-deb.scope", "deb", Nspawn),
        (
            "0::/machine.slice/machine-deb.scope/payload/system.slice/a.service",
            "deb",
            Nspawn,
        ),
        (
            "0::/machine.slice/machine-my\\x2ddeb.scope/payload",
            "my-deb",
            Nspawn,
        ),
        (
            "0::/machine.slice/systemd-nspawn@deb.service/payload",
            "deb",
            Nspawn,
        ),
    ];
    for (form, name, engine) in forms {
        let found = of(form).unwrap_or_else(|| panic!("{form}: the host"));
        assert_eq!((&*found.id, &*found.full_id), (name, name), "{form}");
        assert_eq!(found.engine, engine, "{form}");
    }
}

#[test]
fn pods() {
    let forms = [
        ("/kubepods/burstable/podUID/ID", Qos::Burstable),
        ("/kubepods/besteffort/podUID/ID", Qos::BestEffort),
        ("/kubepods/podUID/ID", Qos::Guaranteed),
        (
            "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUNDER.slice/docker-ID.scope",
            Qos::BestEffort,
        ),
        (
            "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podUNDER.slice/crio-ID.scope",
            Qos::Guaranteed,
        ),
        (
            "/system.slice/containerd.service/kubepods-burstable-podUNDER.slice:cri-containerd:ID",
            Qos::Burstable,
        ),
    ];
    for (form, qos) in forms {
        let pod = of(form).and_then(|found| found.pod);
        let pod = pod.unwrap_or_else(|| panic!("{form}: no pod"));
        assert_eq!((&*pod.uid, pod.qos), (UID, qos), "{form}");
    }
    // Static pods are named by a hash.
    let found =
        of("/kubepods/burstable/pod0123456789abcdef0123456789abcdef/ID").expect("a container");
    assert_eq!(found.pod.map(|pod| pod.uid.len()), Some(32));
    assert_eq!(of("/docker/ID").expect("a container").pod, None);
    assert_eq!(of("/kubepods/podX/ID").expect("a container").pod, None);
}

#[test]
fn the_host() {
    let short = &ID[32..];
    let long = &ID[1..];
    for path in [
        String::new(),
        "/".to_owned(),
        "/init.scope".to_owned(),
        "/system.slice/ssh.service".to_owned(),
        "/user.slice/user-1000.slice/session-3.scope".to_owned(),
        // A program's own cgroup of the same shape is no container.
        format!("/process_api/{short}"),
        format!("/name/{short}"),
        format!("/{short}"),
        format!("/docker/{long}"),
        format!("/a/b/{long}"),
        format!("/docker/{ID}0"),
        format!("/docker/{}g", long),
        "/some/ID/below".to_owned(),
        // What watches over containers runs on the host.
        "/machine.slice/libpod-conmon-ID.scope".to_owned(),
        "/kubepods/podUID/crio-conmon-ID".to_owned(),
        "/lxc.monitor.web".to_owned(),
        "/machine.slice/machine-deb.scope/supervisor".to_owned(),
        "/machine.slice/systemd-nspawn@deb.service/supervisor".to_owned(),
        "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope".to_owned(),
        "/machine.slice".to_owned(),
        "/machine-deb.scope".to_owned(),
        // Neither is a pod's own group, nor a unit, nor any namespace.
        "/kubepods/burstable/podUID".to_owned(),
        "/default/foo.service".to_owned(),
        "/default/a/b".to_owned(),
        "/mine/myid".to_owned(),
        "/lxc/".to_owned(),
        "/libvirt/lxc/".to_owned(),
        "/bpm-.scope".to_owned(),
        "/bpm-router.service".to_owned(),
    ] {
        assert_eq!(of(&format!("0::{path}")), None, "{path}");
    }
}

#[test]
fn the_first_entry_that_names_one_wins() {
    let both = "0::/system.slice/docker.service\n4:memory:/docker/ID\n3:cpu:/docker/OTHER\n";
    assert_eq!(of(both).map(|found| found.full_id), Some(ID.into()));
}

proptest! {
    /// Whatever stands in a path: no panic, and an id is never empty.
    #[test]
    fn odd_paths(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let found = container(&bytes);
        prop_assert!(found.is_none_or(|found| !found.id.is_empty()));
    }

    /// Pieces of real paths in any order.
    #[test]
    fn odd_shapes(parts in prop::collection::vec(prop::sample::select(vec![
        "/", "//", ":", "::", "docker", "-", ".scope", ".slice", ID, &ID[..32], "pod", UID, "kubepods",
        "machine.slice", "machine-", "\\x2", "\\x2d", "\\xzz", "lxc", "lxc.payload.", ":cri-containerd:",
        "libpod-", "\0", "\n", " ", "é", "systemd-nspawn@", ".service", "-pod", "_", "default",
    ]), 0..24)) {
        let found = container(parts.concat().as_bytes());
        if let Some(found) = found {
            prop_assert!(!found.id.is_empty());
            prop_assert!(found.full_id.starts_with(&*found.id));
        }
    }
}
