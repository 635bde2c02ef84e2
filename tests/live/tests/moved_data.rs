//! Data and descriptors that travel: datagrams, their bytes, descriptors passed to others.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check_all, stop_cleanly};
use saker_tests_live::lab::Lab;

const RULES: &str = r#"
- rule: datagram sent
  desc: A program sends a datagram, neither bound nor connected; it counts as connected from the first one on.
  condition: >
    evt.type in (sendto, sendmsg) and fd.l4proto=udp and fd.connected=true and fd.name_changed=true
    and fd.sport=6300
  output: "%evt.type %fd.name %fd.cip %fd.sip %fd.cport %fd.sport %fd.rport %evt.rawres"
  priority: INFO
- rule: datagram received
  desc: A program receives a datagram on a port of its own.
  condition: >
    evt.type in (recvfrom, recvmsg) and fd.l4proto=udp and fd.connected=false and fd.name_changed=true
    and fd.sport=6300
  output: "%evt.type %fd.name %fd.cip %fd.sip %fd.lport %fd.rport %fd.is_server %evt.rawres"
  priority: INFO
- rule: class received
  desc: The bytes of a Java class arrive.
  condition: evt.type in (recvfrom, recvmsg) and evt.buffer bcontains CAFEBABE
  output: "%evt.type %evt.buffer %fd.sport %fd.l4proto"
  priority: INFO
- rule: standard stream redirected
  desc: As in the stock rules, but for the container.
  condition: evt.type in (dup, dup2, dup3) and evt.rawres in (0, 1, 2) and fd.type in (ipv4, ipv6)
  output: "%evt.type %evt.rawres %fd.name %fd.lport %fd.rport %fd.type"
  priority: INFO
- rule: passed file written
  desc: A file that came from another process is written to.
  condition: evt.type=write and fd.name endswith /passed-on and evt.rawres>0
  output: "%evt.type %fd.name %fd.num %fd.type %evt.buffer"
  priority: INFO
- rule: taken file written
  desc: A file that was taken from another process is written to.
  condition: evt.type=write and fd.name endswith /taken and evt.rawres>0
  output: "%evt.type %fd.name %fd.type"
  priority: INFO
- rule: more asked for than fits
  desc: A read whose size has more than 32 bits.
  condition: evt.type=read and evt.buffer contains "as much as there is"
  output: "%evt.type %evt.buffer %evt.rawres"
  priority: INFO
"#;

/// Whoever is passed what another process has, or takes it, and uses it.
const PASSING: &str = r#"
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void check(int ok)
{
	if (!ok)
		_exit(1);
}

static union {
	char bytes[CMSG_SPACE(2 * sizeof(int))];
	struct cmsghdr head;
} control;

static char large[64];

static struct msghdr message(struct iovec *part)
{
	struct msghdr msg = { .msg_iov = part, .msg_iovlen = 1 };

	msg.msg_control = control.bytes;
	msg.msg_controllen = sizeof(control.bytes);
	return msg;
}

/* A connection to this very process. */
static int connection(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t length = sizeof(in);
	int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons(6301);
	check(!bind(server, (void *)&in, length) && !listen(server, 1));
	check(!connect(client, (void *)&in, length));
	return client;
}

int main(int count, char **arguments)
{
	int pair[2], fds[2], status, own;
	char byte = '!';
	struct iovec part = { &byte, 1 };
	struct msghdr msg = message(&part);
	pid_t child;

	check(count == 2 && chdir(arguments[1]) == 0);
	check(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	child = fork();
	if (child == 0) {
		msg = message(&part);
		check(recvmsg(pair[1], &msg, 0) == 1);
		memcpy(fds, CMSG_DATA(&control.head), sizeof(fds));
		check(dup2(fds[0], 0) == 0);
		check(write(fds[1], "through a descriptor", 20) == 20);
		own = syscall(434, getppid(), 0); /* pidfd_open */
		check(own >= 0 && read(pair[1], &status, sizeof(status)) == sizeof(status));
		status = syscall(438, own, status, 0); /* pidfd_getfd */
		check(status >= 0 && write(status, "x", 1) == 1);
		_exit(0);
	}
	own = open("much", O_RDWR | O_CREAT, 0600);
	check(write(own, "as much as there is", 19) == 19 && lseek(own, 0, SEEK_SET) == 0);
	check(read(own, large, 1UL << 32) == 19);
	fds[0] = connection();
	fds[1] = open("passed-on", O_RDWR | O_CREAT, 0600);
	own = open("taken", O_RDWR | O_CREAT, 0600);
	check(fds[1] >= 0 && own >= 0);
	msg.msg_controllen = CMSG_LEN(sizeof(fds));
	control.head = (struct cmsghdr){ CMSG_LEN(sizeof(fds)), SOL_SOCKET, SCM_RIGHTS };
	memcpy(CMSG_DATA(&control.head), fds, sizeof(fds));
	check(sendmsg(pair[0], &msg, 0) == 1);
	check(write(pair[0], &own, sizeof(own)) == sizeof(own));
	check(waitpid(child, &status, 0) == child && status == 0);
	return 0;
}
"#;

const DATAGRAMS: &str = r#"
use strict;
use warnings;
use Socket;

my $there = sockaddr_in(6300, inet_aton('127.0.0.1'));
socket(my $server, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
bind($server, $there) or die "bind: $!";
socket(my $client, PF_INET, SOCK_DGRAM, 0) or die "socket: $!";
send($client, "\xca\xfe\xba\xbe class", 0, $there) or die "send: $!";
recv($server, my $data, 100, 0) // die "recv: $!";
"#;

/// In a network of its own: the ports are free there.
const SEND: &str = "unshare -n sh -eu <<'END'\nip link set lo up\nperl $LAB/datagrams.pl\nEND";
const PASS: &str = "unshare -n sh -eu <<'END'\nip link set lo up\n$LAB/passing $LAB\nEND";

const CASES: &[Case] = &[
    Case {
        rule: "datagram sent",
        script: SEND,
        fields: &[
            ("evt.type", "sendto"),
            ("fd.sip", "127.0.0.1"),
            ("fd.sport", "6300"),
            ("fd.rport", "6300"),
            ("evt.rawres", "10"),
        ],
    },
    Case {
        rule: "datagram received",
        script: SEND,
        fields: &[
            ("evt.type", "recvfrom"),
            ("fd.cip", "127.0.0.1"),
            ("fd.sip", "127.0.0.1"),
            ("fd.lport", "6300"),
            ("fd.is_server", "true"),
        ],
    },
    Case {
        rule: "class received",
        script: SEND,
        fields: &[("evt.type", "recvfrom"), ("evt.buffer", ".... class")],
    },
    Case {
        rule: "standard stream redirected",
        script: PASS,
        fields: &[
            ("evt.type", "dup2"),
            ("evt.rawres", "0"),
            ("fd.type", "ipv4"),
            ("fd.rport", "6301"),
        ],
    },
    Case {
        rule: "passed file written",
        script: PASS,
        fields: &[
            ("fd.name", "$LAB/passed-on"),
            ("fd.type", "file"),
            ("evt.buffer", "through a descriptor"),
        ],
    },
    Case {
        rule: "more asked for than fits",
        script: PASS,
        fields: &[("evt.rawres", "19")],
    },
    Case {
        rule: "taken file written",
        script: PASS,
        fields: &[("fd.name", "$LAB/taken")],
    },
];

#[test]
fn what_travels_is_seen() {
    let lab = Lab::new().expect("a laboratory");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    lab.write("datagrams.pl", DATAGRAMS).expect("written");
    lab.compile("passing", PASSING, &[]).expect("compiled");
    let options = Options::rules([rules]).set("rule_matching", serde_json::json!("all"));
    let agent = Agent::start(&options).expect("an agent");
    check_all(&agent, &lab, CASES).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}
