//! The contract between Saker's drivers and the agent: event table, record and ring layout.
