//! `user.*` and `group.*`: rules-spec F6.

use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;

use crate::world::{CHILD, SHELL, World, exec, record};

fn as_user(uid: u32, gid: u32, loginuid: u32) -> RecordBuilder {
    exec(CHILD, SHELL, 5_000, "x", &[])
        .num(SAKER_P_EXECVE_uid, uid.into())
        .num(SAKER_P_EXECVE_gid, gid.into())
        .num(SAKER_P_EXECVE_loginuid, loginuid.into())
}

#[test]
fn known_users() {
    World::new().expect(
        &as_user(33, 33, 0),
        &[
            ("user.uid", "33"),
            ("user.name", "www-data"),
            ("user.homedir", "/var/www"),
            ("user.shell", "/bin/sh"),
            ("user.loginuid", "0"),
            ("user.loginname", "root"),
            ("group.gid", "33"),
            ("group.name", "www-data"),
        ],
    );
}

#[test]
fn unknown_users_have_the_text_na() {
    World::new().expect(
        &as_user(77, 78, u32::MAX),
        &[
            ("user.uid", "77"),
            ("user.name", "<NA>"),
            ("user.homedir", "<NA>"),
            ("user.shell", "<NA>"),
            ("user.loginuid", "-1"),
            ("user.loginname", "<NA>"),
            ("group.name", "<NA>"),
        ],
    );
}

#[test]
fn each_thread_has_its_own() {
    let mut world = World::new();
    world.feed(&as_user(33, 33, 0).num(SAKER_P_EXECVE_cap_effective, 1 << 16));
    let by = |event, tid| RecordBuilder::new(event, 6_000, CHILD, tid);
    let set = by(SAKER_EV_SETRESUID, CHILD + 1).num(SAKER_P_SETRESUID_now_euid, 77);
    world.feed(&set);
    world.expect(
        &by(SAKER_EV_CAPSET, CHILD + 1),
        &[
            ("user.uid", "77"),
            ("user.name", "<NA>"),
            ("group.gid", "33"),
            ("thread.cap_effective", ""),
        ],
    );
    world.expect(
        &by(SAKER_EV_CHDIR, CHILD),
        &[
            ("user.uid", "33"),
            ("user.name", "www-data"),
            ("thread.cap_effective", "CAP_SYS_MODULE"),
        ],
    );
}

#[test]
fn the_host_names_no_users_of_containers() {
    let id = "a1b2c3d4e5f6".repeat(6)[..64].to_owned();
    let inside = as_user(33, 0, 33)
        .var(
            SAKER_P_EXECVE_cgroups,
            format!("cpu=/docker/{id}").as_bytes(),
        )
        .hdr(|hdr| hdr.cgroup_id = 5);
    World::new().expect(
        &inside,
        &[
            ("container.id", "a1b2c3d4e5f6"),
            ("user.name", "<NA>"),
            ("user.loginname", "<NA>"),
            ("group.name", "root"),
            ("evt.arg.uid", "<NA>"),
        ],
    );
}

#[test]
fn root_without_an_entry_is_root() {
    let id = "0123456789ab".repeat(6)[..64].to_owned();
    let inside = as_user(0, 0, 0)
        .var(
            SAKER_P_EXECVE_cgroups,
            format!("cpu=/docker/{id}").as_bytes(),
        )
        .hdr(|hdr| hdr.cgroup_id = 6);
    World::new().expect(
        &inside,
        &[
            ("user.name", "root"),
            ("user.homedir", "/root"),
            ("user.shell", "<NA>"),
            ("user.loginname", "root"),
            ("evt.arg.uid", "<NA>"),
        ],
    );
}

/// Users are those of the thread that calls.
#[test]
fn threads_have_users_of_their_own() {
    let mut world = World::new();
    let thread = record(SAKER_EV_CLONE, 5_000, CHILD)
        .num(SAKER_P_CLONE_res, 31)
        .num(SAKER_P_CLONE_child_pid, CHILD.into())
        .num(SAKER_P_CLONE_child_tid, 31)
        .num(SAKER_P_CLONE_flags, SAKER_CL_THREAD.into())
        .num(SAKER_P_CLONE_parent_pid, CHILD.into())
        .num(SAKER_P_CLONE_parent_tid, CHILD.into());
    world.feed(&thread);
    let by = |event, ts_ns, tid| RecordBuilder::new(event, ts_ns, CHILD, tid);
    world.feed(&by(SAKER_EV_SETUID, 6_000, 31).num(SAKER_P_SETUID_now_euid, 33));
    let shown = |tid| by(SAKER_EV_KILL, 7_000, tid);
    world.expect(&shown(31), &[("user.uid", "33"), ("user.name", "www-data")]);
    world.expect(&shown(CHILD), &[("user.uid", "0"), ("user.name", "root")]);
}
