//! Records of what the iterators of a driver leave out, from /proc: for captures, which hold records and nothing
//! else.

use rustc_hash::FxHashSet;
use saker_abi::driver::frames;
use saker_abi::raw::*;
use saker_abi::record::{Record, RecordBuilder, Var};

use super::memory::Words;
use super::records::{says_arguments, says_program};
use super::{Scanned, Scanner};
use crate::directory::MAX_PROCESSES;

/// TASK records to stand behind `tasks` ([`frames`]): of parents that no record tells of, as a kernel may hide
/// one from iterators, and of processes whose program or arguments a record does not say in full.
pub fn complete(tasks: &[u8], proc: &mut Scanner) -> Vec<u8> {
    let records = frames::records(tasks).filter_map(|bytes| Record::parse(bytes).ok());
    let leaders: Vec<_> = records
        .filter(|rec| rec.event() == SAKER_EV_TASK && rec.hdr().tid == rec.hdr().tgid)
        .collect();
    let mut told: FxHashSet<u32> = leaders.iter().map(|rec| rec.hdr().tgid).collect();
    let mut asked: Vec<u32> = Vec::new();
    let (mut bytes, mut completed) = (Vec::new(), Vec::new());
    for rec in &leaders {
        let parent = rec.u64(SAKER_P_TASK_ptid) as u32;
        if parent != 0 && told.insert(parent) {
            asked.push(parent);
        }
        // A kernel thread has no program and nothing to be completed.
        if !says_program(rec) {
            asked.push(rec.hdr().tgid);
        } else if !says_arguments(rec)
            && let Some(words) = proc.words(rec.hdr().tgid, rec.u64(SAKER_P_TASK_start_ns))
            && with_words(rec, &words, &mut completed)
        {
            frames::push(&mut bytes, &completed);
        }
    }
    let mut at = 0;
    while let Some(&tgid) = asked.get(at).filter(|_| at < MAX_PROCESSES) {
        at += 1;
        let Some(found) = proc.process(tgid) else {
            continue;
        };
        if found.ppid != 0 && told.insert(found.ppid) {
            asked.push(found.ppid);
        }
        frames::push(&mut bytes, &record(&found));
    }
    bytes
}

/// Writes the record with arguments and environment that it could not say; false when they have no room. A title
/// stands for the arguments, as in /proc.
fn with_words(rec: &Record<'_>, words: &Words, into: &mut Vec<u8>) -> bool {
    let (exe, args) = words.exe_and_args();
    let args = crate::apply::terminated(args);
    let var = |bytes, truncated| Var {
        bytes,
        truncated,
        shortened: false,
        fault: false,
    };
    let vars = [
        (SAKER_P_TASK_exe, var(exe, false)),
        // Of a driver's record only what follows argv[0] has lost its end.
        (SAKER_P_TASK_args, var(&args, words.is_cut())),
        (SAKER_P_TASK_env, var(&words.environ, false)),
    ];
    rec.replace(&vars, into)
}

/// A process as an iterator would have told it. The title of one that has set it stands for its arguments, as
/// in /proc.
fn record(found: &Scanned) -> Vec<u8> {
    let image = &found.image;
    let mut args = Vec::with_capacity(image.args.len() + 1);
    let mut start = 0;
    for &end in &image.arg_ends {
        args.extend_from_slice(image.args.get(start..end as usize).unwrap_or_default());
        args.push(0);
        // Past the space between two arguments.
        start = end as usize + 1;
    }
    let mut record = RecordBuilder::new(SAKER_EV_TASK, 0, found.tgid, found.tgid);
    for (slot, text) in [
        (SAKER_P_TASK_exe, &*image.exe),
        (SAKER_P_TASK_args, &args),
        (SAKER_P_TASK_trusted_exepath, &image.exepath),
        (SAKER_P_TASK_comm, &image.comm),
        (SAKER_P_TASK_env, &image.env),
        (SAKER_P_TASK_cwd, &found.cwd),
    ] {
        // A driver cuts at the same length.
        let kept = &text[..text.len().min(SAKER_PATH_MAX as usize)];
        record = match kept.len() == text.len() {
            true => record.var(slot, kept),
            false => record.var_with_flags(slot, kept, SAKER_VF_TRUNCATED),
        };
    }
    for (slot, number) in [
        (SAKER_P_TASK_tid, found.tgid.into()),
        (SAKER_P_TASK_pid, found.tgid.into()),
        (SAKER_P_TASK_ptid, found.ppid.into()),
        (SAKER_P_TASK_fdlimit, found.fdlimit as i64),
        (SAKER_P_TASK_tty, found.tty.into()),
        (SAKER_P_TASK_vpgid, found.vpgid.into()),
        (SAKER_P_TASK_pgid, found.pgid.into()),
        (SAKER_P_TASK_sid, found.sid.into()),
        (SAKER_P_TASK_vtid, found.vpid.into()),
        (SAKER_P_TASK_vpid, found.vpid.into()),
        (SAKER_P_TASK_uid, found.cred.uid.into()),
        (SAKER_P_TASK_gid, found.cred.gid.into()),
        (SAKER_P_TASK_loginuid, found.cred.loginuid.into()),
        (
            SAKER_P_TASK_cap_inheritable,
            found.cred.cap_inheritable as i64,
        ),
        (SAKER_P_TASK_cap_permitted, found.cred.cap_permitted as i64),
        (SAKER_P_TASK_cap_effective, found.cred.cap_effective as i64),
        (SAKER_P_TASK_flags, image.exe_flags.into()),
        (SAKER_P_TASK_exe_ino, image.exe_ino as i64),
        (SAKER_P_TASK_exe_dev, image.exe_dev.into()),
        (SAKER_P_TASK_exe_ino_ctime, image.exe_ctime_ns as i64),
        (SAKER_P_TASK_exe_ino_mtime, image.exe_mtime_ns as i64),
        (SAKER_P_TASK_start_ns, found.start_ns as i64),
        (SAKER_P_TASK_pidns_start_ns, found.pidns_start_ns as i64),
    ] {
        record = record.num(slot, number);
    }
    record.build()
}

#[cfg(test)]
mod tests {
    use super::super::from_records;
    use super::*;

    /// A record of a process that this one is the parent of.
    fn child() -> Vec<u8> {
        let record = RecordBuilder::new(SAKER_EV_TASK, 5, 9_999_999, 9_999_999)
            .num(SAKER_P_TASK_ptid, std::process::id().into())
            .var(SAKER_P_TASK_exe, b"x")
            .build();
        let mut bytes = Vec::new();
        frames::push(&mut bytes, &record);
        bytes
    }

    /// What only the kernel tells stays, what it could not read is added.
    #[test]
    fn arguments_that_iterators_cannot_read_are_told_by_proc() {
        let own = std::process::id();
        let mut tasks = Vec::new();
        let mut proc = Scanner::open("/".as_ref()).expect("/proc");
        let start_ns = proc.process(own).expect("this process").start_ns;
        let fault = |rec: RecordBuilder, slot| rec.var_with_flags(slot, b"", SAKER_VF_FAULT);
        let rec = RecordBuilder::new(SAKER_EV_TASK, 5, own, own)
            .num(SAKER_P_TASK_flags, SAKER_EXE_WRITABLE.into())
            // The kernel counts in nanoseconds, /proc in clock ticks.
            .num(SAKER_P_TASK_start_ns, start_ns as i64 + 9_999_999)
            .var(SAKER_P_TASK_trusted_exepath, b"/as/the/kernel/says")
            .var(SAKER_P_TASK_cgroups, b"/group");
        let rec = [SAKER_P_TASK_exe, SAKER_P_TASK_args, SAKER_P_TASK_env]
            .into_iter()
            .fold(rec, fault);
        frames::push(&mut tasks, &rec.build());
        let mut earlier = Vec::new();
        let rec = rec.num(SAKER_P_TASK_start_ns, start_ns as i64 - 1);
        frames::push(&mut earlier, &rec.build());
        assert!(
            complete(&earlier, &mut proc).is_empty(),
            "this process has the number of one that ended"
        );
        let added = complete(&tasks, &mut proc);
        tasks.extend_from_slice(&added);
        let told = from_records(&tasks, &[], None);
        let this = told.processes.iter().find(|found| found.tgid == own);
        let (this, expected) = (this.expect("told"), proc.process(own).expect("shown"));
        let (image, shown) = (&this.image, &expected.image);
        assert_eq!((&image.exe, &image.args), (&shown.exe, &shown.args));
        assert_eq!((&image.env, image.incomplete), (&shown.env, false));
        assert_eq!(image.exe_flags, SAKER_EXE_WRITABLE);
        assert_eq!(*image.exepath, *b"/as/the/kernel/says");
        assert_eq!(this.cgroups, b"/group");
        assert!(
            complete(&added, &mut proc).len() < added.len(),
            "the words are there"
        );
    }

    #[test]
    fn parents_that_iterators_hide_are_told_by_proc() {
        let mut proc = Scanner::open("/".as_ref()).expect("/proc");
        let mut tasks = child();
        let added = complete(&tasks, &mut proc);
        tasks.extend_from_slice(&added);
        let told = from_records(&tasks, &[], None);
        assert_eq!(told.undecodable, 0);
        let own = std::process::id();
        let found = |tgid| told.processes.iter().find(|found| found.tgid == tgid);
        let (this, expected) = (found(own).expect("this process"), proc.process(own));
        let expected = expected.expect("this process");
        assert_eq!(this.image.args, expected.image.args);
        assert_eq!(this.image.arg_ends, expected.image.arg_ends);
        assert_eq!(this.image.exepath, expected.image.exepath);
        assert_eq!(
            (this.ppid, this.sid, &this.cwd),
            (expected.ppid, expected.sid, &expected.cwd)
        );
        assert_eq!(this.cred, expected.cred);
        assert_eq!(this.start_ns, expected.start_ns);
        assert!(found(expected.ppid).is_some(), "and its parent");
        assert!(
            complete(&tasks, &mut proc).is_empty(),
            "nothing is missing any more"
        );
    }
}
