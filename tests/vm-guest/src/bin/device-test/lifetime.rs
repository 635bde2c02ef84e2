//! Owners that die, modules in use.

use std::fs::File;

use anyhow::{Context as _, Result, ensure};
use rustix::io::Errno;
use saker_abi::raw::SAKER_ITERATE_TASKS;
use saker_vm_guest::device::Device;
use saker_vm_guest::mapping::Mapping;
use saker_vm_guest::module;
use saker_vm_guest::session::Session;

use crate::{module_file, refused, roles};

const PAGE: usize = 4096;

/// Sessions killed one after the other.
const KILLS: usize = 20;

pub(crate) fn killed() -> Result<()> {
    for _ in 0..KILLS {
        let owner = roles::Player::start("own")?;
        let device = Device::open()?;
        ensure!(
            device.info()?.owner_tgid == owner.id(),
            "the child is the owner"
        );
        refused("unloading", module::unload(), Errno::AGAIN)?;
        drop(owner);
        ensure!(device.info()?.owner_tgid == 0, "an owner that is dead");
        module::check_idle()?;
        // At once there can be another session.
        Session::new(1 << 16)?;
    }
    Ok(())
}

pub(crate) fn killed_while_mapped() -> Result<()> {
    let owner = roles::Player::start("own")?;
    // The owner's first ring, through its descriptor table.
    let number = owner
        .said()
        .trim()
        .parse::<u32>()
        .context("number of a descriptor")?;
    let reopened = File::open(format!("/proc/{}/fd/{number}", owner.id()));
    refused("a ring cannot be opened again", reopened, Errno::NXIO)?;
    drop(owner);

    let session = Session::new(1 << 16)?;
    let rest = Mapping::read_only(&session.rings[0], PAGE as u64, PAGE + 2 * (1 << 16))?;
    session.device.start()?;
    drop(session);
    let left = module::memory()?;
    ensure!(!left.is_empty(), "freed, though it is mapped");
    refused("unloading", module::unload(), Errno::AGAIN)?;
    // All of it is there.
    let sum = (0..rest.words()).fold(0_u64, |sum, word| sum.wrapping_add(rest.load(word)));
    std::hint::black_box(sum);
    drop(rest);
    module::check_idle()
}

pub(crate) fn in_use() -> Result<()> {
    let session = Session::new(1 << 16)?;
    let Session {
        device,
        rings,
        counters,
        ..
    } = session;
    let iterator = device.iterate(SAKER_ITERATE_TASKS, 0)?;
    let more = device.counters()?;
    device.start()?;
    refused("with everything open", module::unload(), Errno::AGAIN)?;
    drop(device);
    refused("with rings", module::unload(), Errno::AGAIN)?;
    drop(rings);
    refused("with counters mapped", module::unload(), Errno::AGAIN)?;
    drop(counters);
    refused("with counters open", module::unload(), Errno::AGAIN)?;
    drop(more);
    refused("with an iterator", module::unload(), Errno::AGAIN)?;
    drop(iterator);
    module::unload().context("with nothing")?;
    ensure!(!module::loaded(), "unloaded and still there");
    module::load(module_file())
}
