//! rules/40-network.yaml. Addresses other than 127.0.0.1 exist in network namespaces of the
//! scripts' own only.

use saker_tests_live::case::Case;

use crate::run;

const CASES: &[Case] = &[
    Case {
        rule: "Standard stream of a shell attached to a network socket",
        script: "perl $LAB/connect.pl 127.0.0.1 0 dup2",
        fields: &[
            ("evt.type", "dup2"),
            ("evt.rawres", "0"),
            ("proc.name", "perl"),
        ],
    },
    Case {
        rule: "Network connection by a shell or file tool",
        script: "unshare -n sh -eu <<'END'\n\
            ip address add 10.99.0.1/24 dev lo; ip link set lo up\n\
            perl $LAB/connect.pl 10.99.0.1 8080 bash\nEND",
        fields: &[("proc.exepath", "/usr/bin/bash"), ("proc.pname", "perl")],
    },
    Case {
        rule: "Network connection by a program in a world-writable directory",
        script: "trap 'rm -f /tmp/$TOKEN' EXIT; cp /usr/bin/perl /tmp/$TOKEN\n\
            unshare -n sh -eu <<'END'\n\
            ip address add 10.99.0.1/24 dev lo; ip link set lo up\n\
            /tmp/$TOKEN $LAB/connect.pl 10.99.0.1 8080 exit\nEND",
        fields: &[("proc.exepath", "/tmp/$TOKEN"), ("user.name", "root")],
    },
    Case {
        rule: "Connection to a port of mining pools",
        script: "unshare -n sh -eu <<'END'\n\
            ip address add 192.0.2.1/24 dev lo; ip link set lo up\n\
            perl $LAB/connect.pl 192.0.2.1 3333 exit\nEND",
        fields: &[("proc.name", "perl")],
    },
    Case {
        rule: "Crypto miner started",
        script: "cp /bin/true $LAB/worker; $LAB/worker -o stratum+tcp://pool.invalid:1",
        fields: &[
            ("proc.name", "worker"),
            ("proc.cmdline", "worker -o stratum+tcp://pool.invalid:1"),
        ],
    },
    Case {
        rule: "Packet or raw socket opened",
        script: "perl -e 'socket(my $s, 17, 3, 0) or die'",
        fields: &[("evt.arg.domain", "AF_PACKET"), ("proc.name", "perl")],
    },
    Case {
        rule: "Network reconnaissance tool started",
        script: "cp /bin/true $LAB/nmap; $LAB/nmap -sS 127.0.0.1",
        fields: &[("proc.cmdline", "nmap -sS 127.0.0.1")],
    },
    Case {
        rule: "Netcat gives a program to the network",
        script: "cp /bin/true $LAB/nc; $LAB/nc -e /bin/sh 127.0.0.1 1",
        fields: &[("proc.cmdline", "nc -e /bin/sh 127.0.0.1 1")],
    },
    Case {
        rule: "Program in a world-writable directory waits for connections",
        script: "trap 'rm -f /tmp/$TOKEN' EXIT; cp /usr/bin/perl /tmp/$TOKEN\n\
            /tmp/$TOKEN $LAB/connect.pl 127.0.0.1 0 exit",
        fields: &[("proc.exepath", "/tmp/$TOKEN"), ("proc.pname", "sh")],
    },
];

/// Listens on an address and port (0: any), connects to itself and then does as told.
const CONNECT: &str = r#"
use strict;
use warnings;
use POSIX ();
use Socket;

my ($host, $port, $then) = @ARGV;
my $address = inet_aton($host);
socket(my $listener, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
bind($listener, sockaddr_in($port, $address)) or die "bind: $!";
listen($listener, 1) or die "listen: $!";
($port) = sockaddr_in(getsockname $listener);
if ($then eq 'bash') {
    exit(system('bash', '-c', "exec 3<>/dev/tcp/$host/$port") >> 8);
}
socket(my $client, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
connect($client, sockaddr_in($port, $address)) or die "connect: $!";
if ($then eq 'dup2') {
    POSIX::dup2(fileno $client, 0) // die "dup2: $!";
}
"#;

#[test]
fn network() {
    run(CASES, |lab| {
        lab.write("connect.pl", CONNECT).expect("written");
    });
}
