//! Live tests: an agent on this host's kernel detects real actions.
