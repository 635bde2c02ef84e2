//! `container.*` and `k8s.*`: rules-spec D5, F9.

use saker_abi::raw::*;

use saker_state::{Absent, ImageName, Metadata, Mount};

use crate::world::{CHILD, SHELL, World, exec, record};

#[test]
fn the_host() {
    World::new().expect(
        &record(SAKER_EV_RMDIR, 5_000, CHILD),
        &[
            ("container.id", "host"),
            ("container.full_id", "host"),
            ("container.name", "host"),
            ("container.type", "host"),
            ("container.image", ""),
            ("container.image.repository", ""),
            ("container.image.tag", ""),
            ("container.privileged", "false"),
            ("container.mounts", ""),
            ("container.mount.dest[/etc]", "~"),
            ("container.mount.dest[/proc*]", "~"),
            ("k8s.ns.name", "~"),
            ("k8s.pod.name", "~"),
        ],
    );
}

#[test]
fn a_container_without_metadata() {
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let inside = exec(CHILD, SHELL, 5_000, "sh", &[])
        .var(
            SAKER_P_EXECVE_cgroups,
            format!("cpu=/docker/{id}").as_bytes(),
        )
        .hdr(|hdr| hdr.cgroup_id = 5);
    World::new().expect(
        &inside,
        &[
            ("container.id", "a1b2c3d4e5f6"),
            ("container.full_id", &id),
            ("container.type", "docker"),
            ("k8s.pod.uid", "~"),
            ("container.name", "~"),
            ("container.image.repository", "~"),
            ("container.privileged", "~"),
            ("container.mount.dest[/etc]", "~"),
            ("fd.containername", "~"),
        ],
    );
}

/// Filled in while the container lives: the next event has it.
#[test]
fn a_container_with_metadata() {
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let path = format!("/kubepods/besteffort/poda1b2c3d4-0001-0002-0003-123456789abc/{id}");
    let inside = exec(CHILD, SHELL, 5_000, "sh", &[]).var(SAKER_P_EXECVE_cgroups, path.as_bytes());
    let mut world = World::new();
    world.expect(&inside, &[("container.name", "~"), ("k8s.pod.name", "~")]);
    let container = world.container(CHILD);
    let event = record(SAKER_EV_RMDIR, 6_000, CHILD);
    for reason in [Absent::Pending, Absent::Error] {
        container.metadata.set(Err(reason));
        for field in ["container.image", "k8s.pod.name", "container.label[app]"] {
            assert_eq!(world.why_absent(&event, field), Some(reason), "{field}");
        }
    }
    container.metadata.set(Ok(Metadata {
        name: "web".into(),
        image: ImageName {
            full: "library/web:1".into(),
            repository: "library/web".into(),
            tag: "1".into(),
            ..ImageName::default()
        },
        privileged: Some(true),
        labels: [("app".into(), "shop".into())].into(),
        pod_namespace: "front".into(),
        pod_name: "web-0".into(),
        ..Metadata::default()
    }));
    world.expect(
        &event,
        &[
            ("container.name", "web"),
            ("container.image", "library/web:1"),
            ("container.image.repository", "library/web"),
            ("container.image.tag", "1"),
            ("container.image.digest", ""),
            ("container.privileged", "true"),
            ("container.host_pid", "~"),
            ("container.label[app]", "shop"),
            ("container.label[other]", "~"),
            ("container.mount.dest[/etc]", "~"),
            ("k8s.ns.name", "front"),
            ("k8s.pod.name", "web-0"),
        ],
    );
    let not_here = Some(Absent::NotApplicable);
    assert_eq!(world.why_absent(&event, "container.label[other]"), not_here);
}

#[test]
fn mounts_labels_and_sandboxes() {
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let path = format!("/kubepods/besteffort/poda1b2c3d4-0001-0002-0003-123456789abc/{id}");
    let mut world = World::new();
    let inside = exec(CHILD, SHELL, 5_000, "sh", &[]).var(SAKER_P_EXECVE_cgroups, path.as_bytes());
    world.feed(&inside);
    let mount = |source: &str, dest: &str, mode: &str, writable| Mount {
        source: source.into(),
        dest: dest.into(),
        mode: mode.into(),
        writable,
        propagation: "rprivate".into(),
    };
    let found = Metadata {
        labels: [
            ("app".into(), "shop".into()),
            ("tier".into(), "front".into()),
        ]
        .into(),
        mounts: [
            mount("/srv/data", "/data", "", true),
            mount("/proc", "/host/proc", "ro", false),
        ]
        .into(),
        cni_json: r#"{"ips":[]}"#.into(),
        pod_sandbox_id: "0123456789abcdef".into(),
        pod_ip: "10.1.2.3".into(),
        ..Metadata::default()
    };
    world.container(CHILD).metadata.set(Ok(found));
    let event = record(SAKER_EV_RMDIR, 6_000, CHILD);
    world.expect(
        &event,
        &[
            ("container.labels", "app:shop,tier:front"),
            (
                "container.mounts",
                "/srv/data:/data::true:rprivate,/proc:/host/proc:ro:false:rprivate",
            ),
            ("container.mount[0]", "/srv/data:/data::true:rprivate"),
            ("container.mount[1]", "/proc:/host/proc:ro:false:rprivate"),
            ("container.mount[2]", "~"),
            // A regular expression, found anywhere in the source; by the destination it is the source.
            ("container.mount.dest[/proc*]", "/host/proc"),
            ("container.mount.dest[^/data]", "~"),
            ("container.mount.source[^/data]", "/srv/data"),
            ("container.mount.source[1]", "/proc"),
            ("container.mount.mode[/proc]", "ro"),
            ("container.mount.rdwr[/proc]", "false"),
            ("container.mount.rdwr[0]", "true"),
            ("container.mount.propagation[srv]", "rprivate"),
            ("container.mount[srv]", "/srv/data:/data::true:rprivate"),
            ("container.cni.json", r#"{"ips":[]}"#),
            ("k8s.pod.cni.json", r#"{"ips":[]}"#),
            ("k8s.pod.sandbox_id", "0123456789ab"),
            ("k8s.pod.full_sandbox_id", "0123456789abcdef"),
            ("k8s.pod.ip", "10.1.2.3"),
            ("k8s.pod.labels", "~"),
        ],
    );
    let on_host = [
        ("container.labels", ""),
        ("container.cni.json", ""),
        ("k8s.pod.ip", "~"),
    ];
    world.expect(&record(SAKER_EV_RMDIR, 6_001, SHELL), &on_host);
}

#[test]
fn a_pod() {
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let path = format!(
        "/kubepods.slice/kubepods-burstable.slice/\
         kubepods-burstable-poda1b2c3d4_0001_0002_0003_123456789abc.slice/crio-{id}.scope"
    );
    let inside = exec(CHILD, SHELL, 5_000, "sh", &[])
        .var(SAKER_P_EXECVE_cgroups, path.as_bytes())
        .hdr(|hdr| hdr.cgroup_id = 5);
    let uid = "a1b2c3d4-0001-0002-0003-123456789abc";
    World::new().expect(
        &inside,
        &[
            ("container.type", "cri-o"),
            ("k8s.pod.uid", uid),
            ("k8s.pod.id", uid),
            ("k8s.pod.qos", "burstable"),
            ("k8s.pod.name", "~"),
            ("k8s.rc.name", "~"),
            ("thread.cgroups", &path),
            ("thread.cgroup.cpu", &path),
            ("thread.cgroup[nonsense]", "~"),
        ],
    );
}

/// What the driver sends where controllers have hierarchies of their own.
#[test]
fn hierarchies_of_version_1() {
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let inside = exec(CHILD, SHELL, 5_000, "sh", &[])
        .var(
            SAKER_P_EXECVE_cgroups,
            format!("/system.slice\0/docker/{id}").as_bytes(),
        )
        .hdr(|hdr| hdr.cgroup_id = 1);
    World::new().expect(
        &inside,
        &[
            ("container.id", "a1b2c3d4e5f6"),
            ("thread.cgroups", &format!("/system.slice /docker/{id}")),
            ("thread.cgroup.cpu", "~"),
        ],
    );
}
