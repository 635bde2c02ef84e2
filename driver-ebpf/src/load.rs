//! Loading and attaching.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use aya::maps::{ArrayOfMaps, MapData, MapError, ProgramArray};
use aya::{Btf, Ebpf, EbpfLoader, VerifierLogLevel};
use saker_abi::driver::{Feature, Lack, LoadOptions, OptionsError, SyscallTables, requests};
use saker_abi::raw::SAKER_SESSION_FCNTL;
use saker_abi::ring::{Counters, RingFd};

use crate::{Hooks, Missed, acted, functions, given, hooks, iterate, programs, schema, uring};

/// The running kernel's own types.
const KERNEL_BTF: &str = "/sys/kernel/btf/vmlinux";

/// `BPF_MAP_TYPE_RINGBUF` of include/uapi/linux/bpf.h.
const MAP_TYPE_RINGBUF: u32 = 27;

/// Why the driver could not be loaded; the text ends with what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// An option outside its range, or another pid namespace.
    #[error(transparent)]
    Options(#[from] OptionsError),
    /// The object was built from another contract.
    #[error(
        "the eBPF object has another hash of the driver interface ({object}) than this program \
         ({agent}): they were not built together; build both anew (make build)"
    )]
    Schema {
        /// The object's, in hexadecimal.
        object: String,
        /// This program's.
        agent: String,
    },
    /// No usable BTF.
    #[error(
        "the kernel's type information is not readable at /sys/kernel/btf/vmlinux ({0}); the eBPF \
         driver needs a kernel built with CONFIG_DEBUG_INFO_BTF=y and sysfs mounted on /sys"
    )]
    Btf(io::Error),
    /// Missing privilege.
    #[error(
        "the kernel does not permit loading eBPF programs ({0}); run as root, or with CAP_BPF, \
         CAP_PERFMON and CAP_SYS_RESOURCE, and see /sys/kernel/security/lockdown"
    )]
    Permission(String),
    /// The object or a map was refused.
    #[error("the eBPF object could not be loaded: {0}; run `saker doctor` to see what is missing")]
    Object(String),
    /// A ring could not be created.
    #[error(
        "ring for CPU {cpu}, partition {partition} of {bytes} bytes: {source}; lower \
         ring_buffer_total_mib or use a kernel of 5.12 or newer"
    )]
    Ring {
        /// CPU of the ring.
        cpu: u32,
        /// Partition of the ring.
        partition: u32,
        /// Data bytes asked for.
        bytes: usize,
        /// What the kernel said.
        source: MapError,
    },
    /// A program was refused.
    #[error("program {name}: {reason}; run `saker doctor` to see what the kernel lacks")]
    Program {
        /// Program in the object.
        name: String,
        /// What the kernel said.
        reason: String,
    },
    /// The counters could not be mapped.
    #[error("mapping the ring counters: {0}")]
    Counters(io::Error),
}

/// The loaded and attached driver.
pub struct EbpfDriver {
    /// Owns programs, links and maps; dropping it detaches.
    pub(crate) ebpf: Ebpf,
    /// The kernel empties a program array when its last descriptor is closed.
    _fillers: ProgramArray<MapData>,
    /// The same for requests of io_uring, where they are seen.
    uring_fillers: Option<uring::Fillers>,
    rings: Vec<RingFd>,
    counters: Arc<Counters>,
    programs: usize,
    hooks: Hooks,
    missed: Arc<Missed>,
    /// Why iterators were refused.
    pub(crate) no_iterators: Vec<String>,
    lacks: Vec<Lack>,
}

impl std::fmt::Debug for EbpfDriver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EbpfDriver")
            .field("programs", &self.programs)
            .field("hooks", &self.hooks)
            .finish_non_exhaustive()
    }
}

impl EbpfDriver {
    /// Loads what `options.events` needs and attaches it. When this returns, records arrive.
    ///
    /// # Errors
    /// When the kernel refuses; nothing stays attached then.
    pub fn load(options: &LoadOptions) -> Result<Self, LoadError> {
        let btf = kernel_types()?;
        let hooks = Hooks::for_kernel(&btf);
        if hooks == Hooks::Raw {
            return Self::load_with(options, Hooks::Raw, &btf);
        }
        let result = hooks::check_formats().map_err(LoadError::Object);
        let result = result.and_then(|()| Self::load_with(options, hooks, &btf));
        result.or_else(|error| {
            tracing::warn!(
                "{} cannot be used ({error}); with {} this kernel passes over calls while a program is \
                 preempted: saker_ebpf_missed_total counts them",
                hooks.name(),
                Hooks::Raw.name(),
            );
            Self::load_with(options, Hooks::Raw, &btf)
        })
    }

    /// As [`Self::load`], at these hooks instead of those for this kernel.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub fn load_at(options: &LoadOptions, hooks: Hooks) -> Result<Self, LoadError> {
        Self::load_with(options, hooks, &kernel_types()?)
    }

    fn load_with(options: &LoadOptions, hooks: Hooks, btf: &Btf) -> Result<Self, LoadError> {
        let mut driver = Self::prepare(options, hooks, btf)?;
        // Before the calls themselves: what a call acts on or was given is told before it returns.
        let blind = functions::blind(&mut driver.ebpf, options);
        let (acted, given) = match blind.is_empty() {
            true => (
                acted::attach(&mut driver.ebpf, btf, options),
                given::attach(&mut driver.ebpf, btf, options),
            ),
            false => (acted::Acted::default(), given::Given::default()),
        };
        let refused = acted.lack.into_iter().chain(given.lack);
        driver.lacks.extend(blind.into_iter().chain(refused));
        programs::attach(&mut driver.ebpf, &options.events, hooks)?;
        let mut attached = programs::descriptors(&mut driver.ebpf, &options.events)?;
        attached.extend(acted.attached.into_iter().chain(given.attached));
        if let Some(fillers) = &mut driver.uring_fillers {
            match uring::attach(&mut driver.ebpf) {
                Ok(programs) => attached.extend(programs),
                Err(error) => driver.lacks.extend(no_uring(&error.to_string())),
            }
            // They need the scratch memory of those at functions.
            if options.acted() {
                let quiet = uring::attach_quiet(&mut driver.ebpf, btf, &options.events, fillers);
                attached.extend(quiet);
            }
        }
        let forgotten = uring::forgotten(&mut driver.ebpf);
        driver.missed = Arc::new(Missed::new(attached).forgotten_in(forgotten));
        Ok(driver)
    }

    /// Everything but attaching.
    fn prepare(options: &LoadOptions, hooks: Hooks, btf: &Btf) -> Result<Self, LoadError> {
        options.check()?;
        schema::check(hooks.object())?;
        let cpus = options.cpu_count();
        let ring_count = cpus * options.partitions;
        let mut ebpf = load_object(options, hooks, btf, ring_count, cpus)?;
        let rings = create_rings(&mut ebpf, options)?;
        let counters = map_counters(&ebpf, ring_count, options.partitions)?;

        let wanted = programs::wanted(options);
        programs::load(&mut ebpf, &wanted)?;
        let no_iterators = iterate::load(&mut ebpf, btf);
        let fillers = programs::fill_table(&mut ebpf, options)?;
        let mut lacks = Vec::new();
        let uring_fillers = if uring::supported(btf) {
            uring::load(&mut ebpf, &options.events).unwrap_or_else(|error| {
                lacks.extend(no_uring(&error.to_string()));
                None
            })
        } else {
            lacks.extend(no_uring("this kernel's requests are not known"));
            None
        };
        let attached = programs::descriptors(&mut ebpf, &options.events)?;
        Ok(Self {
            ebpf,
            _fillers: fillers,
            uring_fillers,
            rings,
            counters: Arc::new(counters),
            programs: wanted.len(),
            hooks,
            missed: Arc::new(Missed::new(attached)),
            no_iterators,
            lacks,
        })
    }

    /// The rings, once; empty afterwards.
    pub fn take_rings(&mut self) -> Vec<RingFd> {
        std::mem::take(&mut self.rings)
    }

    /// Counters of all rings, shared with the kernel.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Number of programs loaded.
    pub fn program_count(&self) -> usize {
        self.programs
    }

    /// Where the programs hang.
    pub fn hooks(&self) -> Hooks {
        self.hooks
    }

    /// What the kernel did not run the programs for.
    pub fn missed(&self) -> Arc<Missed> {
        Arc::clone(&self.missed)
    }

    /// What was asked for and this kernel does not allow.
    pub fn lacks(&self) -> &[Lack] {
        &self.lacks
    }

    /// Stops producing: detaches every program. Rings and counters stay readable.
    pub fn detach(self) {
        drop(self.ebpf);
    }
}

/// Neither those that move data nor the others.
fn no_uring(reason: &str) -> [Lack; 2] {
    [Feature::IoUring, Feature::IoUringData].map(|feature| Lack {
        feature,
        reason: reason.to_owned(),
    })
}

/// Parsed once, for the objects and for the iterators.
fn kernel_types() -> Result<Btf, LoadError> {
    // aya parses it itself and says less clearly when it is not there.
    std::fs::metadata(KERNEL_BTF).map_err(LoadError::Btf)?;
    Btf::from_sys_fs().map_err(|error| LoadError::Object(chain(&error)))
}

fn load_object(
    options: &LoadOptions,
    hooks: Hooks,
    btf: &Btf,
    ring_count: u32,
    cpus: u32,
) -> Result<Ebpf, LoadError> {
    let tables = SyscallTables::new(&options.events);
    // The last quarter is kept for lifecycle and security (DESIGN.md 5).
    let shed_bytes = (options.ring_bytes / 4 * 3) as u32;
    let wakeup_bytes = (options.ring_bytes / 4) as u32;
    let own_tgid = options.own_tgid as i32;
    let every_fcntl = tables.session_flags & SAKER_SESSION_FCNTL != 0;
    let uring_events = requests::marks(&options.events);
    let mut loader = EbpfLoader::new();
    let acted_areas = cpus + 1;
    let uring_areas = acted_areas + acted::areas(options, cpus);
    for (map, entries) in uring::entries(&options.events, btf, cpus) {
        loader.map_max_entries(map, entries);
    }
    loader
        .btf(Some(btf))
        // Written by the kernel only when a program fails and is tried again.
        .verifier_log_level(VerifierLogLevel::VERBOSE)
        .map_max_entries("rings", ring_count)
        .map_max_entries(
            "opened_files",
            given::OPENED + uring::LRU_KEPT_BY_CPU * cpus,
        )
        .map_max_entries("ring_counters", ring_count)
        // After those of the CPUs the iterators', those of hooked functions, those of requests.
        .map_max_entries(
            "scratch_areas",
            uring_areas + uring::areas(options, hooks, cpus),
        )
        .override_global("saker_acted_areas", &acted_areas, true)
        .override_global(
            "saker_uring_areas",
            &if hooks.preempted() { uring_areas } else { 0 },
            true,
        )
        .override_global("saker_uring_events", &uring_events, true)
        .override_global("saker_reached", &u8::from(options.reached), true)
        .override_global("saker_names", &u8::from(options.names()), true)
        .override_global("saker_every_fcntl", &u8::from(every_fcntl), true)
        .override_global("saker_iterator_area", &cpus, true)
        .override_global("saker_partitions", &options.partitions, true)
        .override_global("saker_own_tgid", &own_tgid, true)
        .override_global("saker_shed_bytes", &shed_bytes, true)
        .override_global("saker_wakeup_bytes", &wakeup_bytes, true)
        .override_global("saker_snaplen", &options.snaplen_bytes, true)
        .override_global("saker_wanted", &tables.wanted, true)
        .override_global("saker_event_of_64", &tables.event_of_64, true)
        .override_global("saker_event_of_32", &tables.event_of_32, true)
        .override_global("saker_subcalls", &tables.subcalls, true)
        .load(hooks.object())
        .map_err(|error| {
            let text = chain(&error);
            if text.contains("Operation not permitted") || text.contains("Permission denied") {
                LoadError::Permission(text)
            } else {
                LoadError::Object(text)
            }
        })
}

/// One ring per CPU and partition, put into the array that the programs look them up in.
fn create_rings(ebpf: &mut Ebpf, options: &LoadOptions) -> Result<Vec<RingFd>, LoadError> {
    let outer = ebpf
        .map_mut("rings")
        .ok_or_else(|| LoadError::Object("no map `rings`".into()))?;
    let mut outer = ArrayOfMaps::<_, MapData>::try_from(outer)
        .map_err(|error| LoadError::Object(chain(&error)))?;
    let mut rings = Vec::with_capacity(options.cpus.len() * options.partitions as usize);
    for &cpu in &options.cpus {
        for partition in 0..options.partitions {
            let bytes = options.ring_bytes;
            let fail = |source| LoadError::Ring {
                cpu,
                partition,
                bytes,
                source,
            };
            let definition = aya_obj::Map::new_from_params(MAP_TYPE_RINGBUF, 0, 0, bytes as u32, 0);
            let ring = MapData::create(definition, "saker_ring", None).map_err(fail)?;
            outer
                .set(cpu * options.partitions + partition, &ring, 0)
                .map_err(fail)?;
            let fd = ring.fd().as_fd().try_clone_to_owned().map_err(|error| {
                LoadError::Object(format!("duplicating a ring's descriptor: {error}"))
            })?;
            rings.push(RingFd {
                cpu,
                partition,
                fd,
                data_bytes: bytes,
            });
        }
    }
    Ok(rings)
}

fn map_counters(ebpf: &Ebpf, entries: u32, partitions: u32) -> Result<Counters, LoadError> {
    let Some(aya::maps::Map::Array(data)) = ebpf.map("ring_counters") else {
        return Err(LoadError::Object("no map `ring_counters`".into()));
    };
    Counters::map(data.fd().as_fd(), entries as usize, partitions).map_err(LoadError::Counters)
}

/// Lines of the verifier's log that are worth showing: the end says what it refused.
const VERIFIER_LOG_LINES: usize = 12;

/// An error with all its sources; of a verifier's log, which may have megabytes, only the end.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    if let Some((_, start)) = text
        .rmatch_indices('\n')
        .nth(VERIFIER_LOG_LINES)
        .map(|m| (m.1, m.0))
    {
        text.replace_range(..start, "end of the verifier's log:");
    }
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::driver::EventSet;
    use saker_abi::event::EVENTS;

    /// The verifier of this kernel accepts the programs for either hooks, wherever it would attach them.
    #[test]
    fn every_program_loads_for_either_hooks() {
        let btf = kernel_types().expect("this test needs a kernel with BTF");
        let mut events = EventSet::new();
        EVENTS.iter().for_each(|event| events.insert(event.id));
        let options = LoadOptions {
            partitions: 1,
            ring_bytes: 1 << 16,
            cpus: vec![0],
            events,
            snaplen_bytes: 0,
            own_tgid: 0,
            reached: false,
            names: false,
        };
        let count = |hooks, reached, snaplen_bytes| {
            let options = LoadOptions {
                reached,
                names: reached,
                snaplen_bytes,
                ..options.clone()
            };
            let mut driver =
                EbpfDriver::prepare(&options, hooks, &btf).expect("this test needs root");
            // Where the kernel lets no program hang at its functions, tests in guests load these.
            let acted = acted::attach(&mut driver.ebpf, &btf, &options);
            assert_eq!(acted.lack.is_some(), reached && acted.attached.is_empty());
            let given = given::attach(&mut driver.ebpf, &btf, &options);
            let programs = 1 + usize::from(reached);
            assert_eq!(given.lack.is_some(), given.attached.len() < programs);
            assert_eq!(driver.hooks(), hooks);
            assert_eq!(driver.missed().by_program().count(), 5);
            assert_eq!(driver.missed().total(), 0);
            let uring = driver.uring_fillers.is_some();
            assert_eq!(uring, uring::supported(&btf), "{:?}", driver.lacks());
            driver.program_count()
        };
        // How much data is asked for decides which windows the verifier looks at.
        let most = saker_abi::raw::SAKER_SNAPLEN_MAX;
        let plain = count(Hooks::Raw, false, 0);
        for (hooks, reached, snaplen_bytes) in [
            (Hooks::Raw, true, 80),
            (Hooks::Unpreempted, false, most),
            (Hooks::Unpreempted, true, 0),
        ] {
            assert_eq!(
                count(hooks, reached, snaplen_bytes),
                plain,
                "{hooks:?}, {reached}, {snaplen_bytes}"
            );
        }
    }
}
