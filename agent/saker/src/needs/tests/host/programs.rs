//! Programs, their rights, and descriptors without a file.

use saker_abi::raw::*;

use super::*;

impl Host {
    pub(super) fn change_rights(&mut self, who: usize, arg: u8) {
        let told = match arg % 6 {
            0 => self
                .record(SAKER_EV_SETUID, who)
                .num("now_euid", 33)
                .num("now_permitted", arg.into()),
            1 => self.record(SAKER_EV_SETRESGID, who).num("now_egid", 34),
            2 => self
                .record(SAKER_EV_CAPSET, who)
                .num("cap_effective", arg.into()),
            3 => self
                .record(SAKER_EV_UNSHARE, who)
                .num("flags", CLONE_NEWUSER)
                .num("now_effective", 7),
            4 => {
                let pid = self.programs[who].pid;
                self.record(SAKER_EV_SETSID, who).num("res", pid.into())
            }
            _ => self.record(SAKER_EV_SETPGID, who),
        };
        self.tell(told);
    }

    pub(super) fn make_anonymous(&mut self, who: usize, arg: u8) {
        let number = self.free(who);
        let events = [
            SAKER_EV_EVENTFD2,
            SAKER_EV_SIGNALFD4,
            SAKER_EV_TIMERFD_CREATE,
            SAKER_EV_INOTIFY_INIT1,
            SAKER_EV_EPOLL_CREATE1,
            SAKER_EV_PIDFD_OPEN,
            SAKER_EV_MEMFD_CREATE,
            SAKER_EV_BPF,
            SAKER_EV_IO_URING_SETUP,
            SAKER_EV_USERFAULTFD,
        ];
        let event = events[usize::from(arg) % events.len()];
        let always = matches!(
            event,
            SAKER_EV_PIDFD_OPEN | SAKER_EV_BPF | SAKER_EV_IO_URING_SETUP
        );
        self.open(who, number, File::Anonymous, always);
        let mut told = self.record(event, who);
        told.record = told.record.num(0, number.into());
        told = match event {
            SAKER_EV_MEMFD_CREATE => told.var("name", b"m"),
            SAKER_EV_BPF => told.num("cmd", 5),
            SAKER_EV_PIDFD_OPEN => told.num("pid", 100),
            _ => told,
        };
        self.tell(told);
    }

    pub(super) fn fork(&mut self, who: usize) {
        if self.programs.len() > 4 {
            return;
        }
        let parent = self.programs[who].clone();
        let mut child = parent.clone();
        child.pid = self.number();
        child.start_ns = u64::from(child.pid);
        self.programs.push(child);
        let (pid, born) = (parent.pid, self.programs.len() - 1);
        let child = self.programs[born].clone();
        let now = self.ts_ns + 10;
        let mut tell = |side: usize, res: u32, ts_ns: u64| {
            let told = self.record(SAKER_EV_CLONE, side).num("res", res.into());
            let told = told
                .num("child_pid", child.pid.into())
                .num("child_tid", child.pid.into());
            let told = told
                .num("parent_pid", pid.into())
                .num("child_start_ns", child.start_ns as i64);
            let mut told = told
                .num("vpid", child.pid.into())
                .num("pgid", pid.into())
                .num("sid", 1);
            told.record = told.record.hdr(|hdr| hdr.ts_ns = ts_ns);
            self.tell(told);
        };
        tell(who, child.pid, now);
        tell(born, 0, now);
    }

    pub(super) fn exec(&mut self, who: usize) {
        let program = &mut self.programs[who];
        program.fds.retain(|_, open| !open.cloexec);
        let Program {
            pid, start_ns, cwd, ..
        } = program.clone();
        let told = self
            .record(SAKER_EV_EXECVE, who)
            .var("exe", b"prog")
            .var("comm", b"prog");
        let told = told
            .var("args", b"-x\0")
            .var("trusted_exepath", b"/bin/prog")
            .var("cwd", &cwd);
        let told = told
            .num("start_ns", start_ns as i64)
            .num("vpid", pid.into())
            .num("sid", 1);
        self.tell(
            told.num("fdlimit", 1024)
                .num("uid", 1000)
                .var("filename", b"/bin/prog"),
        );
    }

    pub(super) fn plain(&mut self, who: usize, arg: u8) {
        let events = [
            SAKER_EV_KILL,
            SAKER_EV_PTRACE,
            SAKER_EV_PRCTL,
            SAKER_EV_MOUNT,
            SAKER_EV_BRK,
        ];
        let told = self.record(events[usize::from(arg) % events.len()], who);
        self.tell(told);
    }
}
