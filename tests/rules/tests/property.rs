//! Random rules over every field of the kernel source, on random events aimed at them: the compiled
//! rules find what the oracle finds.

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::sample::{Index, select};
use saker_engine::schema::{ArgKind, Arity, FieldInfo, Place, Schema};
use saker_engine::value::ValueType;
use saker_fields::FieldSchema;
use saker_tests_rules::agreement::Agreement;
use saker_tests_rules::corpus;
use saker_tests_rules::made::Maker;

const TEXTS: [&str; 14] = [
    "a",
    "ab",
    "b",
    "cat",
    "sshd",
    "/etc",
    "/etc/passwd",
    "/etc/p",
    "passwd",
    "/",
    "",
    "O_CREAT",
    "/usr/bin/cat",
    "Cat /ETC/x",
];
const PATTERNS: [&str; 7] = [
    "/etc/*",
    "*passwd",
    "*c/p*",
    "?",
    "[ab]*",
    "/usr/*/cat",
    "a\\\\*",
];
const REGEXES: [&str; 4] = ["/etc/.*", "[ab]+", "cat|sshd", ".*pass.*"];
const TYPES: [&str; 6] = ["open", "openat", "execve", "connect", "read", "unlink"];
const NUMBERS: [&str; 7] = ["0", "1", "3", "22", "443", "16", "1000"];
const ADDRESSES: [&str; 4] = ["10.0.0.1", "127.0.0.1", "192.168.1.7", "::1"];
const NETS: [&str; 5] = [
    "10.0.0.0/8",
    "127.0.0.0/8",
    "192.168.0.0/16",
    "192.168.1.0/24",
    "::/64",
];

static SCHEMA: LazyLock<FieldSchema> = LazyLock::new(FieldSchema::new);

/// Every field that conditions may name, written in the ways it may be written.
static FIELDS: LazyLock<Vec<(String, ValueType, Arity)>> = LazyLock::new(|| {
    let spellings = |info: &FieldInfo| -> Vec<String> {
        let name = info.name;
        let plain = matches!(
            info.arg,
            ArgKind::None | ArgKind::OptionalIndex | ArgKind::OptionalKey
        );
        let keys: &[&str] = match (info.arg, name) {
            (ArgKind::None, _) => &[],
            (ArgKind::Index | ArgKind::OptionalIndex, _) => &["1", "2"],
            // Made by the configuration.
            (_, "static") => &[],
            (_, "evt.type.is") => &["openat"],
            (_, "evt.arg") => &["flags", "name", "0"],
            (_, "evt.rawarg") => &["flags", "name", "res"],
            _ => &["HOME", "/etc"],
        };
        let keyed = keys.iter().map(|key| format!("{name}[{key}]"));
        plain
            .then(|| name.to_owned())
            .into_iter()
            .chain(keyed)
            .collect()
    };
    let fields = SCHEMA
        .fields()
        .iter()
        .filter(|info| info.place != Place::OutputOnly);
    fields
        .flat_map(spellings)
        .map(|written| {
            let (name, arg) = match written.strip_suffix(']').and_then(|w| w.split_once('[')) {
                Some((name, arg)) => (name, Some(arg)),
                None => (&written[..], None),
            };
            let resolved = SCHEMA.resolve(name, arg).expect("a field");
            (written.clone(), resolved.ty, resolved.arity)
        })
        .collect()
});

/// Texts that may be wrapped in a transformer or stand on the right.
static OPERANDS: LazyLock<Vec<String>> = LazyLock::new(|| {
    let text = |(_, ty, arity): &&(String, ValueType, Arity)| {
        *ty == ValueType::Str && *arity == Arity::One
    };
    let may = |(written, ..): &&(String, ValueType, Arity)| {
        let name = written.split('[').next().unwrap_or_default();
        let info = SCHEMA.fields().iter().find(|info| info.name == name);
        info.is_some_and(|info| info.on_right && info.in_transformer && !is_type(name))
    };
    FIELDS
        .iter()
        .filter(text)
        .filter(may)
        .map(|(written, ..)| written.clone())
        .collect()
});

fn is_type(name: &str) -> bool {
    matches!(name, "evt.type" | "syscall.type")
}

fn one_of(words: &'static [&'static str]) -> BoxedStrategy<String> {
    select(words).prop_map(|word| format!("\"{word}\"")).boxed()
}

fn list(words: &'static [&'static str], least: usize) -> BoxedStrategy<String> {
    prop::collection::vec(one_of(words), least..5)
        .prop_map(|items| format!("({})", items.join(", ")))
        .boxed()
}

fn with_modifier(
    operators: &'static [&'static str],
    words: &'static [&'static str],
) -> BoxedStrategy<String> {
    let several = (select(&["oneof", "anyof", "allof"][..]), list(words, 0))
        .prop_map(|(modifier, list)| format!("{modifier} {list}"));
    let value = prop_oneof![3 => one_of(words), 1 => several];
    (select(operators), value)
        .prop_map(|(operator, value)| format!("{operator} {value}"))
        .boxed()
}

fn in_list(words: &'static [&'static str]) -> BoxedStrategy<String> {
    (select(&["in", "intersects"][..]), list(words, 0))
        .prop_map(|(o, l)| format!("{o} {l}"))
        .boxed()
}

/// Operator and right-hand side for a field of this type.
fn comparison(
    ty: ValueType,
    arity: Arity,
    words: &'static [&'static str],
) -> BoxedStrategy<String> {
    const EQUAL: &[&str] = &["=", "!="];
    const ORDER: &[&str] = &["<", "<=", ">", ">="];
    if arity == Arity::List {
        return prop_oneof![3 => in_list(words), 1 => Just("exists".to_owned())].boxed();
    }
    let rest = match ty {
        ValueType::Str => prop_oneof![
            4 => with_modifier(&["contains", "icontains", "startswith", "endswith"], words),
            1 => with_modifier(&["glob", "iglob"], &PATTERNS),
            1 => with_modifier(&["regex"], &REGEXES),
            1 => list(words, 1).prop_map(|list| format!("pmatch {list}")),
        ]
        .boxed(),
        ValueType::Bytes => with_modifier(&["contains", "startswith", "endswith"], words),
        ValueType::Bool | ValueType::Ip | ValueType::Net => Just("exists".to_owned()).boxed(),
        _ => (select(ORDER), select(words))
            .prop_map(|(o, v)| format!("{o} {v}"))
            .boxed(),
    };
    prop_oneof![
        2 => with_modifier(EQUAL, words),
        2 => in_list(words),
        3 => rest,
        1 => Just("exists".to_owned()),
    ]
    .boxed()
}

fn words_for(name: &str, ty: ValueType) -> &'static [&'static str] {
    match ty {
        _ if is_type(name) => &TYPES,
        ValueType::Str | ValueType::Bytes => &TEXTS,
        ValueType::Bool => &["true", "false"],
        ValueType::Ip => &ADDRESSES,
        ValueType::Net => &NETS,
        ValueType::Int | ValueType::Uint | ValueType::Port => &NUMBERS,
        ValueType::RelTime | ValueType::AbsTime | ValueType::Double => &NUMBERS,
    }
}

fn field_check() -> impl Strategy<Value = String> {
    (0..FIELDS.len()).prop_flat_map(|at| {
        let (written, ty, arity) = &FIELDS[at];
        comparison(*ty, *arity, words_for(written, *ty))
            .prop_map(move |rest| format!("{} {rest}", FIELDS[at].0))
    })
}

/// The same few fields in many rules, as real rules do, so that they share look-ups.
fn common_check() -> impl Strategy<Value = String> {
    let text = select(
        &[
            "proc.name",
            "fd.name",
            "proc.cmdline",
            "proc.aname",
            "proc.pname",
        ][..],
    );
    let number = select(&["fd.sport", "user.uid", "fd.num", "fd.port"][..]);
    let address = select(&["fd.sip", "fd.ip"][..]);
    let net = select(&["fd.net", "fd.snet"][..]);
    let join = |(field, rest): (&str, String)| format!("{field} {rest}");
    prop_oneof![
        4 => (text, comparison(ValueType::Str, Arity::One, &TEXTS)).prop_map(join),
        2 => (number, comparison(ValueType::Uint, Arity::One, &NUMBERS)).prop_map(join),
        1 => (address, comparison(ValueType::Ip, Arity::One, &ADDRESSES)).prop_map(join),
        1 => (net, comparison(ValueType::Net, Arity::One, &NETS)).prop_map(join),
        2 => in_list(&TYPES).prop_map(|rest| format!("evt.type {rest}")),
    ]
}

fn transformed_check() -> impl Strategy<Value = String> {
    let operand = || any::<Index>().prop_map(|at| at.get(&OPERANDS).clone());
    let text = (
        select(&["tolower", "toupper", "basename"][..]),
        operand(),
        comparison(ValueType::Str, Arity::One, &TEXTS),
    );
    let number = (
        operand(),
        comparison(ValueType::Uint, Arity::One, &["0", "1", "3", "7"]),
    );
    let both = (
        operand(),
        select(
            &[
                "=",
                "!=",
                "contains",
                "icontains",
                "startswith",
                "endswith",
                "glob",
                "iglob",
            ][..],
        ),
        operand(),
    );
    prop_oneof![
        text.prop_filter_map(
            "a transformer has a value or none",
            |(function, field, rest)| {
                (rest != "exists").then(|| format!("{function}({field}) {rest}"))
            }
        ),
        number.prop_filter_map("likewise", |(field, rest)| {
            (rest != "exists").then(|| format!("len({field}) {rest}"))
        }),
        both.prop_map(|(left, operator, right)| format!("{left} {operator} val({right})")),
        (operand(), operand(), one_of(&TEXTS))
            .prop_map(|(a, b, text)| format!("concat({a}, \"/\", {b}) endswith {text}")),
    ]
}

fn condition() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![4 => field_check(), 5 => common_check(), 1 => transformed_check()];
    leaf.prop_recursive(4, 16, 4, |inner| {
        let several = || prop::collection::vec(inner.clone(), 2..5);
        prop_oneof![
            3 => several().prop_map(|parts| format!("({})", parts.join(" and "))),
            2 => several().prop_map(|parts| format!("({})", parts.join(" or "))),
            1 => inner.clone().prop_map(|part| format!("not ({part})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_rules_mean_what_the_oracle_says(
        conditions in prop::collection::vec(condition(), 1..12),
        seed in any::<u64>(),
    ) {
        let rule = |(number, condition): (usize, &String)| format!(
            "- rule: r{number}\n  desc: d\n  condition: >\n    {condition}\n  output: o\n  \
             priority: info\n"
        );
        let text: String = conditions.iter().enumerate().map(rule).collect();
        let files = vec![("random.yaml".to_owned(), text.into_bytes())];
        let outcome = corpus::load(&files, &SCHEMA);
        let set = corpus::compile_all(&outcome, &SCHEMA);
        let mut agreement = Agreement::new(&outcome.rules, &set);
        let mut maker = Maker::new(&outcome.rules, &*SCHEMA, seed);
        for _ in 0..24 {
            let event = maker.event();
            if let Err(difference) = agreement.check(&event) {
                prop_assert!(false, "{difference}: {conditions:?} on {event:?}");
            }
        }
    }
}
