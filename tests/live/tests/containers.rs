//! What the agent knows of containers without asking any engine: a cgroup of Docker's form, mounts of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use saker_tests_live::agent::{Agent, Options};
use saker_tests_live::case::stop_cleanly;
use saker_tests_live::lab::Lab;

/// Longest time until the users of a container are known.
const LIMIT: Duration = Duration::from_secs(30);

const ID: &str = "5ad7b26ded6d8e7b23da7d48fe889434573036c27ae5a74837233de441c3601e";

const RULES: &str = r#"
- rule: inside
  desc: A program started in a container.
  condition: evt.type=execve and proc.name=true and container.id!=host
  output: >
    %container.id %container.full_id %container.type %container.name %user.name %user.homedir %group.name
    %thread.cgroups
  priority: INFO
- rule: outside
  desc: A program started on the host, in a cgroup named by 32 digits.
  condition: evt.type=execve and proc.name=true and container.id=host
  output: "%container.id %user.name %thread.cgroups"
  priority: INFO
"#;

/// Enters the cgroup $2 with users of its own, takes user 4242 and starts programs until $1/stop is there.
const CONTAINER: &str = r#"
mount --make-rprivate /
mount --bind "$1/passwd" /etc/passwd
mount --bind "$1/group" /etc/group
echo $$ > "$2/cgroup.procs"
exec setpriv --reuid=4242 --regid=4343 --clear-groups sh -c '
while [ ! -e "$1/stop" ]; do /bin/true; sleep 0.05; done' sh "$1"
"#;

/// A cgroup that goes with the test.
struct Cgroup(PathBuf);

impl Cgroup {
    /// `name` in the hierarchy of the first controller: the drivers tell the first in which a process is not
    /// at the root.
    fn new(name: &str) -> Self {
        let first = Path::new("/sys/fs/cgroup/cpu");
        let root = if first.is_dir() {
            first
        } else {
            Path::new("/sys/fs/cgroup")
        };
        let path = root.join(name);
        fs::create_dir_all(&path).expect("this test needs root and cgroups");
        Self(path)
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // A level stays if somebody else has put something there.
        // The root of the hierarchy is never empty.
        let mut levels = self.0.ancestors();
        while levels.next().is_some_and(|dir| fs::remove_dir(dir).is_ok()) {}
    }
}

#[test]
fn identity_and_users() {
    let lab = Lab::new().expect("a laboratory");
    let rules = lab.write("rules.yaml", RULES).expect("written");
    let passwd = "root:x:0:0::/:/bin/sh\ninside:x:4242:4343::/home/inside:/bin/sh\n";
    lab.write("passwd", passwd).expect("written");
    lab.write("group", "insiders:x:4343:\n").expect("written");
    fs::set_permissions(
        lab.path(),
        std::os::unix::fs::PermissionsExt::from_mode(0o755),
    )
    .expect("readable for all");
    let agent = Agent::start(&Options::rules([rules]).set("absent_reasons", true.into()))
        .expect("an agent");
    let forms = [
        (format!("docker/{ID}"), "inside"),
        (format!("docker/{ID}{}", "/n".repeat(60)), "inside"),
        (format!("saker-live/{}", &ID[32..]), "outside"),
    ];
    for (form, rule) in forms {
        let cgroup = Cgroup::new(&form);
        let stop = lab.path().join("stop");
        let _ = fs::remove_file(&stop);
        let mut container = Command::new("unshare")
            .args(["--mount", "sh", "-eu", "-c", CONTAINER, "sh"])
            .args([lab.path(), &cgroup.0])
            .spawn()
            .expect("unshare");
        let named = agent.wait_alert(LIMIT, |alert| {
            let user = alert.field("user.name");
            let group = alert.field("thread.cgroups").unwrap_or_default();
            // Others start such a program, too: outside they are everywhere on the host.
            let inside = user.as_deref() == Some("inside");
            alert.rule() == rule && group.ends_with(&form) && (rule == "outside" || inside)
        });
        fs::write(&stop, "").expect("written");
        assert!(container.wait().expect("an end").success());
        let named = named.unwrap_or_else(|| {
            panic!(
                "{rule}: no such alert\n{:?}\n{}",
                agent.alerts().last(),
                agent.trouble()
            )
        });
        if rule == "outside" {
            continue;
        }
        let field = |name: &str| named.field(name).unwrap_or_else(|| "null".to_owned());
        assert_eq!(field("container.id"), ID[..12]);
        assert_eq!(field("container.full_id"), ID);
        assert_eq!(field("container.type"), "docker");
        assert_eq!(field("container.name"), "null");
        let reasons = &named.json["output_fields"]["absent_fields"];
        assert_eq!(*reasons, serde_json::json!({"container.name": "denied"}));
        assert_eq!(field("user.homedir"), "/home/inside");
        assert_eq!(field("group.name"), "insiders");
        assert!(field("thread.cgroups").contains(&form), "{:?}", named.json);
    }
    stop_cleanly(agent).expect("a clean end");
}
