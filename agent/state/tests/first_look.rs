//! What a driver's iterators tell of this host, against what /proc shows of the same. Needs root, and BTF
//! or (`SAKER_TEST_DRIVER=kmod`) the module.
//!
//! Where both differ, and why:
//! * Start: /proc counts in clock ticks.
//! * `exe_flags`, start of the pid namespace, flags of files beyond their type: /proc has none of them.
//! * Root directory: records have none, and nothing asks for it.
//! * Paths are those of the process' own mount namespace, as in events; a directory that was removed keeps
//!   its path, where /proc adds a mark.
//! * Sockets: /proc hides who is at the ends of unix sockets and the path of a peer, takes a bound datagram
//!   socket for one of unknown role, and has no line for a TCP socket that is not bound or does not
//!   listen, and for sockets of rare kinds. Netlink and others get their type.
//! * Inode numbers of overlay and btrfs: the kernel's own, as in events, where stat(2) shows made-up ones.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Instant;

use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fs::{MemfdFlags, inotify, memfd_create};
use rustix::net::{AddressFamily, SocketType, socket};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::time::{TimerfdClockId, TimerfdFlags, timerfd_create};
use saker_abi::driver::{EventSet, Iterate, LoadOptions};
use saker_capture::driver::DriverKind;
use saker_capture::{Driver, possible_cpus};
use saker_state::scan::{Scanned, Scanner, Told, from_records};
use saker_state::{Fd, FdKind, Role, Socket};

/// A user that nothing here runs as but one thread.
const NOBODY: u32 = 1234;

const S_IFMT: u32 = 0o170_000;

/// Children of one test would inherit the descriptors of the other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

fn driver() -> Driver {
    let kind = match std::env::var("SAKER_TEST_DRIVER").as_deref() {
        Err(_) | Ok("ebpf") => DriverKind::Ebpf,
        Ok("kmod") => DriverKind::Kmod,
        Ok(other) => panic!("SAKER_TEST_DRIVER is `{other}`: ebpf or kmod"),
    };
    let options = LoadOptions {
        partitions: 1,
        ring_bytes: 1 << 18,
        cpus: possible_cpus().expect("CPUs"),
        events: EventSet::state(),
        snaplen_bytes: 0,
        own_tgid: std::process::id(),
        reached: false,
        names: false,
    };
    Driver::load(kind, &options).expect("this test needs root and a kernel with BTF, or the module")
}

/// Both views, one right after the other; and what each took.
fn look(driver: &mut Driver) -> (Told, Vec<Scanned>) {
    let mut scanner = Scanner::open("/".as_ref()).expect("/proc");
    let start = Instant::now();
    let tasks = driver.iterate(Iterate::Tasks).expect("threads");
    let files = driver.iterate(Iterate::Files).expect("files");
    let read = start.elapsed();
    let told = from_records(&tasks, &files, Some(&mut scanner));
    let both = start.elapsed();
    let start = Instant::now();
    let shown = scanner.all().expect("/proc");
    let proc = start.elapsed();
    let count = |found: &[Scanned]| -> usize { found.iter().map(|p| p.fds.len()).sum() };
    let (processes, fds) = (told.processes.len(), count(&told.processes));
    let (completed, fds_completed) = (told.processes_completed, told.fds_completed);
    println!(
        "iterators: {processes} processes, {fds} descriptors, {read:?} to read, {both:?} with the rest; \
         completed from /proc: {completed} processes, {fds_completed} descriptors"
    );
    let (processes, fds) = (shown.len(), count(&shown));
    println!("/proc: {processes} processes, {fds} descriptors, {proc:?}");
    assert_eq!(told.undecodable, 0);
    (told, shown)
}

fn of(found: &[Scanned], pid: u32) -> Scanned {
    let mut of_pid = found.iter().filter(|process| process.tgid == pid);
    let process = of_pid.next().unwrap_or_else(|| panic!("no process {pid}"));
    assert!(of_pid.next().is_none(), "{pid} is there twice");
    process.clone()
}

/// Without what only one of both can say.
fn common(mut process: Scanned) -> Scanned {
    process.start_ns /= 10_000_000;
    process.image.exe_flags = 0;
    process.image.memory = saker_state::Memory::default();
    process.pidns_start_ns = 0;
    // The driver's form differs, see `assert_cgroups`.
    process.cgroup_id = 0;
    process.cgroups.clear();
    if process.root == b"/" {
        process.root.clear();
    }
    process.threads.sort_unstable_by_key(|thread| thread.tid);
    process.fds.sort_unstable_by_key(|fd| fd.0);
    for (_, fd) in &mut process.fds {
        fd.file_facts &= S_IFMT;
        if let Some(socket) = &mut fd.socket {
            socket.sock_id = 0;
        }
    }
    process
}

/// Sizes are near what /proc shows: the shell waits.
fn assert_memory(told: &Scanned) {
    let status = fs::read_to_string(format!("/proc/{}/status", told.tgid)).expect("status");
    let kib = |key: &str| -> u32 {
        let line = status.lines().find_map(|line| line.strip_prefix(key));
        let number = line.expect(key).split_whitespace().next();
        number.and_then(|n| n.parse().ok()).expect("a number")
    };
    let memory = told.image.memory;
    assert_eq!(memory.size_kib, kib("VmSize:"));
    assert!(
        memory.rss_kib <= memory.size_kib && memory.minor_faults > 0,
        "{memory:?}"
    );
    // The kernel sums up counters of CPUs in batches of pages.
    const SLACK_KIB: u32 = 4096;
    assert!(
        memory.rss_kib.abs_diff(kib("VmRSS:")) < SLACK_KIB,
        "{memory:?}"
    );
}

/// What a record names, /proc names, too.
fn assert_cgroups(told: &Scanned, shown: &Scanned) {
    let lines = String::from_utf8_lossy(&shown.cgroups).into_owned();
    let paths = String::from_utf8_lossy(&told.cgroups).into_owned();
    for path in paths.split('\0') {
        let found = lines
            .lines()
            .any(|line| line.ends_with(&format!(":{path}")));
        assert!(found, "{path} is not in\n{lines}");
    }
    let elsewhere = |line: &str| !line.starts_with("0:") && !line.contains(":name=");
    let controlled = |line: &str| elsewhere(line) && !line.ends_with(":/");
    assert_eq!(
        paths.contains('\0'),
        lines.lines().any(controlled),
        "{lines}"
    );
}

fn fd(process: &Scanned, of: &impl AsRawFd) -> Fd {
    let number = of.as_raw_fd();
    let found = process.fds.iter().find(|fd| fd.0 == number);
    let (_, fd) = found.unwrap_or_else(|| panic!("no descriptor {number}"));
    fd.clone()
}

/// A shell that waits, in `dir`.
struct Waiting {
    child: Child,
    _input: ChildStdin,
}

impl Waiting {
    fn start(dir: &Path, args: &[&str]) -> Self {
        let mut child = Command::new("/bin/sh")
            .args(["-c", "echo up; read line"])
            .args(args)
            .env_clear()
            .envs([("FIRST", "one"), ("EMPTY", ""), ("LAST", "a b")])
            .current_dir(dir)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut line = String::new();
        BufReader::new(output.expect("its output"))
            .read_line(&mut line)
            .expect("a line");
        assert_eq!(line, "up\n");
        Self {
            child,
            _input: input.expect("its input"),
        }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Where the arguments of a process are: fields 48 and 49 of its stat file.
fn arguments_at(pid: u32) -> (u64, u64) {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("stat");
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let mut fields = fields
        .split(' ')
        .skip(48 - 3)
        .map(|n| n.trim().parse().expect("a number"));
    (fields.next().expect("start"), fields.next().expect("end"))
}

/// Overwrites the last NUL of the arguments, and with `whole` each of them: what a title does.
fn set_title(pid: u32, whole: bool) {
    let (start, end) = arguments_at(pid);
    let memory = File::options()
        .write(true)
        .open(format!("/proc/{pid}/mem"))
        .expect("its memory");
    let from = if whole { start } else { end - 1 };
    let title = vec![b't'; (end - from) as usize];
    memory.write_all_at(&title, from).expect("its arguments");
}

#[test]
fn processes() {
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    let here = dir.path().join("here");
    let gone = dir.path().join("gone");
    fs::create_dir(&here).expect("a directory");
    fs::create_dir(&gone).expect("a directory");
    let plain = Waiting::start(&here, &["name", "", "a b", "last"]);
    let bare = Waiting::start(Path::new("/"), &[]);
    let (titled, renamed) = (Waiting::start(&here, &["x"]), Waiting::start(&here, &["y"]));
    set_title(titled.pid(), true);
    set_title(renamed.pid(), false);
    let lost = Waiting::start(&gone, &[]);
    fs::remove_dir(&gone).expect("an empty directory");

    let mut driver = driver();
    let mut scanner = Scanner::open("/".as_ref()).expect("/proc");
    let before: Vec<u32> = scanner
        .all()
        .expect("/proc")
        .iter()
        .map(|process| process.tgid)
        .collect();
    let (told, shown) = look(&mut driver);
    for child in [&plain, &bare, &titled, &renamed] {
        let (told, shown) = (of(&told.processes, child.pid()), of(&shown, child.pid()));
        assert!(told.start_ns >= shown.start_ns && told.pidns_start_ns > 0);
        assert_memory(&told);
        assert_cgroups(&told, &shown);
        assert_eq!(common(told), common(shown));
    }
    let plain = of(&told.processes, plain.pid());
    assert_eq!(&*plain.image.exe, b"/bin/sh");
    assert_eq!(&*plain.image.args, b"-c echo up; read line name  a b last");
    assert_eq!(plain.image.arg_ends.len(), 6);
    assert_eq!(
        &*plain.image.env,
        b"EMPTY=\0FIRST=one\0LAST=a b\0".as_slice()
    );
    assert_eq!(plain.cwd, [here.as_os_str().as_bytes(), b"/"].concat());
    let lost = of(&told.processes, lost.pid());
    assert_eq!(lost.cwd, [gone.as_os_str().as_bytes(), b"/"].concat());
    let titled = of(&told.processes, titled.pid());
    assert!(
        titled.image.exe.starts_with(b"ttttttt"),
        "{:?}",
        titled.image
    );
    let lasted = shown
        .iter()
        .filter(|process| before.contains(&process.tgid));
    let mut missing: Vec<_> = lasted.map(|process| process.tgid).collect();
    missing.retain(|&pid| !told.processes.iter().any(|process| process.tgid == pid));
    assert!(missing.is_empty(), "only /proc has {missing:?}");
    assert!(
        !told.processes.iter().any(|process| process.tgid == 2),
        "kernel threads are not"
    );
    driver.detach();
}

#[test]
fn threads_and_descriptors() {
    let _alone = alone();
    let (go, end) = mpsc::channel::<()>();
    let (up, is_up) = mpsc::channel();
    let thread = std::thread::Builder::new()
        .name("a thread's name".into())
        .spawn(move || {
            let nobody = rustix::process::Uid::from_raw(NOBODY);
            rustix::thread::set_thread_uid(nobody).expect("its own alone");
            up.send(()).expect("the test");
            _ = end.recv();
        });
    is_up.recv().expect("the thread");
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("file");
    let mut file = File::create(&path).expect("a file");
    file.write_all(b"x").expect("room");
    let inherited = file.try_clone().expect("a descriptor");
    rustix::io::fcntl_setfd(&inherited, rustix::io::FdFlags::empty()).expect("a flag");
    let removed = File::create(dir.path().join("removed")).expect("a file");
    fs::remove_file(dir.path().join("removed")).expect("it is there");
    let directory = File::open(dir.path()).expect("a directory");
    let device = File::open("/dev/null").expect("a device");
    let of_proc = File::open("/proc/self/stat").expect("a file of /proc");
    let namespace = File::open("/proc/self/ns/net").expect("a namespace");
    let (pipe, write_end) = pipe_with(PipeFlags::NONBLOCK).expect("a pipe");
    let memory = memfd_create("a memory", MemfdFlags::CLOEXEC).expect("a memory file");
    let event = eventfd(0, EventfdFlags::empty()).expect("an eventfd");
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
    let watch = inotify::init(inotify::CreateFlags::empty()).expect("an inotify");
    let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::empty()).expect("a timer");
    let pidfd = rustix::process::pidfd_open(
        rustix::process::getpid(),
        rustix::process::PidfdFlags::empty(),
    );
    let pidfd = pidfd.expect("a pidfd");
    let others: [&OwnedFd; 8] = [
        &pipe, &write_end, &memory, &event, &poll, &watch, &timer, &pidfd,
    ];
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let client = TcpStream::connect(listener.local_addr().expect("an end")).expect("a connection");
    let server = listener.accept().expect("a connection").0;
    let dual = TcpListener::bind("[::]:0").expect("a port of IPv6");
    let port = dual.local_addr().expect("an end").port();
    let mapped = TcpStream::connect(("127.0.0.1", port)).expect("a connection");
    let mapped_server = dual.accept().expect("a connection").0;
    let bound = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    sender
        .connect(bound.local_addr().expect("an end"))
        .expect("an address");
    let unix = UnixListener::bind(dir.path().join("socket")).expect("a path");
    let unix_client = UnixStream::connect(dir.path().join("socket")).expect("a connection");
    let unix_server = unix.accept().expect("a connection").0;
    let (left, _right) = UnixStream::pair().expect("a pair");
    let datagram = UnixDatagram::bind(dir.path().join("datagram")).expect("a path");
    let fresh = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    let netlink = socket(AddressFamily::NETLINK, SocketType::RAW, None).expect("a socket");

    let mut driver = driver();
    let (told, shown) = look(&mut driver);
    let (told, shown) = (
        of(&told.processes, std::process::id()),
        of(&shown, std::process::id()),
    );
    let (told, mut shown) = (common(told), common(shown));
    // It is this process that reads /proc.
    shown
        .threads
        .retain(|thread| thread.comm.bytes() != b"saker-memory");
    assert_eq!(told.threads, shown.threads);
    let thread_of = |found: &Scanned| {
        let mut threads = found.threads.iter();
        let named = threads.find(|thread| thread.comm.bytes() == b"a thread's name");
        named.map(|thread| (thread.cred.uid, thread.cred.cap_effective))
    };
    assert_eq!(thread_of(&told), Some((NOBODY, 0)));
    assert_eq!((told.cred.uid, told.cred.cap_effective != 0), (0, true));
    let same = |number: &dyn AsRawFd| {
        let fd = fd(&told, &number.as_raw_fd());
        assert_eq!(fd, self::fd(&shown, &number.as_raw_fd()));
        fd
    };
    for file in [
        &file, &inherited, &removed, &directory, &device, &of_proc, &namespace,
    ] {
        same(file);
    }
    assert!(fd(&told, &file).cloexec && !fd(&told, &inherited).cloexec);
    assert_eq!(fd(&told, &directory).kind, FdKind::Directory);
    for (other, kind) in others.into_iter().zip([
        FdKind::Pipe,
        FdKind::Pipe,
        FdKind::Memfd,
        FdKind::Event,
        FdKind::EventPoll,
        FdKind::Inotify,
        FdKind::Timer,
        FdKind::Pidfd,
    ]) {
        assert_eq!(same(other).kind, kind);
    }
    let inet: [(&dyn AsRawFd, Role); 8] = [
        (&listener, Role::Listener),
        (&client, Role::Client),
        (&server, Role::Server),
        (&dual, Role::Listener),
        (&mapped, Role::Client),
        (&mapped_server, Role::Server),
        (&bound, Role::Listener),
        (&sender, Role::Client),
    ];
    for (socket, role) in inet {
        assert_eq!(same(socket).socket.expect("a socket").role, role);
    }
    let both = |socket: &dyn AsRawFd| {
        let number = socket.as_raw_fd();
        (fd(&told, &number), fd(&shown, &number))
    };
    let details = |fd: &Fd| **fd.socket.as_ref().expect("a socket");
    let (with_path, of_proc) = both(&unix);
    assert_eq!(with_path, of_proc);
    for socket in [&unix_client, &unix_server, &left] {
        let (found, of_proc) = both(socket);
        assert_eq!((found.kind, found.ino), (of_proc.kind, of_proc.ino));
        let details = details(&found);
        assert!(details.connected && details.peer_id != 0 && details.role == Role::Unknown);
        assert_eq!(
            (found.open_flags, found.cloexec),
            (of_proc.open_flags, of_proc.cloexec)
        );
    }
    let path = dir.path().join("socket");
    for socket in [&unix_client, &unix_server] {
        assert!(
            fd(&told, socket)
                .name
                .ends_with(path.as_os_str().as_bytes()),
            "both know the path"
        );
    }
    assert_eq!(details(&both(&unix_client).0).peer_id, {
        let again = from_self(&mut driver);
        details(&fd(&again, &unix_server)).sock_id
    });
    let (datagram, _) = both(&datagram);
    assert_eq!(
        (details(&datagram).role, datagram.kind),
        (Role::Listener, FdKind::Unix)
    );
    let unbound = Socket {
        proto: 6,
        sock_type: 1,
        ..Socket::default()
    };
    let (fresh, _) = both(&fresh);
    assert_eq!(
        (fresh.kind, &*fresh.name, details(&fresh)),
        (FdKind::Ipv4, &b""[..], unbound)
    );
    assert_eq!(both(&netlink).0.kind, FdKind::Netlink);
    drop(go);
    thread.expect("a thread").join().expect("it ends");
    driver.detach();
}

fn from_self(driver: &mut Driver) -> Scanned {
    let tasks = driver.iterate(Iterate::Tasks).expect("threads");
    let files = driver.iterate(Iterate::Files).expect("files");
    of(
        &from_records(&tasks, &files, None).processes,
        std::process::id(),
    )
}

/// A kernel of 6.11 or newer keeps the nanoseconds of times in 32 bits, before a member of its own.
#[test]
fn times_of_the_executable_are_those_of_stat() {
    use std::os::unix::fs::MetadataExt as _;
    let _alone = alone();
    let dir = tempfile::tempdir().expect("a directory");
    let program = dir.path().join("program");
    fs::copy("/bin/sleep", &program).expect("a copy");
    let mut child = Command::new(&program).arg("1000").spawn().expect("it runs");
    let file = fs::metadata(&program).expect("stat");
    let ns = |s: i64, ns: i64| s as u64 * 1_000_000_000 + ns as u64;
    let mut driver = driver();
    let (told, _) = look(&mut driver);
    let found = told.processes.iter().find(|p| p.tgid == child.id());
    let image = found.map(|process| process.image.clone());
    child.kill().expect("killed");
    child.wait().expect("gone");
    let image = image.expect("the program");
    assert_eq!(image.exe_ino, file.ino());
    assert_eq!(image.exe_mtime_ns, ns(file.mtime(), file.mtime_nsec()));
    assert_eq!(image.exe_ctime_ns, ns(file.ctime(), file.ctime_nsec()));
    assert_ne!(file.mtime_nsec(), 0, "whole seconds would prove nothing");
}
