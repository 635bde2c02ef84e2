//! Reader of one ring.
