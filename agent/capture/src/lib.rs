//! From rings to ordered records: partitions, merge, pinned workers, loss counters.
