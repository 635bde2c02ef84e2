//! The configuration: one YAML file, then `-o`, then the environment (docs/configuration.md).

mod load;
mod model;
mod overrides;
mod problem;
mod section;
#[cfg(test)]
mod tests;
mod tree;

pub use load::{DEFAULT_FILE, Request, load};
pub use model::{
    AppendOutput, Config, DriverChoice, ExtraField, LogLevel, RuleMatching, Toggle, ToggleBy,
};
pub use problem::Place;
