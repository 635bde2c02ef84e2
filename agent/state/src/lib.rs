//! Process, file descriptor and user state, owned per partition.
