//! The state as workers drive it, from records.

mod bounds;
mod common;
mod credentials;
mod files;
mod io;
mod partitions;
mod process;
mod programs;
mod rollcall;
mod scan;
mod sharing;
mod sockets;
mod threads;
