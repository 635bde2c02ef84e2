//! Golden tests: records go through the state, fields come out as rules and outputs see them.

mod absent;
mod allocations;
mod args;
mod calls;
mod compat;
mod container;
mod coverage;
mod every;
mod evt;
mod fd;
mod presence;
mod proc;
mod schema;
mod stock;
mod user;
mod world;
