//! How much of Falco's list of fields there is (rules-spec D1 to D6).

use saker_engine::schema::Schema;
use saker_fields::{FieldSchema, is_missing_field};

/// Falco's fields for kernel events, families with a common prefix shortened; hidden ones
/// (util.cnt) left out.
const FALCO: &[(&str, &str)] = &[
    (
        "evt.",
        "type num res rawres is_open_read is_open_write is_open_exec is_open_create buffer args arg rawarg \
         time time.s time.iso8601 datetime datetime.s rawtime rawtime.s rawtime.ns reltime reltime.s \
         reltime.ns pluginname plugininfo source hostname is_async asynctype latency latency.s latency.ns \
         latency.human wait_latency deltatime deltatime.s deltatime.ns outputtime dir type.is category cpu \
         info buflen failed is_io is_io_read is_io_write io_dir is_wait is_syslog count count.error \
         count.error.file count.error.net count.error.memory count.error.other count.exit abspath \
         abspath.src abspath.dst around",
    ),
    ("syscall.", "type"),
    (
        "proc.",
        "name exe exepath cmdline args env cwd tty pname pexe pexepath pcmdline aname aexe aexepath duration \
         vpid is_vpgid_leader is_exe_upper_layer is_exe_lower_layer is_exe_from_memfd is_exe_writable exe_ino \
         exe_ino.ctime exe_ino.mtime exe_ino.ctime_duration_proc_start exe_ino.ctime_duration_pidns_start \
         sname pid ppid pvpid apid aargs acmdline aenv cmdnargs cmdlenargs exeline loginshellid sid sid.exe \
         sid.exepath vpgid vpgid.name vpgid.exe vpgid.exepath pgid pgid.name pgid.exe pgid.exepath \
         ppid.duration pid.ts ppid.ts is_sid_leader is_pgid_leader pidns_init_start_ts fdopencount fdlimit \
         fdusage vmsize vmrss vmswap nthreads nchilds stdin.type stdout.type stderr.type stdin.name \
         stdout.name stderr.name",
    ),
    (
        "thread.",
        "cap_effective cap_permitted cap_inheritable pfmajor pfminor vmsize vmrss tid vtid ismain exectime \
         totexectime cpu cpu.user cpu.system nametid cgroups cgroup",
    ),
    ("user.", "name uid loginuid loginname homedir shell"),
    ("group.", "gid name"),
    (
        "fd.",
        "num name nameraw directory filename typechar type l4proto sockfamily sip cip sport cport lport rport \
         lip rip ip port net cnet snet rnet lnet sip.name cip.name lip.name rip.name connected name_changed \
         proto cproto sproto lproto rproto is_server uid containername containerdirectory dev dev.major \
         dev.minor ino types is_upper_layer is_lower_layer",
    ),
    ("fs.path.", "name nameraw source sourceraw target targetraw"),
    ("fdlist.", "nums names cips sips cports sports"),
    (
        "container.",
        "id full_id name image image.id image.repository image.tag image.digest type privileged mounts mount \
         mount.source mount.dest mount.mode mount.rdwr mount.propagation start_ts duration ip cni.json \
         host_pid host_network host_ipc label labels healthcheck liveness_probe readiness_probe",
    ),
    (
        "k8s.",
        "ns.name pod.name pod.id pod.uid pod.sandbox_id pod.full_sandbox_id pod.label pod.labels pod.ip \
         pod.cni.json rc.name rc.id rc.label rc.labels svc.name svc.id svc.label svc.labels rs.name rs.id \
         rs.label rs.labels deployment.name deployment.id deployment.label deployment.labels ns.id ns.label \
         ns.labels",
    ),
];

/// What may be missing at most is what is promised to be there.
const AT_LEAST_PERCENT: usize = 95;

fn all() -> impl Iterator<Item = String> {
    FALCO.iter().flat_map(|(family, names)| {
        let names = names.split_whitespace();
        names.map(move |name| format!("{family}{name}"))
    })
}

#[test]
fn nearly_all_of_falcos_fields_are_there_and_the_rest_is_listed() {
    let schema = FieldSchema::new();
    let known: Vec<&str> = schema.fields().iter().map(|field| field.name).collect();
    let (there, missing): (Vec<String>, Vec<String>) =
        all().partition(|name| known.contains(&name.as_str()));
    for name in &missing {
        assert!(is_missing_field(name), "{name} is neither there nor listed");
    }
    let all = there.len() + missing.len();
    println!("{} of {all} fields; without {missing:?}", there.len());
    assert!(there.len() * 100 >= all * AT_LEAST_PERCENT, "{missing:?}");
    // More than that is lost only knowingly.
    assert_eq!(missing, ["evt.around"]);
}

#[test]
fn no_name_stands_in_falcos_list_twice() {
    let mut names: Vec<String> = all().collect();
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), count);
}
