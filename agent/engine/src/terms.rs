//! Evaluation of terms: fields and transformers over them (rules-spec B7).
//!
//! Results are handed to a visitor, so that a transformed text can live in a buffer of the
//! [`Pool`]; after warm-up nothing is allocated.

use std::ops::ControlFlow;

use crate::ast::Transformer;
use crate::glob::Glob;
use crate::schema::{Arity, Event};
use crate::typed::Term;
use crate::value::Value;

/// Most buffers kept for reuse; transformers nest at most 32 deep with a few arguments each.
const MAX_POOLED: usize = 64;

/// Buffers for the results of transformers, and for patterns that are values of fields.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    buffers: Vec<Vec<u8>>,
    /// Empty but for its memory, unless a `getopt` is at work.
    arguments: Vec<Vec<u8>>,
    glob: Glob,
}

impl Pool {
    /// Whether `subject` matches a shell pattern that came with the event.
    pub(crate) fn glob(&mut self, pattern: &[u8], subject: &[u8], case_fold: bool) -> bool {
        self.glob.set_pattern(pattern, case_fold);
        self.glob.matches(subject)
    }

    fn take(&mut self) -> Vec<u8> {
        self.buffers.pop().unwrap_or_default()
    }

    fn give(&mut self, mut buffer: Vec<u8>) {
        if self.buffers.len() < MAX_POOLED {
            buffer.clear();
            self.buffers.push(buffer);
        }
    }
}

type Visit<'v> = dyn FnMut(Value<'_>, &mut Pool) -> ControlFlow<()> + 'v;

/// Visits the values of a term until `visit` breaks; `false` when it is absent.
pub(crate) fn each_value<E: Event + ?Sized>(
    term: &Term,
    event: &E,
    pool: &mut Pool,
    visit: &mut Visit<'_>,
) -> bool {
    match term {
        Term::Field {
            field,
            arity: Arity::One,
            ..
        } => match event.get(*field) {
            Some(value) => {
                let _ = visit(value, pool);
                true
            }
            None => false,
        },
        Term::Field { field, .. } => event.each(*field, &mut |value| visit(value, pool)),
        Term::Literal(bytes) => {
            let _ = visit(Value::Bytes(bytes), pool);
            true
        }
        Term::List(items) => each_item(items, event, pool, visit),
        Term::Call {
            function,
            args,
            option,
            ..
        } => call(*function, args, *option, event, pool, visit),
    }
}

/// A written list is absent when one of its elements is.
fn each_item<E: Event + ?Sized>(
    items: &[Term],
    event: &E,
    pool: &mut Pool,
    visit: &mut Visit<'_>,
) -> bool {
    let present = |item: &Term, pool: &mut Pool| {
        each_value(item, event, pool, &mut |_, _| ControlFlow::Break(()))
    };
    if !items.iter().all(|item| present(item, pool)) {
        return false;
    }
    for item in items {
        let mut stop = ControlFlow::Continue(());
        each_value(item, event, pool, &mut |value, pool| {
            stop = visit(value, pool);
            stop
        });
        if stop.is_break() {
            break;
        }
    }
    true
}

fn call<E: Event + ?Sized>(
    function: Transformer,
    args: &[Term],
    option: Option<u8>,
    event: &E,
    pool: &mut Pool,
    visit: &mut Visit<'_>,
) -> bool {
    match (function, args) {
        (Transformer::Len, [arg]) => match length(arg, event, pool) {
            Some(len) => {
                let _ = visit(Value::Uint(len), pool);
                true
            }
            None => false,
        },
        (Transformer::Basename, [arg]) => each_value(arg, event, pool, &mut |value, pool| {
            let Value::Bytes(bytes) = value else {
                return ControlFlow::Continue(());
            };
            let from = memchr::memrchr(b'/', bytes).map_or(0, |at| at + 1);
            visit(Value::Bytes(&bytes[from..]), pool)
        }),
        (Transformer::ToLower, [arg]) => {
            map_text(arg, event, pool, visit, <[u8]>::make_ascii_lowercase)
        }
        (Transformer::ToUpper, [arg]) => {
            map_text(arg, event, pool, visit, <[u8]>::make_ascii_uppercase)
        }
        (Transformer::Getopt, [list, Term::Literal(spec)]) => {
            let mut arguments = std::mem::take(&mut pool.arguments);
            let present = each_value(list, event, pool, &mut |value, pool| {
                if let Value::Bytes(bytes) = value {
                    let mut argument = pool.take();
                    argument.extend_from_slice(bytes);
                    arguments.push(argument);
                }
                ControlFlow::Continue(())
            });
            let found = present && getopt(&arguments, spec, option, pool, visit);
            arguments.drain(..).for_each(|argument| pool.give(argument));
            pool.arguments = arguments;
            found
        }
        _ => {
            let mut out = pool.take();
            let present = build(function, args, event, pool, &mut out);
            if present {
                let _ = visit(Value::Bytes(&out), pool);
            }
            pool.give(out);
            present
        }
    }
}

fn length<E: Event + ?Sized>(arg: &Term, event: &E, pool: &mut Pool) -> Option<u64> {
    let (mut count, mut bytes_len) = (0u64, 0u64);
    let present = each_value(arg, event, pool, &mut |value, _| {
        count += 1;
        if let Value::Bytes(bytes) = value {
            bytes_len = bytes.len() as u64;
        }
        ControlFlow::Continue(())
    });
    let len = if arg.arity() == Arity::One {
        bytes_len
    } else {
        count
    };
    present.then_some(len)
}

fn map_text<E: Event + ?Sized>(
    arg: &Term,
    event: &E,
    pool: &mut Pool,
    visit: &mut Visit<'_>,
    change: fn(&mut [u8]),
) -> bool {
    each_value(arg, event, pool, &mut |value, pool| {
        let Value::Bytes(bytes) = value else {
            return ControlFlow::Continue(());
        };
        let mut out = pool.take();
        out.extend_from_slice(bytes);
        change(&mut out);
        let flow = visit(Value::Bytes(&out), pool);
        pool.give(out);
        flow
    })
}

/// Transformers whose result is one text put together in `out`; `false` when it is absent.
fn build<E: Event + ?Sized>(
    function: Transformer,
    args: &[Term],
    event: &E,
    pool: &mut Pool,
    out: &mut Vec<u8>,
) -> bool {
    match (function, args) {
        (Transformer::Concat, parts) => {
            parts.iter().all(|part| append_text(part, event, pool, out))
        }
        (Transformer::Join, [separator, list]) => {
            let mut between = pool.take();
            let mut first = true;
            let present = append_text(separator, event, pool, &mut between)
                && each_value(list, event, pool, &mut |value, _| {
                    if let Value::Bytes(bytes) = value {
                        if !first {
                            out.extend_from_slice(&between);
                        }
                        first = false;
                        out.extend_from_slice(bytes);
                    }
                    ControlFlow::Continue(())
                });
            pool.give(between);
            present
        }
        (Transformer::B64, [arg]) => {
            let mut encoded = pool.take();
            let decoded =
                append_text(arg, event, pool, &mut encoded) && base64_decode(&encoded, out);
            pool.give(encoded);
            decoded
        }
        _ => false,
    }
}

fn append_text<E: Event + ?Sized>(
    term: &Term,
    event: &E,
    pool: &mut Pool,
    out: &mut Vec<u8>,
) -> bool {
    each_value(term, event, pool, &mut |value, _| {
        if let Value::Bytes(bytes) = value {
            out.extend_from_slice(bytes);
        }
        ControlFlow::Continue(())
    })
}

/// Walks arguments like `getopt(3)`: stops at `--` and at the first non-option, skips long options.
/// Without `wanted` the letters found are visited; with it, the last value of that option.
fn getopt(
    arguments: &[Vec<u8>],
    spec: &[u8],
    wanted: Option<u8>,
    pool: &mut Pool,
    visit: &mut Visit<'_>,
) -> bool {
    let silent = spec.first() == Some(&b':');
    let mut last: Option<&[u8]> = None;
    let mut next = 0;
    'arguments: while let Some(argument) = arguments.get(next) {
        next += 1;
        let [b'-', letters @ ..] = argument.as_slice() else {
            break;
        };
        if letters.is_empty() || letters == b"-" {
            break;
        }
        if letters[0] == b'-' {
            continue;
        }
        for (index, &letter) in letters.iter().enumerate() {
            let known = spec.iter().position(|&b| b == letter && b != b':');
            let takes_value = known.is_some_and(|at| spec.get(at + 1) == Some(&b':'));
            let rest = &letters[index + 1..];
            let (found, value): (u8, &[u8]) = match known {
                None => (b'?', b""),
                Some(_) if !takes_value => (letter, b""),
                Some(_) if !rest.is_empty() => (letter, rest),
                Some(_) => match arguments.get(next) {
                    Some(value) => {
                        next += 1;
                        (letter, value)
                    }
                    None => (if silent { b':' } else { b'?' }, b""),
                },
            };
            match wanted {
                Some(wanted) if wanted == found => last = Some(value),
                Some(_) => {}
                None => {
                    if visit(Value::Bytes(&[found]), pool).is_break() {
                        return true;
                    }
                }
            }
            if takes_value {
                continue 'arguments;
            }
        }
    }
    match (wanted, last) {
        (None, _) => true,
        (Some(_), Some(value)) => {
            let _ = visit(Value::Bytes(value), pool);
            true
        }
        (Some(_), None) => false,
    }
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Appends the decoded bytes; `false` for anything that is not Base64 (RFC 4648; padding optional).
fn base64_decode(encoded: &[u8], out: &mut Vec<u8>) -> bool {
    let padding = encoded.iter().rev().take_while(|&&b| b == b'=').count();
    let digits = &encoded[..encoded.len() - padding];
    if padding > 2 || digits.len() % 4 == 1 || (padding > 0 && !encoded.len().is_multiple_of(4)) {
        return false;
    }
    let (mut bits, mut held) = (0u32, 0u32);
    for &digit in digits {
        let value = match digit {
            b'A'..=b'Z' => digit - b'A',
            b'a'..=b'z' => digit - b'a' + 26,
            b'0'..=b'9' => digit - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return false,
        };
        bits = (bits << 6 | u32::from(value)) & 0xff_ffff;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    true
}

/// Base64 with padding, for bytes in outputs.
pub(crate) fn base64_encode(bytes: &[u8], out: &mut String) {
    for chunk in bytes.chunks(3) {
        let padded = [
            chunk[0],
            *chunk.get(1).unwrap_or(&0),
            *chunk.get(2).unwrap_or(&0),
        ];
        let bits = u32::from_be_bytes([0, padded[0], padded[1], padded[2]]);
        for position in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * position) & 63) as usize];
            out.push(if position > chunk.len() {
                '='
            } else {
                char::from(digit)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_goes_both_ways() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar"] {
            let mut encoded = String::new();
            base64_encode(text.as_bytes(), &mut encoded);
            for form in [encoded.as_str(), encoded.trim_end_matches('=')] {
                let mut decoded = Vec::new();
                assert!(base64_decode(form.as_bytes(), &mut decoded), "{form}");
                assert_eq!(decoded, text.as_bytes());
            }
        }
        for bad in ["a", "ab=", "a===", "Zm9v!", "=Zm9"] {
            assert!(!base64_decode(bad.as_bytes(), &mut Vec::new()), "{bad}");
        }
    }

    fn options(arguments: &[&str], spec: &str, wanted: Option<u8>) -> Option<Vec<String>> {
        let arguments: Vec<Vec<u8>> = arguments.iter().map(|a| a.as_bytes().to_vec()).collect();
        let mut found = Vec::new();
        let present = getopt(
            &arguments,
            spec.as_bytes(),
            wanted,
            &mut Pool::default(),
            &mut |value, _| {
                if let Value::Bytes(bytes) = value {
                    found.push(String::from_utf8_lossy(bytes).into_owned());
                }
                ControlFlow::Continue(())
            },
        );
        present.then_some(found)
    }

    #[test]
    fn getopt_follows_the_c_library() {
        let args = ["-lv", "-p", "80", "--long", "-e/bin/sh", "host", "-x"];
        let all = options(&args, "lvp:e:x", None).expect("present");
        assert_eq!(all, ["l", "v", "p", "e"], "stops at the first non-option");
        assert_eq!(
            options(&args, "lvp:e:", Some(b'p')),
            Some(vec!["80".to_owned()])
        );
        assert_eq!(
            options(&args, "lvp:e:", Some(b'e')),
            Some(vec!["/bin/sh".to_owned()])
        );
        assert_eq!(options(&args, "lvp:e:x", Some(b'x')), None, "absent option");
        assert_eq!(options(&["-z"], "a", None), Some(vec!["?".to_owned()]));
        assert_eq!(options(&["-a"], "a:", None), Some(vec!["?".to_owned()]));
        assert_eq!(options(&["-a"], ":a:", None), Some(vec![":".to_owned()]));
        assert_eq!(options(&["--", "-a"], "a", None), Some(vec![]));
    }
}
