//! The configuration: one YAML file, then `-o`, then the environment (docs/configuration.md).

mod capture;
mod load;
mod model;
mod overrides;
mod problem;
mod section;
#[cfg(test)]
mod tests;
mod tree;

pub(crate) use capture::{CaptureConfig, CaptureMode};
pub(crate) use load::{Request, load};
pub(crate) use model::{Config, DriverChoice, LogLevel, PathIdentity};
use problem::Place;
