//! `container.*` and `k8s.*`: rules-spec D5, F9.

use saker_abi::raw::*;

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
            ("container.full_id", "~"),
            ("container.name", "~"),
            ("container.image.repository", "~"),
            ("container.privileged", "~"),
            ("container.mount.dest[/etc]", "~"),
            ("fd.containername", "~"),
        ],
    );
}
