//! Client of `/dev/saker`.
