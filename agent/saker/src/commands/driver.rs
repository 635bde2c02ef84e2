//! `saker driver`: builds, loads, unloads and shows the kernel module.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use saker_driver_kmod::build::{Request, SignKey, build};
use saker_driver_kmod::device::{Info, KmodError};
use saker_driver_kmod::module::{self, DeviceState, Fit, Loaded, Status};
use saker_driver_kmod::{Host, ModInfo};
use serde_json::{Value as Json, json};

use crate::cli::{DriverBuildArgs, DriverCommand, DriverLoadArgs, DriverStatusArgs, Format};
use crate::control::{Control, until_stopped};
use crate::http::Pages;

/// Runs one of the commands.
///
/// # Errors
/// What stopped it, with what to do.
pub(super) fn driver(command: DriverCommand) -> anyhow::Result<ExitCode> {
    let host = Host::running();
    match command {
        DriverCommand::Build(args) => build_module(&host, args),
        DriverCommand::Load(args) => load(&host, &args),
        DriverCommand::Unload => {
            module::unload(&host)?;
            writeln!(std::io::stdout(), "unloaded")?;
            Ok(ExitCode::SUCCESS)
        }
        DriverCommand::Status(args) => status(&host, &args),
    }
}

fn build_module(host: &Host, args: DriverBuildArgs) -> anyhow::Result<ExitCode> {
    let sign = args.sign_key.zip(args.sign_cert);
    let request = Request {
        kernel: args.kernel,
        headers: args.headers,
        source: args.source,
        output: args.output,
        timeout: Duration::from_secs(args.timeout_s),
        sign: sign.map(|(key, certificate)| SignKey { key, certificate }),
        ..Request::default()
    };
    let (stop_sender, stop) = crossbeam_channel::bounded(1);
    let _control = Control::start(None, Arc::new(Pages::default()), stop_sender)?;
    // What the build has started must not outlive it.
    let built = until_stopped(&stop, |until| {
        let stop = Some(until);
        build(host, &Request { stop, ..request })
    });
    let built = built.map_err(anyhow::Error::msg)??;
    for note in &built.notes {
        eprintln!("saker: note: {note}");
    }
    writeln!(
        std::io::stdout(),
        "built {} for kernel {} with {} in {:.1} s{}",
        built.path.display(),
        built.release,
        built.compiler,
        built.took.as_secs_f64(),
        if built.signed { ", signed" } else { "" }
    )?;
    Ok(ExitCode::SUCCESS)
}

fn load(host: &Host, args: &DriverLoadArgs) -> anyhow::Result<ExitCode> {
    let found = module::load(host, args.file.as_deref())?;
    for passed_over in &found.passed_over {
        eprintln!("saker: note: {passed_over}");
    }
    let version = ModInfo::read(&found.path).ok();
    let version = version.as_ref().and_then(|info| info.get("version"));
    let version = version.map_or_else(String::new, |version| format!(" (version {version})"));
    writeln!(
        std::io::stdout(),
        "loaded {}{version}",
        found.path.display()
    )?;
    let status = module::status(host);
    if let Some(action) = status.action() {
        eprintln!("saker: note: {action}");
    }
    Ok(ExitCode::SUCCESS)
}

/// Succeeds when an agent could use the module as it is now.
fn status(host: &Host, args: &DriverStatusArgs) -> anyhow::Result<ExitCode> {
    let status = module::status(host);
    let page = match args.format {
        Format::Text => text(&status),
        Format::Json => format!("{}\n", json_page(&status)),
    };
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(if status.usable() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn text(status: &Status) -> String {
    let mut page = String::new();
    let mut line = |name: &str, value: String| page.push_str(&format!("{name:9}{value}\n"));
    let possible = if status.possible {
        ""
    } else {
        ", built without modules"
    };
    line("kernel", format!("{}{possible}", status.release));
    let file = status.file.as_ref();
    line(
        "file",
        file.map_or("none for this kernel".to_owned(), |file| match &file.fit {
            Fit::Yes => file.path.display().to_string(),
            Fit::Perhaps(reason) => format!("{} (may fit: {reason})", file.path.display()),
            Fit::No(reason) => format!("{} (does not fit: {reason})", file.path.display()),
        }),
    );
    for passed_over in file.iter().flat_map(|file| &file.passed_over) {
        line("", passed_over.to_string());
    }
    line(
        "module",
        status
            .loaded
            .as_ref()
            .map_or("not loaded".to_owned(), loaded_text),
    );
    line("device", device_text(&status.device));
    if let Some((tgid, name)) = &status.owner {
        line("owner", format!("process {tgid} ({name})"));
    }
    if let Some(action) = status.action() {
        line("", format!("-> {action}"));
    }
    page
}

fn loaded_text(loaded: &Loaded) -> String {
    let version = loaded.version.as_deref().unwrap_or("?");
    let state = loaded.state.as_deref().unwrap_or("in an unknown state");
    let number = |number: Option<u64>| number.map_or("?".to_owned(), |number| number.to_string());
    format!(
        "version {version}, {state}, used by {}, {} bytes",
        number(loaded.references.map(u64::from)),
        number(loaded.bytes)
    )
}

fn device_text(device: &DeviceState) -> String {
    match device {
        DeviceState::Absent => "absent".to_owned(),
        DeviceState::Fits(info) => format!(
            "answers and fits: version {}, interface {}, contract {:016x}, {} CPUs",
            info.version, info.abi_version, info.schema_hash, info.possible_cpus
        ),
        DeviceState::Refused(KmodError::Permission(_)) => "may not be opened".to_owned(),
        DeviceState::Refused(_) => "does not fit this agent".to_owned(),
    }
}

fn json_page(status: &Status) -> Json {
    let info = match &status.device {
        DeviceState::Fits(info) => Some(info_json(info)),
        DeviceState::Absent | DeviceState::Refused(_) => None,
    };
    json!({
        "kernel": status.release,
        "modules_possible": status.possible,
        "file": status.file.as_ref().map(|file| file.path.display().to_string()),
        "module": status.loaded.as_ref().map(|loaded| json!({
            "version": loaded.version,
            "srcversion": loaded.source_version,
            "state": loaded.state,
            "references": loaded.references,
            "bytes": loaded.bytes,
        })),
        "device": match &status.device {
            DeviceState::Absent => "absent",
            DeviceState::Fits(_) => "fits",
            DeviceState::Refused(_) => "refused",
        },
        "info": info,
        "owner": status.owner.as_ref().map(|(tgid, name)| json!({"pid": tgid, "name": name})),
        "usable": status.usable(),
        "action": status.action(),
    })
}

fn info_json(info: &Info) -> Json {
    json!({
        "version": info.version,
        "abi_version": info.abi_version,
        "schema_hash": format!("{:016x}", info.schema_hash),
        "possible_cpus": info.possible_cpus,
        "crosses_mounts": info.crosses_mounts,
        "names_missed": info.names_missed,
        "requests_missed": info.requests_missed,
    })
}
