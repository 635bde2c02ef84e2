//! Who is whose parent, as the kernel has it.

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::{Case, check_all, stop_cleanly};
use saker_tests_live::lab::Lab;

const RULES: &str = "
- rule: orphan
  desc: A file that one process opens
  condition: evt.type in (open, openat) and fd.name endswith /the-orphans-own and evt.is_open_read=true
  output: by %proc.name of %proc.pname of %proc.aname[2]
  priority: INFO
";

/// Asks for orphans (PR_SET_CHILD_SUBREAPER) and waits for all it gets.
const REAPER: &str = r#"
use strict;
use warnings;

syscall(157, 36, 1, 0, 0, 0) == 0 or die "prctl: $!";
system('sh', '-eu', $ARGV[0]) == 0 or die "the line failed: $?";
1 while wait() != -1;
"#;

/// The shell below the reaper lives on while its grandchild, whose parent has ended, opens the file.
const LINE: &str = "
sh -c '(read -r go <$LAB/go; exec cat $LAB/the-orphans-own >$LAB/done) & exit 0'
echo go >$LAB/go
cat <$LAB/done
";

/// Forty generations below a process that asked for orphans; the last one's child becomes its child and then opens the
/// file. With `dead` all of them ask for orphans, too, and end from the last one on; else they live, and ask for none.
const NEST: &str = r#"
use strict;
use warnings;

my ($dead, $file) = ($ARGV[0] eq "dead", $ARGV[1]);
my $top = $$;
pipe(my $ended, my $living) or die "pipe: $!";
syscall(157, 36, 1, 0, 0, 0) == 0 or die "prctl: $!";

sub nest {
	my $left = shift;
	my $child = fork() // die "fork: $!";

	return $child if $child;
	close $living;
	if ($left) {
		syscall(157, 36, 1, 0, 0, 0) == 0 or die "prctl: $!" if $dead;
		my $next = nest($left - 1);
		$dead ? waitpid($next, 0) : sysread($ended, my $end, 1) if $left > 1;
		exit 0;
	}
	select(undef, undef, undef, 0.001) while getppid() != $top;
	exec "cat", $file or die "exec: $!";
}

my $first = nest(40);
my $leaf;
do { $leaf = wait() } while $leaf == $first;
close $living;
1 while wait() != -1;
"#;

const CASES: &[Case] = &[
    Case {
        rule: "orphan",
        script: "mkfifo $LAB/go $LAB/done\n: >$LAB/the-orphans-own\nperl $LAB/reaper.pl $LAB/line.sh",
        fields: &[
            ("proc.name", "cat"),
            ("proc.pname", "perl"),
            ("proc.aname[2]", "sh"),
        ],
    },
    Case {
        rule: "orphan",
        script: "perl $LAB/nest.pl dead $LAB/the-orphans-own",
        fields: &[("proc.pname", "perl"), ("proc.aname[2]", "sh")],
    },
    Case {
        rule: "orphan",
        script: "perl $LAB/nest.pl living $LAB/the-orphans-own",
        fields: &[("proc.pname", "perl"), ("proc.aname[2]", "sh")],
    },
];

#[test]
fn orphans_go_to_who_asked_for_them() {
    let lab = Lab::new().expect("a laboratory");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    lab.write("reaper.pl", REAPER).expect("written");
    lab.write("line.sh", LINE).expect("written");
    lab.write("nest.pl", NEST).expect("written");
    let agent = Agent::start(&Options::rules([rules])).expect("an agent");
    check_all(&agent, &lab, CASES).expect("every alert");
    stop_cleanly(agent).expect("a clean end");
}
