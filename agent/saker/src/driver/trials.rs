//! The trials on this host.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crossbeam_channel::Receiver;
use saker_abi::driver::LoadOptions;
use saker_capture::driver::Proven;
use saker_capture::{DriverKind, attach};
use saker_driver_kmod::build::{Request, build};
use saker_driver_kmod::device::DEVICE;
use saker_driver_kmod::module::{self, LoadError};
use saker_driver_kmod::{Host, MODULE_NAME};

use super::{NotLoaded, Trials};
use crate::control::{Stop, until_stopped};

/// Tries on this host what the agent would use.
#[derive(Debug)]
pub(crate) struct HostTrials<'a> {
    options: &'a LoadOptions,
    /// How long the module may be built; `None` when it may not.
    build_timeout: Option<Duration>,
    /// Where a wish to stop would be waiting.
    stop: Option<&'a Receiver<Stop>>,
    /// Where a module is built that nobody keeps.
    scratch: Option<tempfile::TempDir>,
    host: Host,
    /// The module built by these trials.
    built: Option<PathBuf>,
    /// The module was loaded by these trials.
    loaded: bool,
}

impl<'a> HostTrials<'a> {
    /// Trials whose driver an agent keeps. A stop that waits in `stop` ends them.
    pub(crate) fn new(
        options: &'a LoadOptions,
        build_timeout: Option<Duration>,
        stop: &'a Receiver<Stop>,
    ) -> Self {
        Self {
            options,
            build_timeout,
            stop: Some(stop),
            scratch: None,
            host: Host::running(),
            built: None,
            loaded: false,
        }
    }

    /// Trials of which nothing stays behind after [`take_back`](Self::take_back).
    ///
    /// # Errors
    /// When there is no directory for temporary files.
    pub(crate) fn for_show(
        options: &'a LoadOptions,
        build_timeout: Option<Duration>,
    ) -> std::io::Result<Self> {
        Ok(Self {
            options,
            build_timeout,
            stop: None,
            scratch: Some(tempfile::Builder::new().prefix("saker-doctor-").tempdir()?),
            host: Host::running(),
            built: None,
            loaded: false,
        })
    }

    /// Unloads the module if these trials have loaded it; nobody may use it any more.
    ///
    /// # Errors
    /// What keeps it loaded and what to do.
    pub(crate) fn take_back(&mut self) -> Result<(), String> {
        if !std::mem::take(&mut self.loaded) {
            return Ok(());
        }
        module::unload(&self.host)
            .map_err(|error| format!("the module that was loaded for the trial stays: {error}"))
    }
}

impl Trials for HostTrials<'_> {
    type Driver = Proven;

    fn attach(&mut self, kind: DriverKind) -> Result<(Proven, String), String> {
        let proven = attach(kind, self.options).map_err(|error| error.to_string())?;
        let found = format!("{}, {}", proven.driver.description(), proven.proof);
        Ok((proven, found))
    }

    fn module_is_loaded(&mut self) -> bool {
        Path::new(DEVICE).exists()
    }

    fn load_module(&mut self) -> Result<String, NotLoaded> {
        match module::load(&self.host, self.built.as_deref()) {
            Ok(found) => {
                self.loaded = true;
                let mut told = found.path.display().to_string();
                for passed_over in &found.passed_over {
                    told.push_str(&format!("; {passed_over}"));
                }
                Ok(told)
            }
            Err(error) => Err(NotLoaded {
                another_may_do: matches!(
                    error,
                    LoadError::NotFound { .. }
                        | LoadError::File { .. }
                        | LoadError::OtherKernel { .. }
                        | LoadError::OtherContract { .. }
                ),
                reason: error.to_string(),
            }),
        }
    }

    fn build_module(&mut self) -> Result<String, String> {
        let Some(timeout) = self.build_timeout else {
            return Err("kmod.build_at_start is false".to_owned());
        };
        let request = Request {
            output: self
                .scratch
                .as_ref()
                .map(|dir| dir.path().join(format!("{MODULE_NAME}.ko"))),
            timeout,
            ..Request::default()
        };
        tracing::info!(
            "building the kernel module for {}, for {timeout:?} at most (kmod.build_timeout_s)",
            self.host.release()
        );
        let build_it = |until| {
            build(
                &self.host,
                &Request {
                    stop: until,
                    ..request
                },
            )
        };
        let built = match self.stop {
            None => build_it(None),
            Some(stop) => until_stopped(stop, |until| build_it(Some(until)))?,
        };
        let built = built.map_err(|error| error.to_string())?;
        let mut found = format!(
            "{} with {} in {:.1} s",
            built.path.display(),
            built.compiler,
            built.took.as_secs_f64()
        );
        for note in &built.notes {
            found.push_str("; ");
            found.push_str(note);
        }
        self.built = Some(built.path);
        Ok(found)
    }

    fn unload_module(&mut self) -> Result<(), String> {
        self.take_back()
    }

    fn given_up(&mut self) -> bool {
        // It stays in the channel for whoever waits there.
        self.stop.is_some_and(|stop| !stop.is_empty())
    }
}
