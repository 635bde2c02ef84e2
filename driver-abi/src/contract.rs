/// Headers below `include/` that both sides must agree on, in the order in which `SCHEMA_HASH` takes them up;
/// `driver-kmod/kmod/Kbuild` computes the same. Used by the build script, too.
pub const CONTRACT: [&str; 9] = [
    "saker_abi.h",
    "saker_events.h",
    "saker_requests.h",
    "saker_params_file.h",
    "saker_params_io.h",
    "saker_params_process.h",
    "saker_params_socket.h",
    "saker_params_system.h",
    "saker_ioctl.h",
];
