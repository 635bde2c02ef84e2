//! Proof that an attached driver works: a call on every CPU must come back through its ring.
//!
//! A driver can be loaded and attached and yet see nothing: a hook that does not fire, a filler that
//! fails, a ring nobody fills. So the agent makes a call that its driver must record, on each CPU that
//! runs, and looks for the record in the ring of that CPU and of its own partition. It looks ahead of the
//! workers: nothing is released, they read every record again.

use std::io;
use std::thread;
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};
use saker_abi::driver::canary::provoke;
use saker_abi::event::partition;
use saker_abi::raw::{SAKER_EV_CANARY, SAKER_P_CANARY_token};
use saker_abi::record::Record;
use saker_abi::ring::{Counters, Head, RingReader};

use crate::clock::{Clock, SystemClock};
use crate::cpus::online_cpus;

/// Longest wait for one canary. The driver commits it before the call returns; this is for a machine
/// that hardly runs.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Pause between two looks into a ring.
const LOOK_AGAIN: Duration = Duration::from_micros(200);

/// Canaries that came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// CPUs proven.
    pub cpus: usize,
    /// CPUs that this process may not run on, so that nothing can be said about them.
    pub unreachable: Vec<u32>,
    /// Longest time from a call to the sight of its record.
    pub slowest: Duration,
}

impl std::fmt::Display for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let us = self.slowest.as_micros();
        write!(
            f,
            "canary seen on {} CPU(s), after {us} us at most",
            self.cpus
        )?;
        if !self.unreachable.is_empty() {
            let list = &self.unreachable;
            write!(
                f,
                "; this process may not run on CPUs {list:?}, which are not proven"
            )?;
        }
        Ok(())
    }
}

/// Why a driver is not proven to work.
#[derive(Debug, thiserror::Error)]
pub enum CanaryError {
    /// No record.
    #[error(
        "the canary of CPU {cpu} did not come back within {PATIENCE:?}: what is attached does not see \
         system calls there (its ring has {produced} records, {dropped} were dropped)"
    )]
    Missing {
        /// Where the call was made.
        cpu: u32,
        /// Records in the ring it should be in, so far.
        produced: u64,
        /// Records that ring has lost.
        dropped: u64,
    },
    /// The driver has no ring for a CPU that runs.
    #[error("CPU {0} runs and has no ring")]
    NoRing(u32),
    /// The call does not reach the kernel's code.
    #[error(
        "prctl(2), which the canary is made of, is kept from this process ({0}): allow it in the seccomp \
         filter or security policy that Saker runs under"
    )]
    Provoke(io::Error),
    /// Nowhere to call from.
    #[error("this process may not be moved to any CPU that runs ({0})")]
    Pinned(io::Error),
    /// No list of CPUs, or no thread.
    #[error("{0}")]
    Io(String),
}

/// Proves every CPU that runs. `rings` have not been read yet; nothing is released.
///
/// # Errors
/// At the first CPU whose canary is missing, or when none can be provoked.
pub fn prove(
    rings: &mut [RingReader],
    counters: &Counters,
    own_tgid: u32,
) -> Result<Proof, CanaryError> {
    let cpus = online_cpus().map_err(|error| CanaryError::Io(error.to_string()))?;
    // A thread of its own: where it may run ends with it.
    thread::scope(|scope| {
        let work = || prove_with(&mut Kernel, rings, counters, own_tgid, &cpus, PATIENCE);
        let thread = thread::Builder::new().name("saker-canary".into());
        let running = thread
            .spawn_scoped(scope, work)
            .map_err(|error| CanaryError::Io(format!("a thread for the canary: {error}")))?;
        running
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// What is asked of the kernel, so that tests can answer in its place.
trait Perch {
    /// Moves this thread to a CPU.
    fn sit_on(&mut self, cpu: u32) -> io::Result<()>;
    /// Makes the call.
    fn sing(&mut self, token: u64) -> io::Result<()>;
    /// Whether the CPU still runs.
    fn runs(&mut self, cpu: u32) -> bool;
}

struct Kernel;

impl Perch for Kernel {
    fn sit_on(&mut self, cpu: u32) -> io::Result<()> {
        let mut set = CpuSet::new();
        set.set(cpu as usize);
        Ok(sched_setaffinity(None, &set)?)
    }

    fn sing(&mut self, token: u64) -> io::Result<()> {
        provoke(token)
    }

    fn runs(&mut self, cpu: u32) -> bool {
        online_cpus().is_ok_and(|cpus| cpus.contains(&cpu))
    }
}

fn prove_with(
    perch: &mut impl Perch,
    rings: &mut [RingReader],
    counters: &Counters,
    own_tgid: u32,
    cpus: &[u32],
    patience: Duration,
) -> Result<Proof, CanaryError> {
    let own = partition(own_tgid, counters.partitions());
    let mut proof = Proof {
        cpus: 0,
        unreachable: Vec::new(),
        slowest: Duration::ZERO,
    };
    let mut refusal = None;
    for &cpu in cpus {
        if let Err(error) = perch.sit_on(cpu) {
            proof.unreachable.push(cpu);
            refusal = Some(error);
            continue;
        }
        let ring = rings
            .iter_mut()
            .find(|ring| ring.cpu() == cpu && ring.partition() == own)
            .ok_or(CanaryError::NoRing(cpu))?;
        let token = SystemClock.boottime_ns();
        let start = Instant::now();
        perch.sing(token).map_err(CanaryError::Provoke)?;
        let seen = look_for(ring, own_tgid, token, start + patience);
        ring.rewind();
        if seen {
            proof.cpus += 1;
            proof.slowest = proof.slowest.max(start.elapsed());
        } else if perch.runs(cpu) {
            let ring = counters.snapshot(cpu, own);
            return Err(CanaryError::Missing {
                cpu,
                produced: ring.produced,
                dropped: ring.dropped_total(),
            });
        } else {
            // It went offline, and the thread with the call to another.
            proof.unreachable.push(cpu);
        }
    }
    if proof.cpus == 0 {
        let refusal = refusal.unwrap_or_else(|| io::Error::other("none runs"));
        return Err(CanaryError::Pinned(refusal));
    }
    Ok(proof)
}

/// Reads ahead until the canary is met or the time is over.
fn look_for(ring: &mut RingReader, tgid: u32, token: u64, deadline: Instant) -> bool {
    loop {
        ring.observe();
        while let Head::Record(bytes) = ring.head() {
            ring.advance();
            let ours = Record::parse(bytes).is_ok_and(|record| {
                record.event() == SAKER_EV_CANARY
                    && record.hdr().tgid == tgid
                    && record.u64(SAKER_P_CANARY_token) == token
            });
            if ours {
                return true;
            }
        }
        if Instant::now() >= deadline {
            return false;
        }
        thread::sleep(LOOK_AGAIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use saker_abi::record::RecordBuilder;
    use saker_abi::ring::{RingProducer, memory_ring};

    const TGID: u32 = 4711;
    const SHORT: Duration = Duration::from_millis(20);

    /// A driver of memory: CPUs `deaf` record nothing, `forbidden` ones cannot be run on.
    struct Memory {
        producers: Vec<RingProducer>,
        at: usize,
        deaf: Vec<usize>,
        forbidden: Vec<usize>,
        gone: Vec<usize>,
    }

    impl Perch for Memory {
        fn sit_on(&mut self, cpu: u32) -> io::Result<()> {
            self.at = cpu as usize;
            match self.forbidden.contains(&self.at) {
                true => Err(io::ErrorKind::InvalidInput.into()),
                false => Ok(()),
            }
        }

        fn sing(&mut self, token: u64) -> io::Result<()> {
            let record = |tgid, token| {
                RecordBuilder::new(SAKER_EV_CANARY, 1, tgid, tgid)
                    .num(SAKER_P_CANARY_token, token as i64)
                    .build()
            };
            let to = &mut self.producers[self.at];
            // Neither another's canary nor an older one is the one looked for.
            to.push(&record(TGID + 1, token));
            to.push(&record(TGID, token - 1));
            to.push(b"not a record");
            if !self.deaf.contains(&self.at) {
                to.push(&record(TGID, token));
            }
            Ok(())
        }

        fn runs(&mut self, cpu: u32) -> bool {
            !self.gone.contains(&(cpu as usize))
        }
    }

    fn memory(cpus: u32) -> (Memory, Vec<RingReader>, Counters) {
        let rings = (0..cpus).map(|cpu| memory_ring(cpu, 0, 1 << 14));
        let (producers, readers) = rings.unzip();
        let memory = Memory {
            producers,
            at: 0,
            deaf: Vec::new(),
            forbidden: Vec::new(),
            gone: Vec::new(),
        };
        (memory, readers, Counters::in_memory(cpus, 1))
    }

    #[test]
    fn every_cpu_is_proven_and_nothing_is_taken() {
        let (mut memory, mut rings, counters) = memory(3);
        let cpus = [0, 1, 2];
        let proof = prove_with(&mut memory, &mut rings, &counters, TGID, &cpus, SHORT);
        let proof = proof.expect("all sang");
        assert_eq!((proof.cpus, proof.unreachable.len()), (3, 0));
        for ring in &mut rings {
            assert_eq!(ring.unreleased_bytes(), 0);
            ring.observe();
            let mut records = 0;
            while let Head::Record(_) = ring.head() {
                records += 1;
                ring.advance();
            }
            assert_eq!(records, 4, "the workers read all of them");
        }
    }

    #[test]
    fn a_deaf_cpu_is_named() {
        let (mut memory, mut rings, counters) = memory(2);
        memory.deaf = vec![1];
        let error = prove_with(&mut memory, &mut rings, &counters, TGID, &[0, 1], SHORT)
            .expect_err("CPU 1 is deaf");
        assert!(
            matches!(error, CanaryError::Missing { cpu: 1, .. }),
            "{error}"
        );
        memory.gone = vec![1];
        let proof = prove_with(&mut memory, &mut rings, &counters, TGID, &[0, 1], SHORT)
            .expect("CPU 1 has gone");
        assert_eq!((proof.cpus, proof.unreachable), (1, vec![1]));
    }

    #[test]
    fn cpus_that_cannot_be_reached_are_listed() {
        let (mut memory, mut rings, counters) = memory(2);
        memory.forbidden = vec![0];
        let proof = prove_with(&mut memory, &mut rings, &counters, TGID, &[0, 1], SHORT)
            .expect("CPU 1 sang");
        assert_eq!((proof.cpus, &proof.unreachable), (1, &vec![0]));
        assert!(
            proof.to_string().contains("may not run on CPUs [0]"),
            "{proof}"
        );
        memory.forbidden = vec![0, 1];
        let error = prove_with(&mut memory, &mut rings, &counters, TGID, &[0, 1], SHORT)
            .expect_err("nowhere");
        assert!(matches!(error, CanaryError::Pinned(_)), "{error}");
    }

    #[test]
    fn without_a_driver_no_canary_comes_back() {
        let cpus = online_cpus().expect("CPUs");
        let rings = cpus.iter().map(|&cpu| memory_ring(cpu, 0, 1 << 14));
        let (_producers, mut rings): (Vec<_>, Vec<_>) = rings.unzip();
        let counters = Counters::in_memory(cpus[cpus.len() - 1] + 1, 1);
        // The real call, on the real CPUs, with nobody to record it.
        let error = prove_with(&mut Kernel, &mut rings, &counters, TGID, &cpus, SHORT)
            .expect_err("nobody records");
        assert!(matches!(error, CanaryError::Missing { .. }), "{error}");
    }
}
