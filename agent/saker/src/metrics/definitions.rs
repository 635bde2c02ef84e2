//! All metrics: names, kinds and help. docs/metrics.md is compared with this by a test.

/// Kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Definition {
    pub(super) name: &'static str,
    pub(super) kind: Type,
    /// Label names, for the list of descriptors.
    pub(super) labels: &'static [&'static str],
    pub(super) help: &'static str,
}

macro_rules! definitions {
    ($($constant:ident = $kind:ident $name:literal [$($label:literal),*] $help:literal;)+) => {
        $(pub(super) const $constant: Definition = Definition {
            name: $name,
            kind: Type::$kind,
            labels: &[$($label),*],
            help: $help,
        };)+
        /// All of them, in order of declaration.
        pub(super) const ALL: &[&Definition] = &[$(&$constant),+];
    };
}

definitions! {
    BUILD_INFO = Gauge "saker_build_info" ["version"] "Version of the agent; always 1.";
    DRIVER_INFO = Gauge "saker_driver_info" ["driver", "reason", "version"]
        "Driver that was taken and why: configured, first_choice, ebpf_failed or no_driver; always 1.";
    DRIVER_LACKS = Gauge "saker_driver_lacks" ["feature"]
        "1 for what rules would use and this host does not let the driver see, else 0: io_uring (requests that open, name or connect something), io_uring_data (those that send, receive, read or write), acted_paths (the real names of what unlink, rename, chmod and the like act on), given_arguments (names of failed opens and execs, addresses of connects, as the kernel took them), or whole_paths (paths through what is mounted, and with them all real ones).";
    RULES = Gauge "saker_rules" ["state"]
        "Rules by state: active, disabled, or skipped because a field is missing.";
    START_TIME = Gauge "saker_start_time_seconds" [] "Start of the agent since the epoch.";
    RESIDENT = Gauge "saker_resident_memory_bytes" []
        "Resident memory of the agent; the kernel counts ring data twice, as it is mapped twice.";
    CPU = Counter "saker_cpu_seconds_total" [] "Processor time of the agent.";

    EVENTS = Counter "saker_events_total" ["type"] "Events that workers took from the rings.";
    PRODUCED = Counter "saker_produced_total" ["cpu", "partition"]
        "Records the driver committed to each ring.";
    DROPPED = Counter "saker_dropped_total" ["cpu", "partition", "class", "cause"]
        "Records the driver could not put into a ring; only series that are not zero.";
    DROPPED_ALL = Counter "saker_dropped_records_total" []
        "Sum of saker_dropped_total.";
    MISSED = Counter "saker_ebpf_missed_total" ["program"]
        "Calls the kernel did not run an eBPF program for, as it was running on that CPU.";
    KMOD_MISSED = Counter "saker_kmod_missed_total" ["probe"]
        "Functions of the kernel that were entered while too many were under way for the module: opens whose names are the program's (names), calls and requests of io_uring of which the requests are lost (requests).";
    FORGOTTEN = Counter "saker_uring_forgotten_total" []
        "Requests of io_uring recorded without their names, size and descriptor, as too many were on their way.";
    LOST = Counter "saker_lost_total" ["cpu", "partition"]
        "Records missing by their sequence numbers; the same loss, seen by the reader.";
    RING_HIGH_WATER = Gauge "saker_ring_high_water_bytes" ["cpu", "partition"]
        "Most bytes that ever waited in the ring.";
    RING_SIZE = Gauge "saker_ring_size_bytes" [] "Size of one ring.";
    RING_WAKEUPS = Counter "saker_ring_wakeups_total" ["cpu", "partition"]
        "Wake-ups the driver sent because a ring filled up.";
    RING_CORRUPT = Counter "saker_ring_resyncs_total" ["cpu", "partition"]
        "Times a damaged ring had to be read anew from its end.";

    KERNEL_TO_WORKER = Histogram "saker_kernel_to_worker_seconds" []
        "From an event's time stamp to the worker round that handled it.";
    EVALUATION = Histogram "saker_evaluation_seconds" []
        "Time to evaluate all rules on one event; every 64th event is measured.";
    EVALUATED = Counter "saker_evaluated_total" ["worker"] "Events the rules were evaluated on.";
    LATE = Counter "saker_late_total" ["worker"] "Events handled out of order.";
    UNDECODABLE = Counter "saker_undecodable_total" ["worker"] "Records that could not be decoded.";
    BUSY_STALLS = Counter "saker_busy_stalls_total" ["worker"]
        "Reserved records that had to be waited for.";
    LEFT_BEHIND = Counter "saker_left_behind_total" ["worker"]
        "Times a ring was left behind because its producer did not go on.";
    PANICS = Counter "saker_contained_panics_total" ["worker"]
        "Records whose handling failed by a bug that was contained.";
    BATCHES = Counter "saker_worker_batches_total" ["worker"] "Rounds that found events.";
    SLEEPS = Counter "saker_worker_sleeps_total" ["worker"] "Times a worker slept.";
    WAKEUPS = Counter "saker_worker_wakeups_total" ["worker"]
        "Sleeps that ended early because a ring filled up.";
    LAG = Gauge "saker_worker_lag_seconds" ["worker"]
        "Age of the time up to which a worker has handled everything.";

    ALERTS = Counter "saker_alerts_total" ["rule", "priority"]
        "Alerts raised, by rule: one for each match.";
    BY_REAL_NAME = Counter "saker_alerts_by_real_name_total" []
        "Alerts raised by the real name of a file, not by the name it was opened, removed, renamed or changed by.";
    FIELDS_BOUNDED = Counter "saker_fields_bounded_total" ["bound"]
        "Fields that met a bound: without a value because an event had too many texts (texts), or without the ancestors above the last one looked at (ancestors).";
    QUEUE_DROPPED = Counter "saker_alert_queue_dropped_total" ["priority"]
        "Alerts dropped because the queue to the output was full.";
    QUEUE_LENGTH = Gauge "saker_alert_queue_length" [] "Alerts waiting for the output.";
    QUEUE_CAPACITY = Gauge "saker_alert_queue_capacity" [] "Most alerts the queue holds.";

    RULE_EVALUATIONS = Counter "saker_rule_evaluations_total" ["rule"]
        "With rules_profile: how often the rule was evaluated, and not ruled out before.";
    RULE_HITS = Counter "saker_rule_hits_total" ["rule"]
        "With rules_profile: how often its condition held.";
    RULE_TIMED = Counter "saker_rule_timed_evaluations_total" ["rule"]
        "With rules_profile: evaluations that were timed, those of one event in 64.";
    RULE_TIME = Counter "saker_rule_timed_seconds_total" ["rule"]
        "With rules_profile: time of the evaluations that were timed.";

    CAPTURES = Counter "saker_captures_total" ["result"]
        "Captures that rules asked for: written, failed, joined (the alert came during another's) or skipped (none was ready).";
    CAPTURE_BYTES = Counter "saker_capture_bytes_total" [] "Bytes of finished capture files.";
    CAPTURE_RECORDS = Counter "saker_capture_records_total" ["result"]
        "Records for capture files: copied, or lost because their writer was slow.";

    STATE_ENTRIES = Gauge "saker_state_entries" ["kind"]
        "What the state holds now: processes, threads, fds, cgroups, containers, processes that ended a moment ago (ended), all of these and the living (directory), parked_groups, addresses of interfaces, those beyond the bound (addresses_left_out), and users and groups of the host beyond theirs (users_left_out).";
    FIRST_LOOK = Gauge "saker_first_look_seconds" ["source"]
        "Time of the first look at running processes by its source: iterators (of the driver), proc or none.";
    STATE_EVENTS = Counter "saker_state_events_total" ["kind"]
        "What happened to the state: overflows, placeholders, recoveries and the like.";
    ANCESTOR_WAITS = Counter "saker_ancestor_waits_total" ["result"]
        "Reads of another worker's processes that had to wait: done or timeout.";
}
