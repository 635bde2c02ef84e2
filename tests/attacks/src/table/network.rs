//! Sockets and connections, each in a network namespace of its own: no packet leaves it.

use crate::attack::{Attack, Place};
use crate::compare::ANY;

/// A connection from the host's point of view.
const fn outside(rule: &'static str, script: &'static str, twin: &'static str) -> Attack {
    Attack::new(rule, Place::HostNetwork, script, twin)
}

/// The attacks.
pub const ATTACKS: &[Attack] = &[
    Attack::container(
        "Packet socket created in container",
        "$LAB/lab_untrusted packet",
        "$LAB/lab_untrusted connect udp 10.1.2.3 53",
    )
    .fields(&[
        (
            "evt.args",
            "fd=3(<o>) domain=17(AF_PACKET) type=3 proto=768 flags=0(O_NONE)",
        ),
        ("fd.name", ""),
        ("fd.lport", "<NA>"),
        ("fd.rport", "<NA>"),
        ("fd.type", "<NA>"),
        ("fd.l4proto", "<NA>"),
        ("evt.type", "socket"),
        ("proc.cmdline", "lab_untrusted packet"),
    ])
    .reference("ctr_packet_socket"),
    Attack::container(
        "Redirect STDOUT/STDIN to Network Connection in Container",
        "$LAB/lab_untrusted serve 45999 $LAB/lab_untrusted dupsock 127.0.0.1 45999",
        "$LAB/lab_untrusted serve 45999 $LAB/lab_untrusted dupsock 127.0.0.1 45999 above",
    )
    .fields(&[
        ("fd.sip", "127.0.0.1"),
        ("fd.name", "*->127.0.0.1:45999"),
        ("fd.rport", "45999"),
        ("evt.type", "dup2"),
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "lab_untrusted dupsock 127.0.0.1 45999"),
    ])
    .times(2)
    // Falco takes the far end for the near one when both are local.
    .reference_but("ctr_dup_socket", &["fd.name", "fd.lport", "fd.rport"]),
    outside(
        "Disallowed SSH Connection Non Standard Port",
        "$LAB/lab_untrusted serve 443 $LAB/ssh connect tcp 192.0.2.1 443",
        "$LAB/lab_untrusted serve 22 $LAB/ssh connect tcp 192.0.2.1 22",
    )
    .fields(&[
        ("fd.name", "*->192.0.2.1:443"),
        ("fd.rport", "443"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "ssh connect tcp 192.0.2.1 443"),
    ]),
    outside(
        "System procs network activity",
        "$LAB/lab_untrusted serve 80 $LAB/stat connect tcp 192.0.2.1 80",
        "$LAB/lab_untrusted serve 80 $LAB/hostid connect tcp 192.0.2.1 80",
    )
    .fields(&[
        ("fd.name", "*->192.0.2.1:80"),
        ("fd.rport", "80"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "stat connect tcp 192.0.2.1 80"),
    ]),
    outside(
        "Unexpected UDP Traffic",
        "$LAB/lab_untrusted connect udp 192.0.2.1 7000",
        "$LAB/lab_untrusted connect udp 192.0.2.1 53",
    )
    .fields(&[
        ("fd.name", "*->192.0.2.1:7000"),
        ("fd.rport", "7000"),
        ("fd.l4proto", "udp"),
        ("evt.type", "connect"),
        ("proc.cmdline", "lab_untrusted connect udp 192.0.2.1 7000"),
    ]),
    Attack::container(
        "Contact EC2 Instance Metadata Service From Container",
        "$LAB/lab_untrusted serve 80 $LAB/lab_untrusted connect tcp 169.254.169.254 80",
        "$LAB/lab_untrusted serve 80 $LAB/lab_untrusted connect tcp 192.0.2.1 80",
    )
    .fields(&[
        ("fd.name", "*->169.254.169.254:80"),
        ("fd.rport", "80"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        (
            "proc.cmdline",
            "lab_untrusted connect tcp 169.254.169.254 80",
        ),
    ])
    .also(&["Contact cloud metadata service from container"]),
    Attack::container(
        "Contact cloud metadata service from container",
        "$LAB/lab_untrusted serve 8111 $LAB/lab_untrusted connect tcp 169.254.169.254 8111",
        "$LAB/lab_untrusted serve 8111 $LAB/lab_untrusted connect tcp 10.1.2.3 8111",
    )
    .fields(&[
        ("fd.name", "*->169.254.169.254:8111"),
        ("fd.rport", "8111"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        (
            "proc.cmdline",
            "lab_untrusted connect tcp 169.254.169.254 8111",
        ),
    ])
    .also(&["Contact EC2 Instance Metadata Service From Container"]),
    outside(
        "Unexpected inbound connection source",
        "$LAB/lab_untrusted listen 192.0.2.1 7001",
        "$LAB/lab_untrusted listen 127.0.0.1 7001",
    )
    .fields(&[
        ("fd.name", "192.0.2.1:7001"),
        ("fd.lport", "<NA>"),
        ("fd.rport", "<NA>"),
        ("evt.type", "listen"),
        ("proc.cmdline", "lab_untrusted listen 192.0.2.1 7001"),
    ]),
    outside(
        "Interpreted procs inbound network activity",
        "$LAB/python3 listen 192.0.2.1 7001",
        "$LAB/python3 listen 127.0.0.1 7001",
    )
    .fields(&[
        ("fd.name", "192.0.2.1:7001"),
        ("fd.lport", "<NA>"),
        ("fd.rport", "<NA>"),
        ("evt.type", "listen"),
        ("proc.cmdline", "python3 listen 192.0.2.1 7001"),
    ])
    .also(&["Unexpected inbound connection source"]),
    outside(
        "Interpreted procs outbound network activity",
        "$LAB/lab_untrusted serve 7002 $LAB/python3 connect tcp 192.0.2.1 7002",
        "$LAB/lab_untrusted serve 7002 $LAB/python3 connect tcp 10.1.2.3 7002",
    )
    .fields(&[
        ("fd.name", "*->192.0.2.1:7002"),
        ("fd.rport", "7002"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "python3 connect tcp 192.0.2.1 7002"),
    ]),
    Attack::container(
        "Unexpected K8s NodePort Connection",
        "$LAB/lab_untrusted serve 30001 $LAB/lab_untrusted connect tcp 192.0.2.1 30001",
        "$LAB/lab_untrusted serve 29999 $LAB/lab_untrusted connect tcp 192.0.2.1 29999",
    )
    .fields(&[
        ("fd.name", "*->192.0.2.1:30001"),
        ("fd.rport", "30001"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "lab_untrusted connect tcp 192.0.2.1 30001"),
    ]),
    // The name is one of the agent's hosts file (stage::HOSTS).
    Attack::container(
        "Contact K8S API Server From Container",
        "$LAB/lab_untrusted serve 443 $LAB/lab_untrusted connect tcp 198.51.100.1 443",
        "$LAB/lab_untrusted serve 443 $LAB/lab_untrusted connect tcp 192.0.2.1 443",
    )
    .fields(&[
        ("fd.name", "*->198.51.100.1:443"),
        ("fd.rport", "443"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "lab_untrusted connect tcp 198.51.100.1 443"),
    ]),
    outside(
        "Detect outbound connections to common miner pool ports",
        "$LAB/lab_untrusted serve 3333 $LAB/lab_untrusted connect tcp 203.0.113.1 3333",
        "$LAB/lab_untrusted serve 3337 $LAB/lab_untrusted connect tcp 203.0.113.1 3337\n\
         $LAB/lab_untrusted serve 3333 $LAB/lab_untrusted connect tcp 192.0.2.1 3333",
    )
    .fields(&[
        ("fd.name", "*->203.0.113.1:3333"),
        ("fd.rip", "203.0.113.1"),
        ("fd.rport", "3333"),
        ("evt.type", "connect"),
        ("proc.pname", "lab_untrusted"),
        ("proc.cmdline", "lab_untrusted connect tcp 203.0.113.1 3333"),
    ]),
    // Without a connection: the datagram itself.
    outside(
        "Detect outbound connections to common miner pool ports",
        "$LAB/lab_untrusted datagram 203.0.113.1 3333",
        "$LAB/lab_untrusted datagram 192.0.2.1 3333",
    )
    .fields(&[
        ("fd.name", "*->203.0.113.1:3333"),
        ("fd.rip", "203.0.113.1"),
        ("fd.rport", "3333"),
        ("fd.l4proto", "udp"),
        ("evt.type", "sendto"),
        ("proc.cmdline", "lab_untrusted datagram 203.0.113.1 3333"),
    ]),
    outside(
        "Interpreted procs outbound network activity",
        // Sockets that are bound to nothing count as connected, which the rules leave out.
        "$LAB/python3 datagram 192.0.2.1 7002 192.0.2.1",
        "$LAB/python3 datagram 10.1.2.3 7002 10.1.2.3; $LAB/python3 datagram 192.0.2.1 7002",
    )
    .fields(&[
        // Bound sockets count as servers.
        ("fd.name", ANY),
        ("fd.rport", "7002"),
        ("fd.l4proto", "udp"),
        ("evt.type", "sendto"),
        ("proc.cmdline", "python3 datagram 192.0.2.1 7002 192.0.2.1"),
    ]),
    // Bound to a port alone: its address is one of the agent's host, whichever. (Whether `outbound` holds for such a
    // socket depends on that address, so this one receives.) The sender, bound to nothing, stays silent.
    outside(
        "Interpreted procs inbound network activity",
        "$LAB/python3 receive 0.0.0.0 192.0.2.1 7003",
        "$LAB/python3 receive 0.0.0.0 127.0.0.1 7003; $LAB/lab_untrusted receive 0.0.0.0 10.1.2.3 7003",
    )
    .fields(&[
        ("fd.name", "*:7003"),
        ("fd.lport", "7003"),
        ("fd.rport", ANY),
        ("fd.l4proto", "udp"),
        ("evt.type", "recvfrom"),
        ("proc.cmdline", "python3 receive 0.0.0.0 192.0.2.1 7003"),
    ])
    .also(&["Unexpected inbound connection source"]),
    Attack::host(
        "Java Process Class File Download",
        "$LAB/java class",
        // The same bytes the other way round; the same ones by another program.
        "$LAB/java class reversed; $LAB/lab_untrusted class",
    )
    .fields(&[
        ("fd.sip", "127.0.0.1"),
        ("fd.sport", ANY),
        ("fd.name", ANY),
        ("fd.rport", ANY),
        ("evt.type", "recvfrom"),
        ("proc.cmdline", "java class"),
    ]),
];
