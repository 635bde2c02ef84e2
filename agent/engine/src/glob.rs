//! Shell patterns as `fnmatch(3)` with flags 0 reads them: `*` and `?` match `/` and a leading dot.
//!
//! Bytes, not characters, as in the C locale; `case_fold` is ASCII only.

/// One element of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Token {
    /// Exactly this byte.
    Byte(u8),
    /// Any one byte.
    Any,
    /// Any run of bytes.
    Star,
    /// One byte of this set.
    Set(ByteSet),
}

/// A set of bytes, one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct ByteSet([u64; 4]);

impl ByteSet {
    fn add(&mut self, byte: u8) {
        self.0[usize::from(byte >> 6)] |= 1 << (byte & 63);
    }

    fn has(&self, byte: u8) -> bool {
        self.0[usize::from(byte >> 6)] >> (byte & 63) & 1 == 1
    }
}

/// A compiled pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Glob {
    tokens: Vec<Token>,
    case_fold: bool,
}

impl Glob {
    /// Compiles a pattern; every byte string is one (an open `[` stands for itself).
    pub(crate) fn new(pattern: &[u8], case_fold: bool) -> Self {
        let mut glob = Self::default();
        glob.set_pattern(pattern, case_fold);
        glob
    }

    /// Compiles another pattern in its place, for patterns that come with events.
    pub(crate) fn set_pattern(&mut self, pattern: &[u8], case_fold: bool) {
        let tokens = &mut self.tokens;
        tokens.clear();
        self.case_fold = case_fold;
        let mut at = 0;
        while let Some(&byte) = pattern.get(at) {
            at += 1;
            let token = match byte {
                b'*' => Token::Star,
                b'?' => Token::Any,
                b'[' => match set(&pattern[at..], case_fold) {
                    Some((set, len)) => {
                        at += len;
                        Token::Set(set)
                    }
                    None => Token::Byte(b'['),
                },
                b'\\' if at < pattern.len() => {
                    at += 1;
                    Token::Byte(fold(pattern[at - 1], case_fold))
                }
                other => Token::Byte(fold(other, case_fold)),
            };
            if token != Token::Star || tokens.last() != Some(&Token::Star) {
                tokens.push(token);
            }
        }
    }

    /// Whether the whole `subject` matches. Time is at most pattern times subject length: only the
    /// latest star needs to be tried again.
    pub(crate) fn matches(&self, subject: &[u8]) -> bool {
        let (mut token, mut at) = (0, 0);
        let mut retry: Option<(usize, usize)> = None;
        while at < subject.len() || token < self.tokens.len() {
            match self.tokens.get(token) {
                Some(Token::Star) => {
                    token += 1;
                    retry = Some((token, at));
                    continue;
                }
                Some(single) if at < subject.len() && self.holds(single, subject[at]) => {
                    token += 1;
                    at += 1;
                    continue;
                }
                _ => {}
            }
            match retry {
                Some((star, from)) if from < subject.len() => {
                    token = star;
                    at = from + 1;
                    retry = Some((star, at));
                }
                _ => return false,
            }
        }
        true
    }

    fn holds(&self, token: &Token, byte: u8) -> bool {
        let byte = fold(byte, self.case_fold);
        match token {
            Token::Byte(wanted) => *wanted == byte,
            Token::Any => true,
            Token::Set(set) => set.has(byte),
            Token::Star => false,
        }
    }
}

/// Whether a path component is a pattern rather than plain text.
pub(crate) fn is_pattern(text: &[u8]) -> bool {
    text.iter().any(|b| matches!(b, b'?' | b'*' | b'['))
}

fn fold(byte: u8, case_fold: bool) -> u8 {
    if case_fold {
        byte.to_ascii_lowercase()
    } else {
        byte
    }
}

/// Parses a bracket expression after its `[`; returns the set and its length with the `]`.
fn set(rest: &[u8], case_fold: bool) -> Option<(ByteSet, usize)> {
    let mut members = ByteSet::default();
    let negated = matches!(rest.first(), Some(b'!' | b'^'));
    let mut at = usize::from(negated);
    let first = at;
    loop {
        let byte = *rest.get(at)?;
        if byte == b']' && at > first {
            break;
        }
        if byte == b'['
            && rest.get(at + 1) == Some(&b':')
            && let Some((class, len)) = class(&rest[at + 2..])
        {
            (0..=255u8).filter(class).for_each(|b| members.add(b));
            at += 2 + len;
            continue;
        }
        let (low, next) = set_byte(rest, at)?;
        at = next;
        let mut high = low;
        if rest.get(at) == Some(&b'-') && rest.get(at + 1).is_some_and(|&b| b != b']') {
            (high, at) = set_byte(rest, at + 1)?;
        }
        (low..=high).for_each(|b| members.add(b));
    }
    if case_fold {
        for upper in b'A'..=b'Z' {
            if members.has(upper) {
                members.add(upper.to_ascii_lowercase());
            }
        }
    }
    if negated {
        members.0.iter_mut().for_each(|bits| *bits = !*bits);
    }
    Some((members, at + 1))
}

fn set_byte(rest: &[u8], at: usize) -> Option<(u8, usize)> {
    match *rest.get(at)? {
        b'\\' => Some((*rest.get(at + 1)?, at + 2)),
        byte => Some((byte, at + 1)),
    }
}

/// Whether a byte is in a character class.
type Class = fn(&u8) -> bool;

/// A character class by its name up to `:]`; returns it and the length read.
fn class(rest: &[u8]) -> Option<(Class, usize)> {
    let end = rest.windows(2).position(|pair| pair == b":]")?;
    let class: Class = match &rest[..end] {
        b"alpha" => u8::is_ascii_alphabetic,
        b"digit" => u8::is_ascii_digit,
        b"alnum" => u8::is_ascii_alphanumeric,
        b"upper" => u8::is_ascii_uppercase,
        b"lower" => u8::is_ascii_lowercase,
        b"space" => |b| b.is_ascii_whitespace() || *b == 11,
        b"blank" => |b| matches!(b, b' ' | b'\t'),
        b"punct" => u8::is_ascii_punctuation,
        b"print" => |b| (32..127).contains(b),
        b"graph" => u8::is_ascii_graphic,
        b"cntrl" => u8::is_ascii_control,
        b"xdigit" => u8::is_ascii_hexdigit,
        _ => return None,
    };
    Some((class, end + 2))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, subject: &str) -> bool {
        Glob::new(pattern.as_bytes(), false).matches(subject.as_bytes())
    }

    #[test]
    fn stars_cross_slashes_and_leading_dots() {
        assert!(matches("/etc/*", "/etc/a/b"));
        assert!(matches("*", ".hidden"));
        assert!(matches("/*/id_?sa", "/home/u/.ssh/id_rsa"));
        assert!(!matches("/etc/*.conf", "/etc/passwd"));
        assert!(matches("a*b*c", "aXbYbZc"));
        assert!(!matches("a*b*c", "aXbYbZ"));
        assert!(matches("", "") && !matches("", "a") && matches("**", ""));
    }

    #[test]
    fn brackets_follow_posix() {
        assert!(matches("[a-c]x", "bx") && !matches("[a-c]x", "dx"));
        assert!(matches("[!a-c]x", "dx") && matches("[^a-c]x", "dx"));
        assert!(matches("[]]", "]") && matches("[!]]", "a") && matches("[a-]", "-"));
        assert!(matches("[[:digit:]]*", "7a") && !matches("[[:digit:]]", "a"));
        assert!(matches("[abc", "[abc"), "an open bracket stands for itself");
        assert!(matches("\\*", "*") && !matches("\\*", "a"));
    }

    #[test]
    fn case_folding_reaches_sets() {
        let glob = Glob::new(b"[A-C]*.TXT", true);
        assert!(glob.matches(b"b1.txt") && glob.matches(b"B1.Txt") && !glob.matches(b"d.txt"));
    }

    #[test]
    fn many_stars_take_bounded_time() {
        let glob = Glob::new("a*".repeat(100).as_bytes(), false);
        assert!(!glob.matches(&[b"a".repeat(50), b"b".repeat(10_000)].concat()));
    }
}
