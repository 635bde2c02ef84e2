//! Complaints of a kernel in its log.

/// What a complaint begins with or has in it. Plain words such as "error" are in the log of every
/// healthy kernel.
const SIGNS: [&str; 30] = [
    "WARNING: ",
    "BUG: ",
    // SLUB: "BUG kmalloc-64 (Not tainted): Poison overwritten".
    "] BUG ",
    "BUG at ",
    "kernel BUG",
    "Oops",
    "general protection fault",
    "invalid opcode",
    "divide error",
    "stack segment",
    "Kernel panic",
    "Unable to handle kernel",
    "possible recursive locking",
    "possible circular locking",
    "possible irq lock inversion",
    "inconsistent lock state",
    "suspicious RCU usage",
    "DEBUG_LOCKS_WARN_ON",
    "non-static key",
    "exited with preempt_count",
    "exited with irqs disabled",
    "detected stall",
    "blocked for more than",
    "soft lockup",
    "refcount_t: ",
    "list_add corruption",
    "list_del corruption",
    "usercopy: ",
    "UBSAN: ",
    "unreferenced object",
];
/// What has a sign in it and is none.
const HARMLESS: [&str; 2] = [
    // States of mitigations.
    "Spectre V",
    "MDS CPU bug present",
];
/// Lines after a complaint that belong to its report.
const CONTEXT: usize = 60;
/// Most complaints reported; the rest follow from the first.
const MAX_REPORTS: usize = 4;

/// Complaints in a kernel's log after the line that holds `from` (all of it without such a line),
/// each with the lines after it.
pub fn complaints(log: &str, from: &str) -> Vec<String> {
    let lines: Vec<_> = log.lines().collect();
    let mut at = lines
        .iter()
        .position(|line| line.contains(from))
        .unwrap_or(0);
    let mut found = Vec::new();
    while at < lines.len() && found.len() < MAX_REPORTS {
        if is_complaint(lines[at]) {
            let end = lines.len().min(at + CONTEXT);
            found.push(lines[at..end].join("\n"));
            at = end;
        } else {
            at += 1;
        }
    }
    found
}

fn is_complaint(line: &str) -> bool {
    SIGNS.iter().any(|sign| line.contains(sign)) && !HARMLESS.iter().any(|text| line.contains(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_found() {
        for line in [
            "[    3.1] WARNING: CPU: 0 PID: 77 at kernel/x.c:1 f+0x1/0x2 [saker]",
            "[    3.1] BUG: KASAN: use-after-free in f+0x1/0x2",
            "[    3.1] BUG: sleeping function called from invalid context at mm/slab.h:1",
            "[    3.1] INFO: trying to register non-static key.",
            "[    3.1] note: x[7] exited with preempt_count 1",
            "[    3.1] BUG: unable to handle page fault for address: 0",
            "[    3.1] kernel BUG at mm/slub.c:1!",
            "[    3.1] BUG kmalloc-64 (Not tainted): Poison overwritten",
            "[    3.1] WARNING: possible circular locking dependency detected",
            "[    3.1] INFO: task sh:1 blocked for more than 120 seconds.",
            "[    3.1] rcu: INFO: rcu_preempt self-detected stall on CPU",
        ] {
            let log = format!("x\n{line}\nafter\n");
            let found = complaints(&log, "no such line");
            assert_eq!(found, [format!("{line}\nafter")]);
        }
    }

    #[test]
    fn healthy_logs_are_quiet() {
        for line in [
            "[    0.1] Spectre V2 : WARNING: Unprivileged eBPF is enabled",
            "[    0.1] DMAR: error handling on",
            "[    2.0] saker: loading out-of-tree module taints kernel.",
            "[    0.5] ACPI: Debug: enabled",
        ] {
            assert!(complaints(line, "").is_empty(), "{line}");
        }
    }

    #[test]
    fn only_what_follows_the_start() {
        let log = "WARNING: at boot\njob begins\nfine\nWARNING: in the job\n";
        assert_eq!(complaints(log, "job begins"), ["WARNING: in the job"]);
        assert_eq!(complaints(log, "no such line").len(), 1);
        let many = "WARNING: again\n".repeat(1000);
        assert_eq!(complaints(&many, "x").len(), MAX_REPORTS);
    }
}
