//! The first look at what runs already: from the driver's iterators, /proc being the last resort.

use std::time::{Duration, Instant};

use saker_abi::driver::Iterate;
use saker_capture::Driver;
use saker_capture::driver::IterateError;
use saker_state::Partition;
use saker_state::scan::{Scanned, Scanner, Told, from_records};

/// Who told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Source {
    /// The driver's iterators.
    Iterators,
    /// /proc, because the driver has none.
    Proc,
    /// Nobody: there is no driver, or /proc cannot be read either.
    Nobody,
}

impl Source {
    /// Name in metrics and the first lines.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Iterators => "iterators",
            Self::Proc => "proc",
            Self::Nobody => "none",
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FirstLook {
    /// Who told.
    pub source: Source,
    /// Processes.
    pub processes: usize,
    /// Their descriptors.
    pub fds: usize,
    /// Processes and descriptors of which /proc had to tell what the records cannot.
    pub completed: usize,
    /// Time it took, with putting it into the partitions.
    pub took: Duration,
}

impl FirstLook {
    /// None taken.
    pub(crate) const NONE: Self = Self {
        source: Source::Nobody,
        processes: 0,
        fds: 0,
        completed: 0,
        took: Duration::ZERO,
    };
}

/// Puts the running processes into their partitions. Events wait in the rings meanwhile, so a process is
/// either found here or announced there.
pub(crate) fn adopt_running(driver: &mut Driver, partitions: &mut [Partition]) -> FirstLook {
    let started = Instant::now();
    let mut scanner = Scanner::open("/".as_ref());
    let (source, told) = match (told(driver, scanner.as_mut().ok()), scanner) {
        (Ok(told), _) => (Source::Iterators, told),
        (Err(error), Ok(mut scanner)) => {
            tracing::warn!("running processes are read from /proc, which takes longer: {error}");
            from_proc(&mut scanner)
        }
        (Err(error), Err(proc)) => {
            tracing::error!("running processes are not known: {error}; /proc: {proc}");
            (Source::Nobody, Told::default())
        }
    };
    if told.undecodable > 0 {
        let count = told.undecodable;
        tracing::error!("{count} records of the iterators cannot be decoded and are left out");
    }
    if told.late > 0 {
        let count = told.late;
        tracing::warn!(
            "the memory of {count} processes did not answer in time: their arguments are not known"
        );
    }
    let mut look = FirstLook {
        source,
        processes: told.processes.len(),
        fds: told.processes.iter().map(|found| found.fds.len()).sum(),
        completed: told.processes_completed + told.fds_completed,
        took: Duration::ZERO,
    };
    adopt(told.processes, partitions);
    look.took = started.elapsed();
    look
}

fn told(driver: &mut Driver, proc: Option<&mut Scanner>) -> Result<Told, IterateError> {
    let tasks = driver.iterate(Iterate::Tasks)?;
    let files = driver.iterate(Iterate::Files)?;
    Ok(from_records(&tasks, &files, proc))
}

fn from_proc(scanner: &mut Scanner) -> (Source, Told) {
    match scanner.all() {
        Ok(processes) => {
            let told = Told {
                processes,
                late: scanner.late(),
                ..Told::default()
            };
            (Source::Proc, told)
        }
        Err(error) => {
            tracing::error!("running processes cannot be read from /proc: {error}");
            (Source::Nobody, Told::default())
        }
    }
}

/// Puts processes into their partitions.
pub(crate) fn adopt(found: Vec<Scanned>, partitions: &mut [Partition]) {
    let mut shares: Vec<Vec<_>> = partitions.iter().map(|_| Vec::new()).collect();
    for process in found {
        let owner = saker_abi::event::partition(process.tgid, partitions.len() as u32);
        shares[owner as usize].push(process);
    }
    for (partition, share) in partitions.iter_mut().zip(shares) {
        partition.adopt(share);
    }
    for partition in partitions {
        partition.link_adopted();
    }
}
