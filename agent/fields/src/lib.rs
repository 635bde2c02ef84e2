//! The fields rules can name, over an event and the state.
