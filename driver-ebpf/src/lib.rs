//! Saker's eBPF driver: CO-RE programs in C and the code that loads them.
