//! The order of requests and what becomes of refusals, with a module made of memory.

use std::cell::RefCell;
use std::fs;
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use saker_abi::driver::EventSet;
use saker_abi::ring::{Head, RingReader};

use super::*;

/// Bytes of one ring.
const RING_BYTES: usize = 1 << 14;

/// Answers as the module does; `refuse` names a request that fails and its errno.
struct Fake {
    info: saker_ioc_info,
    refuse: Option<(&'static str, i32)>,
    asked: RefCell<Vec<String>>,
    session: RefCell<Option<saker_ioc_create>>,
}

impl Fake {
    fn new() -> Self {
        let mut version = [0; 32];
        for (to, from) in version.iter_mut().zip(b"1.2") {
            *to = *from as std::ffi::c_char;
        }
        let info = saker_ioc_info {
            size: size_of::<saker_ioc_info>() as u32,
            abi_version: SAKER_ABI_VERSION,
            schema_hash: saker_abi::SCHEMA_HASH,
            page_bytes: rustix::param::page_size() as u32,
            possible_cpus: 4,
            owner_tgid: 0,
            features: SAKER_KMF_MOUNTS,
            version,
            names_missed: 0,
            requests_missed: 0,
        };
        Self {
            info,
            refuse: None,
            asked: RefCell::default(),
            session: RefCell::default(),
        }
    }

    fn answer(&self, request: &'static str, detail: &str) -> io::Result<()> {
        self.asked.borrow_mut().push(format!("{request}{detail}"));
        match self.refuse {
            Some((refused, errno)) if refused == request => {
                Err(io::Error::from_raw_os_error(errno))
            }
            _ => Ok(()),
        }
    }

    fn memory(bytes: usize) -> io::Result<OwnedFd> {
        let fd = memfd_create("ring", MemfdFlags::CLOEXEC)?;
        ftruncate(&fd, bytes as u64)?;
        Ok(fd)
    }
}

impl Requests for Fake {
    fn info(&self) -> io::Result<saker_ioc_info> {
        self.answer("info", "").map(|()| self.info)
    }

    fn create(&self, session: saker_ioc_create) -> io::Result<()> {
        self.answer("create", "")?;
        *self.session.borrow_mut() = Some(session);
        Ok(())
    }

    fn ring(&self, ring: saker_ioc_ring) -> io::Result<OwnedFd> {
        self.answer("ring", &format!(" {} {}", ring.cpu, ring.partition))?;
        Self::memory(2 * rustix::param::page_size() + 2 * RING_BYTES)
    }

    fn counters(&self) -> io::Result<OwnedFd> {
        self.answer("counters", "")?;
        Self::memory(1 << 16)
    }

    fn start(&self) -> io::Result<()> {
        self.answer("start", "")
    }

    fn stop(&self) -> io::Result<()> {
        self.answer("stop", "")
    }
}

fn options() -> LoadOptions {
    LoadOptions {
        partitions: 2,
        ring_bytes: RING_BYTES,
        cpus: vec![0, 3],
        events: EventSet::state(),
        snaplen_bytes: 0,
        own_tgid: 77,
        reached: true,
        names: true,
    }
}

#[test]
fn a_session_has_every_ring_before_it_starts() {
    let module = Fake::new();
    let session = set_up(&module, &options()).expect("a session");
    let expected = [
        "info", "create", "ring 0 0", "ring 0 1", "ring 3 0", "ring 3 1", "counters", "start",
        "info",
    ];
    assert_eq!(*module.asked.borrow(), expected);
    let created = module.session.borrow().expect("created");
    assert_eq!((created.partitions, created.own_tgid), (2, 77));
    assert_eq!(created.ring_bytes as usize, RING_BYTES);
    assert_eq!(created.schema_hash, saker_abi::SCHEMA_HASH);
    let tables = SyscallTables::new(&options().events);
    assert_eq!(created.wanted, tables.wanted);
    assert_eq!(created.event_of_64, tables.event_of_64);
    assert_eq!(created.event_of_32, tables.event_of_32);
    assert_eq!(
        (session.counters.cpus(), session.counters.partitions()),
        (4, 2)
    );
    assert_eq!(
        (session.info.version.as_str(), session.info.owner),
        ("1.2", None)
    );
    assert!(session.info.crosses_mounts);
    for ring in session.rings {
        let mut reader = RingReader::map(ring).expect("mapped");
        assert_eq!((reader.observe(), reader.head()), (0, Head::Empty));
    }
}

#[test]
fn a_module_that_does_not_fit_is_refused_before_anything_is_made() {
    type Change = fn(&mut saker_ioc_info);
    let changes: [(&str, Change); 3] = [
        ("version of the driver interface: 9, this", |i| {
            i.abi_version = 9
        }),
        (
            "hash of the driver interface: 0000000000000005, this",
            |i| i.schema_hash = 5,
        ),
        ("page size: 65536, this", |i| i.page_bytes = 65536),
    ];
    for (named, change) in changes {
        let mut module = Fake::new();
        change(&mut module.info);
        let error = set_up(&module, &options()).expect_err(named).to_string();
        assert!(error.contains(named), "{error}");
        assert!(
            error.ends_with("saker driver build && saker driver unload && saker driver load"),
            "{error}"
        );
        assert_eq!(*module.asked.borrow(), ["info"]);
    }
}

#[test]
fn a_cpu_the_module_does_not_know_is_named() {
    let module = Fake::new();
    let mut options = options();
    options.cpus.push(4);
    let error = set_up(&module, &options).expect_err("CPU 4").to_string();
    assert!(error.contains("CPU 4 is beyond the 4 CPUs"), "{error}");
}

#[test]
fn refusals_say_what_was_refused() {
    for (request, errno, named) in [
        ("info", libc::ENOTTY, "does not answer as this version"),
        ("info", libc::EPERM, "CAP_SYS_PTRACE"),
        ("create", libc::EBUSY, "in use by another process"),
        ("create", libc::EPERM, "CAP_SYS_ADMIN"),
        ("create", libc::EINVAL, "refused to make a session"),
        ("ring", libc::ENOMEM, "ring for CPU 0, partition 0"),
        ("counters", libc::EIO, "show its counters"),
        ("start", libc::EIO, "attach its probes"),
    ] {
        let mut module = Fake::new();
        module.refuse = Some((request, errno));
        let error = set_up(&module, &options()).expect_err(named).to_string();
        assert!(error.contains(named), "{error}");
        let asked = module.asked.borrow();
        let stopped = asked.iter().position(|asked| asked.starts_with(request));
        let after = &asked[stopped.expect("asked") + 1..];
        // Who has the session is asked again when somebody has.
        assert!(after.iter().all(|asked| asked == "info"), "{asked:?}");
    }
}

#[test]
fn the_owner_of_a_session_is_named() {
    let mut module = Fake::new();
    module.refuse = Some(("create", libc::EBUSY));
    module.info.owner_tgid = 4321;
    let error = set_up(&module, &options()).expect_err("busy").to_string();
    assert!(error.contains("in use by process 4321"), "{error}");
}

#[test]
fn what_is_not_the_device_is_told_apart() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("saker");
    assert!(matches!(open(&path), Err(KmodError::NotLoaded)));
    fs::write(&path, "a file").expect("written");
    let file = open(&path).expect("opened");
    assert!(matches!(
        file.info().map_err(unanswered),
        Err(KmodError::Foreign(_))
    ));
    assert!(matches!(
        set_up(&file, &options()),
        Err(KmodError::Foreign(_))
    ));
}

#[test]
fn what_the_module_does_not_see_is_said() {
    let features = |module: &Fake, options: &LoadOptions| -> Vec<Feature> {
        let lacks = lacks(options, &Info::new(&module.info));
        lacks.iter().map(|lack| lack.feature).collect()
    };
    let mut module = Fake::new();
    let mut acting = options();
    acting.events.insert(SAKER_EV_UNLINK as u16);
    assert!(acting.acted());
    // Execs have names and are always wanted; connects are not.
    let given = [Feature::GivenArguments];
    assert_eq!(features(&module, &options()), given);
    module.info.features |= SAKER_KMF_NAMES;
    assert_eq!(features(&module, &options()), []);
    let mut opening = options();
    opening.events.insert(SAKER_EV_OPENAT as u16);
    let neither = [Feature::IoUring, Feature::GivenArguments];
    assert_eq!(features(&module, &opening), neither);
    module.info.features |= SAKER_KMF_OPENED;
    assert_eq!(features(&module, &opening), [Feature::IoUring]);
    let mut connecting = options();
    connecting.events.insert(SAKER_EV_CONNECT as u16);
    assert_eq!(features(&module, &connecting), neither);
    module.info.features |= SAKER_KMF_URING;
    assert_eq!(features(&module, &connecting), given);
    module.info.features |= SAKER_KMF_ADDRESSES;
    assert_eq!(features(&module, &connecting), []);
    assert_eq!(features(&module, &acting), [Feature::ActedPaths]);
    module.info.features |= SAKER_KMF_ACTED;
    assert_eq!(features(&module, &acting), []);
    // Everything that rules see of files has a path.
    module.info.features &= !SAKER_KMF_MOUNTS;
    let paths = [Feature::WholePaths];
    assert_eq!(features(&module, &options()), paths);
    assert_eq!(features(&module, &acting), paths);
}

#[test]
fn what_rings_do_is_missing_where_there_are_any() {
    let features = |module: u32, events: &[u32]| -> Vec<Feature> {
        let mut options = options();
        (options.names, options.reached) = (false, false);
        for &event in events {
            options.events.insert(event as u16);
        }
        let mut info = Fake::new().info;
        info.features |= module;
        let lacks = lacks(&options, &Info::new(&info));
        lacks.iter().map(|lack| lack.feature).collect()
    };
    let both = [SAKER_EV_OPENAT, SAKER_EV_SENDTO];
    assert_eq!(features(SAKER_KMF_NO_URING, &both), []);
    let none = [Feature::IoUring, Feature::IoUringData];
    assert_eq!(features(0, &both), none);
    assert_eq!(features(SAKER_KMF_URING, &both), [Feature::IoUringData]);
    assert_eq!(features(SAKER_KMF_URING, &both[..1]), []);
    // The table of descriptors heals itself.
    assert_eq!(features(0, &[SAKER_EV_CLOSE]), []);
}
