//! Programs that are started for what they are known for.

use crate::attack::{Attack, Place};

/// The attacks.
pub const ATTACKS: &[Attack] = &[
    Attack::host(
        "Search Private Keys or Passwords",
        "grep -r 'BEGIN RSA PRIVATE' $LAB || :",
        "grep -r 'BEGIN RSA PUBLIC' $LAB || :",
    )
    .fields(&[("proc.cmdline", "grep -r BEGIN RSA PRIVATE $LAB")])
    .reference("grep_private_key"),
    Attack::host(
        "Find AWS Credentials",
        "find $LAB -path '*/.aws/credentials'",
        "find $LAB -path '*/.aws/config'",
    )
    .fields(&[
        ("proc.cwd", "/"),
        ("proc.cmdline", "find $LAB -path */.aws/credentials"),
    ]),
    Attack::container(
        "Netcat Remote Code Execution in Container",
        "$LAB/lab_untrusted spawn $LAB/nc spawn /bin/true -e",
        "$LAB/lab_untrusted spawn /bin/true -e",
    )
    .fields(&[
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "nc spawn /bin/true -e"),
    ])
    .also(&["Launch Suspicious Network Tool in Container"])
    .reference("ctr_netcat_e"),
    Attack::container(
        "Launch Suspicious Network Tool in Container",
        "$LAB/nmap noop",
        "$LAB/lab_untrusted noop nmap",
    )
    .fields(&[("proc.cmdline", "nmap noop")]),
    Attack::container(
        "Launch Package Management Process in Container",
        "$LAB/apk noop",
        "$LAB/lab_untrusted noop apk",
    )
    .fields(&[("proc.cmdline", "apk noop")]),
    Attack::container(
        "Launch Remote File Copy Tools in Container",
        "$LAB/rsync noop",
        "/bin/cp /srv/data /srv/copy",
    )
    .fields(&[("proc.cmdline", "rsync noop")]),
    Attack::container(
        "Launch Ingress Remote File Copy Tools in Container",
        "$LAB/wget noop",
        "$LAB/curl noop",
    )
    .fields(&[("proc.cmdline", "wget noop")]),
    Attack::container(
        "Kubernetes Client Tool Launched in Container",
        "$LAB/kubectl noop",
        "$LAB/kubectl noop",
    )
    .twin_in(Place::Host)
    .fields(&[("proc.cmdline", "kubectl noop")]),
    Attack::container(
        "Decoding Payload in Container",
        "/bin/base64 -d /srv/encoded",
        "/bin/base64 /srv/encoded",
    )
    .fields(&[("proc.cmdline", "base64 -d /srv/encoded")]),
    Attack::container(
        "Network Tool Executed During NPM Package Install",
        "$LAB/yarn spawn $LAB/nmap noop",
        "$LAB/yarn spawn /bin/true",
    )
    .fields(&[("proc.pname", "yarn"), ("proc.cmdline", "nmap noop")])
    .also(&["Launch Suspicious Network Tool in Container"]),
    Attack::host(
        "Detect crypto miners using the Stratum protocol",
        "$LAB/lab_untrusted noop stratum+tcp://pool",
        "$LAB/lab_untrusted noop stratum://pool",
    )
    .fields(&[("proc.cmdline", "lab_untrusted noop stratum+tcp://pool")]),
    Attack::host(
        "Known Cryptominer Process Executed",
        "$LAB/xmrig noop",
        "$LAB/xmrigger noop",
    )
    .fields(&[("proc.cmdline", "xmrig noop")]),
];
