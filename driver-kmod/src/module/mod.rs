//! Loads and unloads the module and tells what is loaded.
