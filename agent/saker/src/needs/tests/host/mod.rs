//! A small kernel: programs with descriptors, and the records of what they do.

mod files;
mod programs;
mod sockets;

use std::collections::BTreeMap;

use saker_abi::event::EVENTS;
use saker_abi::raw::*;
use saker_abi::record::RecordBuilder;

const AT_FDCWD: i64 = -100;
const S_IFREG: i64 = 0o100_000;
const S_IFDIR: i64 = 0o040_000;
const S_IFIFO: i64 = 0o010_000;
const S_IFSOCK: i64 = 0o140_000;
const CLONE_NEWUSER: i64 = 0x1000_0000;
const DGRAM: u8 = 2;

/// A record, and the event that must be wanted for it to be recorded: its own, or the one it stands before.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) of: u16,
    pub(super) bytes: Vec<u8>,
}

/// What a number stands for.
#[derive(Debug, Clone)]
enum File {
    Regular,
    /// With its path.
    Directory(Vec<u8>),
    Pipe,
    /// Its place among all sockets.
    Socket(usize),
    Anonymous,
}

#[derive(Debug, Clone)]
struct Open {
    file: File,
    cloexec: bool,
}

#[derive(Debug, Clone)]
struct Program {
    pid: u32,
    start_ns: u64,
    cwd: Vec<u8>,
    fds: BTreeMap<i32, Open>,
}

/// One thing that a program does: which, who, with what.
pub(super) type Choice = (u8, u8, u8);

#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) told: Vec<Told>,
    programs: Vec<Program>,
    sockets: Vec<saker_tuple>,
    ts_ns: u64,
    next: u32,
}

/// A record under construction; parameters go by their names.
struct Draft {
    event: u32,
    record: RecordBuilder,
}

impl Draft {
    fn slot(&self, name: &str) -> u32 {
        let event = &EVENTS[self.event as usize];
        let slot = event.slot(name);
        slot.unwrap_or_else(|| panic!("{} has no {name}", event.name)) as u32
    }

    fn num(mut self, name: &str, value: i64) -> Self {
        let slot = self.slot(name);
        self.record = self.record.num(slot, value);
        self
    }

    fn var(mut self, name: &str, bytes: &[u8]) -> Self {
        let slot = self.slot(name);
        self.record = self.record.var(slot, bytes);
        self
    }

    fn tuple(mut self, tuple: &saker_tuple, given: bool) -> Self {
        let slot = self.slot("tuple");
        self.record = if given {
            self.record.tuple_given(slot, tuple)
        } else {
            self.record.tuple(slot, tuple)
        };
        self
    }
}

impl Host {
    pub(super) fn new(choices: &[Choice]) -> Self {
        let mut host = Self {
            ts_ns: 1_000,
            next: 200,
            ..Self::default()
        };
        host.programs.push(Program {
            pid: 100,
            start_ns: 100,
            cwd: b"/work".to_vec(),
            fds: BTreeMap::new(),
        });
        host.exec(0);
        for number in 0..3 {
            host.pass(0, number, SAKER_EV_EXECVE, false);
        }
        for &choice in choices {
            host.act(choice);
        }
        host
    }

    fn record(&mut self, event: u32, who: usize) -> Draft {
        self.ts_ns += 10;
        let pid = self.programs[who].pid;
        let record = RecordBuilder::new(event, self.ts_ns, pid, pid);
        Draft { event, record }
    }

    fn tell(&mut self, told: Draft) {
        let of = told.event as u16;
        self.told.push(Told {
            of,
            bytes: told.record.build(),
        });
    }

    fn number(&mut self) -> u32 {
        self.next += 1;
        self.next
    }

    fn free(&self, who: usize) -> i32 {
        let fds = &self.programs[who].fds;
        (0..).find(|number| !fds.contains_key(number)).unwrap_or(0)
    }

    fn open(&mut self, who: usize, number: i32, file: File, cloexec: bool) -> i64 {
        let ino = i64::from(self.number());
        let fds = &mut self.programs[who].fds;
        fds.insert(number, Open { file, cloexec });
        ino
    }

    /// One of the program's descriptors that fit.
    fn pick(&self, who: usize, arg: u8, fits: impl Fn(&File) -> bool) -> Option<i32> {
        let fds = self.programs[who].fds.iter();
        let fitting: Vec<i32> = fds
            .filter(|(_, open)| fits(&open.file))
            .map(|(&number, _)| number)
            .collect();
        fitting
            .get(usize::from(arg) % fitting.len().max(1))
            .copied()
    }

    /// Of whom datagrams go to, calls that are not about them tell nothing (docs/compatibility.md).
    fn is_followed(&self, file: &File) -> bool {
        !matches!(file, File::Socket(at) if self.sockets[*at].type_ == DGRAM)
    }

    fn facts(&self, who: usize, number: i32) -> (i64, Option<saker_tuple>) {
        match &self.programs[who].fds[&number].file {
            File::Regular => (S_IFREG, None),
            File::Directory(_) => (S_IFDIR, None),
            File::Pipe => (S_IFIFO, None),
            File::Socket(at) => (S_IFSOCK, Some(self.sockets[*at])),
            File::Anonymous => (0, None),
        }
    }

    /// A directory to begin at, and its path.
    fn directory(&self, who: usize, arg: u8) -> (i64, Vec<u8>) {
        let program = &self.programs[who];
        let found = (!arg.is_multiple_of(3))
            .then(|| self.pick(who, arg, |file| matches!(file, File::Directory(_))));
        match found.flatten() {
            Some(number) => match &program.fds[&number].file {
                File::Directory(path) => (number.into(), path.clone()),
                _ => unreachable!("picked"),
            },
            None => (AT_FDCWD, program.cwd.clone()),
        }
    }

    fn act(&mut self, (kind, which, arg): Choice) {
        let who = usize::from(which) % self.programs.len();
        match kind % 24 {
            0 | 1 => self.open_file(who, arg),
            2 => self.open_directory(who, arg),
            3 | 4 => self.close(who, arg),
            5 => self.duplicate(who, arg),
            6 => self.pairs(who, arg),
            7 => self.socket(who, arg),
            8 => self.connect(who, arg),
            9 => self.bind(who, arg),
            10 => self.accept(who, arg),
            11 => self.send(who, arg),
            12 => self.receive(who, arg),
            13 if arg < 64 => self.ask_outcome(who, arg),
            13 => self.read_or_write(who, arg),
            14 => self.change_directory(who, arg),
            15 => self.work_on_paths(who, arg),
            16 => self.use_descriptor(who, arg),
            17 => self.change_rights(who, arg),
            18 => self.make_anonymous(who, arg),
            19 => self.poll(who, arg),
            20 => self.close_range(who, arg),
            21 => self.take(who, arg),
            22 => self.fork(who),
            _ if arg.is_multiple_of(2) => self.exec(who),
            _ => self.plain(who, arg),
        }
    }
}
