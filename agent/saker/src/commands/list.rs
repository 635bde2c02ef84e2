//! `saker list`.

use std::io::Write;
use std::process::ExitCode;

use saker_abi::event::{EVENTS, EventInfo};
use saker_abi::raw::SAKER_EV_GENERIC;
use saker_abi::syscalls::GENERIC;
use saker_engine::schema::{ArgKind, Arity, FieldInfo, Schema};
use saker_fields::{FieldSchema, reference_page};
use serde_json::{Value as Json, json};

use crate::cli::{ListArgs, ListFormat, Listing};

/// Width of the names' column.
const NAME_COLUMNS: usize = 34;
/// Width of the types' column.
const TYPE_COLUMNS: usize = 10;

/// Prints fields or events.
///
/// # Errors
/// When standard output is closed, or there is no such page.
pub(super) fn list(args: &ListArgs) -> anyhow::Result<ExitCode> {
    let schema = FieldSchema::new();
    let page = match (args.what, args.format) {
        (Listing::Fields, ListFormat::Text) => fields_text(schema.fields()),
        (Listing::Fields, ListFormat::Json) => lines(
            schema
                .fields()
                .iter()
                .map(|field| field_json(field, &schema)),
        ),
        (Listing::Fields, ListFormat::Markdown) => reference_page(),
        (Listing::Events, ListFormat::Text) => events().map(event_text).collect(),
        (Listing::Events, ListFormat::Json) => lines(events().map(event_json)),
        (Listing::Events, ListFormat::Markdown) => {
            anyhow::bail!("events have no page in Markdown; use --format text or json")
        }
    };
    std::io::stdout().write_all(page.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}

/// A JSON array with an element on each line.
fn lines(elements: impl Iterator<Item = Json>) -> String {
    let elements: Vec<String> = elements.map(|element| element.to_string()).collect();
    format!("[\n{}\n]\n", elements.join(",\n"))
}

fn fields_text(fields: &[FieldInfo]) -> String {
    let mut sorted: Vec<&FieldInfo> = fields.iter().collect();
    sorted.sort_by_key(|field| field.name);
    let line = |field: &FieldInfo| {
        let name = format!("{}{}", field.name, argument(field));
        let ty = format!("{:?}", field.ty).to_lowercase();
        let list = if field.arity == Arity::List {
            "list of "
        } else {
            ""
        };
        let ty = format!("{list}{ty}");
        format!(
            "{name:NAME_COLUMNS$} {ty:TYPE_COLUMNS$} {}\n",
            field.description
        )
    };
    sorted.into_iter().map(line).collect()
}

fn argument(field: &FieldInfo) -> &'static str {
    match field.arg {
        ArgKind::None => "",
        ArgKind::Index => "[N]",
        ArgKind::OptionalIndex => "[N]?",
        ArgKind::Key => "[KEY]",
        ArgKind::OptionalKey => "[KEY]?",
    }
}

fn field_json(field: &FieldInfo, schema: &FieldSchema) -> Json {
    json!({
        "name": field.name,
        "type": format!("{:?}", field.ty).to_lowercase(),
        "arity": format!("{:?}", field.arity).to_lowercase(),
        "argument": argument(field),
        "place": format!("{:?}", field.place).to_lowercase(),
        "description": field.description,
        "present_on": schema.present_on(field.name),
    })
}

/// Events rules can name; calls without an event of their own have the parameters of the generic one.
fn events() -> impl Iterator<Item = (&'static str, &'static EventInfo)> {
    let own = EVENTS
        .iter()
        .filter(|event| !event.is_internal() && !event.is_generic())
        .map(|event| (event.name, event));
    let generic = &EVENTS[SAKER_EV_GENERIC as usize];
    own.chain(GENERIC.iter().map(move |call| (call.name, generic)))
}

/// Parameters rules can name; the driver's own facts are left out.
fn parameters(event: &EventInfo) -> impl Iterator<Item = &'static str> {
    event
        .params
        .iter()
        .filter(|param| !param.internal)
        .map(|param| param.name)
}

fn event_text((name, event): (&str, &EventInfo)) -> String {
    let parameters: Vec<&str> = parameters(event).collect();
    let class = event.class.name();
    format!(
        "{name:NAME_COLUMNS$} {class:TYPE_COLUMNS$} {}\n",
        parameters.join(" ")
    )
}

fn event_json((name, event): (&str, &EventInfo)) -> Json {
    json!({
        "name": name,
        "class": event.class.name(),
        "state": event.is_state(),
        "generic": event.is_generic(),
        "on_demand": event.is_on_demand() || event.is_generic(),
        "parameters": parameters(event).collect::<Vec<_>>(),
    })
}
