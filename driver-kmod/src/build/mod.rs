//! Finds headers and compiler of a kernel and builds the module for it.
