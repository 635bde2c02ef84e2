//! Fork, exec, exit and sessions.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use saker_abi::raw::*;
use saker_abi::record::{Record, Var};

use super::{Ctx, cred, working_dir};
use crate::image::{Image, Memory};
use crate::lineage::Cell;
use crate::partition::Partition;
use crate::path;
use crate::process::{Comm, Cred, Doubt, MAX_THREADS, Origin, Process, Thread};
use crate::sharing::Sharing;

/// What a fork record says about the child. The four fork events have the same parameters.
pub(super) struct Born<'a> {
    pub(super) tgid: u32,
    pub(super) tid: u32,
    pub(super) ts_ns: u64,
    pub(super) start_ns: u64,
    pub(super) parent_pid: u32,
    /// The thread that called.
    parent_tid: u32,
    pub(super) thread: bool,
    shares_files: bool,
    comm: &'a [u8],
    uid: u32,
    gid: u32,
    vtid: i32,
    vpid: i32,
    pgid: i32,
    sid: i32,
    fdlimit: u64,
    pidns_start_ns: u64,
    /// Inheritable, permitted, effective; none in captures of before they were told.
    capabilities: [u64; 3],
}

impl<'a> Born<'a> {
    pub(super) fn from(rec: &Record<'a>) -> Self {
        let id = |slot| rec.i64(slot) as i32;
        let flags = rec.u64(SAKER_P_CLONE_flags) as u32;
        // The caller's record has the numbers of the caller, and what it calls the child.
        let res = id(SAKER_P_CLONE_res);
        let vpid = match res {
            0 => id(SAKER_P_CLONE_vpid),
            // A namespace of its own, or that of an earlier child: its own record says it.
            _ if flags & SAKER_CL_NEWPID != 0 => -1,
            _ => res,
        };
        // A sibling's parent is that of the caller, which either record has.
        let parent = if flags & SAKER_CL_PARENT == 0 {
            SAKER_P_CLONE_parent_pid
        } else {
            SAKER_P_CLONE_ptid
        };
        Self {
            tgid: rec.u64(SAKER_P_CLONE_child_pid) as u32,
            tid: rec.u64(SAKER_P_CLONE_child_tid) as u32,
            ts_ns: rec.hdr().ts_ns,
            start_ns: rec.u64(SAKER_P_CLONE_child_start_ns),
            parent_pid: rec.u64(parent) as u32,
            parent_tid: rec.u64(SAKER_P_CLONE_parent_tid) as u32,
            thread: flags & SAKER_CL_THREAD != 0,
            shares_files: flags & SAKER_CL_FILES != 0,
            comm: rec.var(SAKER_P_CLONE_comm).bytes,
            uid: rec.u64(SAKER_P_CLONE_uid) as u32,
            gid: rec.u64(SAKER_P_CLONE_gid) as u32,
            vtid: id(SAKER_P_CLONE_vtid),
            vpid,
            pgid: id(SAKER_P_CLONE_pgid),
            sid: id(SAKER_P_CLONE_sid),
            fdlimit: rec.u64(SAKER_P_CLONE_fdlimit),
            pidns_start_ns: rec.u64(SAKER_P_CLONE_pidns_start_ns),
            capabilities: cred::three(rec, SAKER_P_CLONE_now_inheritable),
        }
    }

    /// Overwrites what the record knows better than inheritance does.
    pub(super) fn describe(&self, child: &mut Process) {
        child.ppid = self.parent_pid as i32;
        (child.vpid, child.pgid, child.sid) = (self.vpid, self.pgid, self.sid);
        self.amend(&mut child.cred);
        (child.fdlimit, child.pidns_start_ns) = (self.fdlimit, self.pidns_start_ns);
        child.clone_ts_ns = self.ts_ns;
        child.cell.set_ids(child.sid, child.pgid);
        child.cell.set_vpid(child.vpid);
    }

    /// A clone takes no capability: where there are none, nothing is told, or nothing changes.
    fn amend(&self, cred: &mut Cred) {
        (cred.uid, cred.gid) = (self.uid, self.gid);
        if self.capabilities != [0; 3] {
            cred.set_capabilities(self.capabilities);
        }
    }

    /// The parent's image, or one with the forking thread's name if that differs.
    pub(super) fn image(&self, parent: &Arc<Image>) -> Arc<Image> {
        if self.comm.is_empty() || *self.comm == *parent.comm {
            return Arc::clone(parent);
        }
        let comm: Box<[u8]> = Comm::new(self.comm).bytes().into();
        let cmdline = cmdline(&comm, &parent.args, parent.arg_ends.len());
        Arc::new(Image {
            since_ns: self.ts_ns,
            comm,
            cmdline,
            ..Image::clone(parent)
        })
    }

    /// The child of `parent` as of the fork, owned by partition `owner`.
    pub(super) fn child(
        &self,
        parent: &mut Process,
        parent_cell: Arc<Cell>,
        owner: u32,
    ) -> Process {
        let image = self.image(&parent.image);
        let links = (Arc::clone(&image), Some(parent_cell));
        let cell = Cell::new(self.tgid, owner, self.start_ns, links.0, links.1);
        let mut child = Process {
            cell,
            image,
            tgid: self.tgid,
            ppid: -1,
            vpid: -1,
            pgid: -1,
            vpgid: parent.vpgid,
            sid: -1,
            cred: *parent.cred_of(self.parent_tid),
            tty: parent.tty,
            cwd: Arc::clone(&parent.cwd),
            root: Arc::clone(&parent.root),
            fdlimit: 0,
            pidns_start_ns: 0,
            clone_ts_ns: 0,
            cgroup_id: parent.cgroup_id,
            cgroup: Arc::clone(&parent.cgroup),
            fds: parent.fds.clone(),
            sharing: None,
            threads: FxHashMap::default(),
            leader_exited: false,
            start_tag: 0,
            origin: Origin::Kernel,
            doubt: parent.doubt,
            asked: None,
        };
        self.describe(&mut child);
        if self.shares_files {
            child.sharing = Sharing::with_child(parent, owner);
        }
        child
    }

    /// Those of a new thread are those of its maker; not known where the process is not.
    fn thread_cred(&self, process: &Process) -> Option<Cred> {
        let known = !process.doubt.has(Doubt::INHERITED);
        known.then(|| {
            let mut cred = *process.cred_of(self.parent_tid);
            self.amend(&mut cred);
            cred
        })
    }

    /// Whether too many share the table already.
    pub(super) fn missed_share(&self, child: &Process) -> bool {
        self.shares_files && child.sharing.is_none()
    }
}

/// A fork as the caller sees it, or the birth of a process that is known by now. Returns the new
/// process, if this record makes one.
pub(super) fn fork(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>) -> Option<Box<Process>> {
    let born = Born::from(rec);
    let res = rec.i64(SAKER_P_CLONE_res);
    if res < 0 {
        return None;
    }
    if born.thread {
        add_thread(ctx, process, &born);
        return None;
    }
    if res == 0 {
        own_birth(ctx, process, &born, rec.hdr().cgroup_id);
        return None;
    }
    let owner = ctx.shared.owner_of(born.tgid);
    // With CLONE_PARENT the child is the caller's sibling.
    let parent_cell = if born.parent_pid == process.tgid || born.parent_pid == 0 {
        Arc::clone(&process.cell)
    } else {
        let known = ctx.shared.directory.get(born.parent_pid);
        known.unwrap_or_else(|| Arc::clone(&process.cell))
    };
    let child = born.child(process, parent_cell, owner);
    ctx.counters.fd_overflow += u64::from(born.missed_share(&child));
    Some(Box::new(child))
}

fn add_thread(ctx: &mut Ctx, process: &mut Process, born: &Born<'_>) {
    if born.tid == process.tgid || born.tid == 0 {
        return;
    }
    if process.threads.len() >= MAX_THREADS && !process.threads.contains_key(&born.tid) {
        ctx.counters.thread_overflow += 1;
        return;
    }
    let comm = Comm::new(if born.comm.is_empty() {
        &process.image.comm
    } else {
        born.comm
    });
    let thread = Thread {
        comm,
        vtid: born.vtid,
        clone_ts_ns: born.ts_ns,
        cred: born.thread_cred(process),
    };
    process.threads.insert(born.tid, thread);
}

/// What only the child's record tells: its number in a pid namespace of its own, and its cgroup. One that begins in
/// another cgroup (clone3 with CLONE_INTO_CGROUP) belongs to its container.
fn own_birth(ctx: &Ctx, process: &mut Process, born: &Born<'_>, cgroup_id: u64) {
    process.vpid = born.vpid;
    process.cell.set_vpid(born.vpid);
    if cgroup_id != process.cgroup_id {
        process.cgroup_id = cgroup_id;
        if let Some(cgroup) = ctx.shared.cgroups.get(cgroup_id) {
            process.cgroup = cgroup;
        }
    }
}

/// A new program (rules-spec F3). A failed exec changes nothing.
pub(super) fn exec(ctx: &mut Ctx, process: &mut Process, rec: &Record<'_>) {
    if rec.i64(SAKER_P_EXECVE_res) != 0 {
        return;
    }
    if let Some(cwd) = told_cwd(rec) {
        process.cwd = with_slash(&process.cwd, cwd);
    }
    let image = Arc::new(new_image(rec, working_dir(process)));
    count_cuts(ctx, rec);
    let oldest_reader_ns = ctx.shared.progress.oldest_reader();
    if process.doubt.has(Doubt::IMAGE) {
        // What stood there was no program: readers of older times get this one, too.
        process.cell.replace_images(Arc::clone(&image));
    } else if !process
        .cell
        .push_image(Arc::clone(&image), oldest_reader_ns)
    {
        ctx.counters.version_overflow += 1;
    }
    process.image = image;
    process.doubt = process.doubt.without(Doubt::IMAGE);
    // The kernel has ended the other threads; whichever called exec is the leader now.
    process.threads.clear();
    process.leader_exited = false;
    process.sharing = None;
    process.fds.close_on_exec();
    exec_identity(process, rec);
    process.cred = told_cred(rec);
    exec_cgroup(ctx, process, rec);
    ctx.ask_users(process, rec.hdr().ts_ns);
    if process.cell.first_parent().is_none() && process.ppid > 0 {
        process
            .cell
            .set_parent(ctx.shared.directory.get(process.ppid as u32));
    }
}

fn told_cwd<'a>(rec: &Record<'a>) -> Option<&'a [u8]> {
    let cwd = rec.var(SAKER_P_EXECVE_cwd);
    (!cwd.bytes.is_empty() && !cwd.fault && !cwd.truncated).then_some(cwd.bytes)
}

fn count_cuts(ctx: &mut Ctx, rec: &Record<'_>) {
    let cut = |slot| u64::from(rec.var(slot).is_cut());
    let counters = &mut ctx.counters;
    counters.exepaths_cut += cut(SAKER_P_EXECVE_trusted_exepath);
    counters.cwds_cut += cut(SAKER_P_EXECVE_cwd);
    counters.cgroups_cut += cut(SAKER_P_EXECVE_cgroups);
}

/// The cgroup of the new program. A path of which a part is missing may say that it is in a container, but not
/// that it is in none: whoever is in one can make groups as deep as it likes below its own.
fn exec_cgroup(ctx: &Ctx, process: &mut Process, rec: &Record<'_>) {
    let cgroup_id = rec.hdr().cgroup_id;
    let told = rec.var(SAKER_P_EXECVE_cgroups);
    let paths = if told.truncated { &[] } else { told.bytes };
    if let Some(cgroup) = ctx.shared.cgroups.resolve(cgroup_id, paths) {
        let is_out = process.in_container() && cgroup.container.is_none();
        if !(told.is_cut() && is_out) {
            process.cgroup = cgroup;
        }
    }
    process.cgroup_id = cgroup_id;
}

fn exec_identity(process: &mut Process, rec: &Record<'_>) {
    let id = |slot| rec.i64(slot) as i32;
    process.tty = rec.u64(SAKER_P_EXECVE_tty) as u32;
    process.vpid = id(SAKER_P_EXECVE_vpid);
    process.vpgid = id(SAKER_P_EXECVE_vpgid);
    process.pgid = id(SAKER_P_EXECVE_pgid);
    process.sid = id(SAKER_P_EXECVE_sid);
    process.fdlimit = rec.u64(SAKER_P_EXECVE_fdlimit);
    process.pidns_start_ns = rec.u64(SAKER_P_EXECVE_pidns_start_ns);
    if process.ppid < 0 {
        process.ppid = id(SAKER_P_EXECVE_ptid);
    }
    process.cell.set_ids(process.sid, process.pgid);
    process.cell.set_vpid(process.vpid);
}

/// What an exec record says of its thread, or a task record, whose slots are the same.
pub(crate) fn told_cred(rec: &Record<'_>) -> Cred {
    let mut told = Cred {
        uid: rec.u64(SAKER_P_EXECVE_uid) as u32,
        gid: rec.u64(SAKER_P_EXECVE_gid) as u32,
        loginuid: rec.u64(SAKER_P_EXECVE_loginuid) as u32,
        ..Cred::default()
    };
    told.set_capabilities(cred::three(rec, SAKER_P_EXECVE_cap_inheritable));
    told
}

/// `old` if it is the same directory, so that most execs allocate none.
fn with_slash(old: &Arc<[u8]>, dir: &[u8]) -> Arc<[u8]> {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    if old.strip_suffix(b"/") == Some(dir) {
        return Arc::clone(old);
    }
    [dir, b"/"].concat().into()
}

/// Path of the program. Where it is too deep for the driver to follow, the name it was executed by stands for it, seen
/// from directory `cwd`; empty when that is not known.
fn exepath(rec: &Record<'_>, cwd: &[u8]) -> Box<[u8]> {
    let told = rec.var(SAKER_P_EXECVE_trusted_exepath);
    if !told.is_lost() {
        return told.bytes.into();
    }
    let given = rec.var(SAKER_P_EXECVE_filename).bytes;
    if given.is_empty() {
        return Box::default();
    }
    let mut name = Vec::new();
    path::join(cwd, given, &mut name);
    name.into()
}

/// What an exec record says of the program, or a task record, whose slots are the same. `cwd` is the working directory.
pub(crate) fn new_image(rec: &Record<'_>, cwd: &[u8]) -> Image {
    let var = |slot| rec.var(slot);
    let parts = [
        SAKER_P_EXECVE_exe,
        SAKER_P_EXECVE_args,
        SAKER_P_EXECVE_trusted_exepath,
    ];
    let damaged = |var: Var<'_>| var.truncated || var.fault;
    let comm: Box<[u8]> = Comm::new(var(SAKER_P_EXECVE_comm).bytes).bytes().into();
    let (args, arg_ends) = joined(var(SAKER_P_EXECVE_args).bytes);
    Image {
        since_ns: rec.hdr().ts_ns,
        cmdline: cmdline(&comm, &args, arg_ends.len()),
        comm,
        exe: var(SAKER_P_EXECVE_exe).bytes.into(),
        exepath: exepath(rec, cwd),
        args,
        arg_ends,
        env: terminated(var(SAKER_P_EXECVE_env).bytes),
        exe_flags: rec.u64(SAKER_P_EXECVE_flags) as u32,
        exe_ino: rec.u64(SAKER_P_EXECVE_exe_ino),
        exe_dev: rec.u64(SAKER_P_EXECVE_exe_dev) as u32,
        exe_ctime_ns: rec.u64(SAKER_P_EXECVE_exe_ino_ctime),
        exe_mtime_ns: rec.u64(SAKER_P_EXECVE_exe_ino_mtime),
        memory: Memory {
            size_kib: rec.u64(SAKER_P_EXECVE_vm_size) as u32,
            rss_kib: rec.u64(SAKER_P_EXECVE_vm_rss) as u32,
            swap_kib: rec.u64(SAKER_P_EXECVE_vm_swap) as u32,
            major_faults: rec.u64(SAKER_P_EXECVE_pgft_maj),
            minor_faults: rec.u64(SAKER_P_EXECVE_pgft_min),
        },
        incomplete: parts.into_iter().any(|slot| damaged(var(slot))),
    }
}

/// NUL-separated strings joined by spaces, and where each ends. A last NUL ends the last string.
pub(crate) fn joined(strings: &[u8]) -> (Box<[u8]>, Box<[u32]>) {
    if strings.is_empty() {
        return (Box::default(), Box::default());
    }
    let strings = strings.strip_suffix(b"\0").unwrap_or(strings);
    let mut text = Vec::with_capacity(strings.len());
    let mut ends = Vec::new();
    for (i, part) in strings.split(|&b| b == 0).enumerate() {
        if i > 0 {
            text.push(b' ');
        }
        text.extend_from_slice(part);
        ends.push(text.len() as u32);
    }
    (text.into(), ends.into())
}

/// `comm` and the arguments (rules-spec D3, `proc.cmdline`).
pub(crate) fn cmdline(comm: &[u8], args: &[u8], argc: usize) -> Box<[u8]> {
    if argc == 0 {
        comm.into()
    } else {
        [comm, b" ", args].concat().into()
    }
}

/// The same strings, each followed by NUL.
pub(crate) fn terminated(strings: &[u8]) -> Box<[u8]> {
    match strings.last() {
        None | Some(0) => strings.into(),
        Some(_) => [strings, b"\0"].concat().into(),
    }
}

/// Only the caller's session and process group are new; their number is the caller's. What the call returns is the
/// number that the caller's pid namespace knows.
pub(super) fn setsid(process: &mut Process, rec: &Record<'_>) {
    if rec.i64(SAKER_P_SETSID_res) < 0 {
        return;
    }
    process.sid = process.tgid as i32;
    process.pgid = process.tgid as i32;
    process.vpgid = process.vpid;
    process.tty = 0;
    process.cell.set_ids(process.sid, process.pgid);
}

impl Partition {
    /// The end of a thread, or of the group with its last thread.
    pub(crate) fn settle_exit(&mut self, rec: &Record<'_>) {
        let hdr = rec.hdr();
        if rec.u64(SAKER_P_PROCEXIT_group_dead) == 0 {
            let Some(process) = self.processes.get_mut(&hdr.tgid) else {
                return;
            };
            if hdr.tid == hdr.tgid {
                process.leader_exited = true;
            } else if process.threads.remove(&hdr.tid).is_some() {
                self.ctx.counters.threads = self.ctx.counters.threads.saturating_sub(1);
            }
            return;
        }
        let Some(process) = self.forget(hdr.tgid) else {
            return;
        };
        let reaper = u32::try_from(rec.i64(SAKER_P_PROCEXIT_reaper_tid)).unwrap_or(0);
        // The init of a namespace takes its children with it.
        let reaper = if reaper == hdr.tgid { 0 } else { reaper };
        process.cell.mark_exit(hdr.ts_ns, reaper);
        self.retire_later(hdr.ts_ns, Arc::clone(&process.cell));
    }
}
