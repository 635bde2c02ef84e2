//! Tokens of conditions.
//!
//! What a run of characters means depends on where it stands (`a.b` is a field on the left and text
//! on the right), so the parser asks for the kind of token that may come next.

use crate::ast::Word;

/// A lexical or syntax error in a condition or output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset in the text.
    pub at: usize,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

impl SyntaxError {
    /// An error without a hint.
    pub fn new(at: usize, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
            hint: None,
        }
    }
}

/// Result of reading tokens.
pub type Result<T> = std::result::Result<T, SyntaxError>;

/// A position in a text.
#[derive(Debug, Clone)]
pub struct Lexer<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    /// Starts at byte `at` of `text`.
    pub fn new(text: &'a str, at: usize) -> Self {
        Self { text, at }
    }

    /// Current byte offset.
    pub fn at(&self) -> usize {
        self.at
    }

    /// Moves to a byte offset.
    pub fn seek(&mut self, at: usize) {
        self.at = at;
    }

    /// The next byte.
    pub fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text from here on.
    pub fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Whether nothing is left.
    pub fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }

    /// Skips blanks; tells whether there were any.
    pub fn skip_blanks(&mut self) -> bool {
        let from = self.at;
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        self.at > from
    }

    /// Takes `byte` if it is next.
    pub fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Takes `byte` or fails.
    pub fn expect(&mut self, byte: u8, context: &str) -> Result<()> {
        if self.take(byte) {
            return Ok(());
        }
        let wanted = char::from(byte);
        let message = format!("expected '{wanted}' {context}, found {}", self.found());
        Err(SyntaxError::new(self.at, message))
    }

    /// Takes a keyword (`and`, `or`, `not`) if a blank, `(` or the end follows it.
    pub fn take_keyword(&mut self, keyword: &str) -> bool {
        let Some(rest) = self.rest().strip_prefix(keyword) else {
            return false;
        };
        let ends = rest
            .as_bytes()
            .first()
            .is_none_or(|&b| is_blank(b) || b == b'(');
        if ends {
            self.at += keyword.len();
        }
        ends
    }

    /// Reads `letter { letter | digit | "_" }`.
    pub fn identifier(&mut self) -> Option<&'a str> {
        let bytes = self.rest().as_bytes();
        if !bytes.first()?.is_ascii_alphabetic() {
            return None;
        }
        let len = bytes.iter().take_while(|&&b| is_word(b)).count();
        let name = &self.rest()[..len];
        self.at += len;
        Some(name)
    }

    /// Reads `ident "." ident { "." ident }`.
    pub fn field_name(&mut self) -> Option<&'a str> {
        let start = self.at;
        self.identifier()?;
        let mut dots = 0;
        while self.peek() == Some(b'.') {
            self.at += 1;
            if self.identifier().is_none() {
                self.at -= 1;
                break;
            }
            dots += 1;
        }
        if dots == 0 {
            self.at = start;
            return None;
        }
        Some(&self.text[start..self.at])
    }

    /// Reads the argument between brackets, if a bracket is next.
    pub fn bracket_argument(&mut self) -> Result<Option<String>> {
        if !self.take(b'[') {
            return Ok(None);
        }
        let start = self.at;
        let text = match self.peek() {
            Some(b'"' | b'\'') => {
                let word = self.quoted()?;
                String::from_utf8(word.bytes)
                    .map_err(|_| SyntaxError::new(start, "the argument is not valid UTF-8"))?
            }
            _ => {
                let ends = |b: u8| is_blank(b) || matches!(b, b'[' | b']' | b'"' | b'\'');
                let len = self.rest().bytes().take_while(|&b| !ends(b)).count();
                self.at += len;
                self.text[start..start + len].to_owned()
            }
        };
        if text.is_empty() {
            return Err(SyntaxError::new(
                start,
                "the argument between brackets is empty",
            ));
        }
        self.expect(b']', "after the argument")?;
        Ok(Some(text))
    }

    /// Reads a number; `None` if there is none.
    pub fn number(&mut self) -> Option<Word> {
        let bytes = self.rest().as_bytes();
        let len = number_length(bytes);
        if len == 0 {
            return None;
        }
        let word = Word {
            bytes: bytes[..len].to_vec(),
            quoted: false,
            at: self.at,
        };
        self.at += len;
        Some(word)
    }

    /// Reads a value: quoted, or a bare run of anything but blanks and `( ) , = " '`.
    pub fn value(&mut self) -> Result<Word> {
        if matches!(self.peek(), Some(b'"' | b'\'')) {
            return self.quoted();
        }
        let at = self.at;
        let len = self.rest().bytes().take_while(|&b| !ends_bare(b)).count();
        if len == 0 {
            let message = format!("expected a value, found {}", self.found());
            return Err(SyntaxError::new(at, message));
        }
        let bytes = self.rest().as_bytes()[..len].to_vec();
        if let Some(nul) = bytes.iter().position(|&b| b == 0) {
            return Err(SyntaxError::new(
                at + nul,
                "a value must not contain a NUL byte",
            ));
        }
        self.at += len;
        Ok(Word {
            bytes,
            quoted: false,
            at,
        })
    }

    /// Reads a quoted string; the quote must be next.
    pub fn quoted(&mut self) -> Result<Word> {
        let at = self.at;
        let bytes = self.text.as_bytes();
        let quote = bytes[at];
        let mut end = at + 1;
        while end < bytes.len() && !(bytes[end] == quote && bytes[end - 1] != b'\\') {
            end += 1;
        }
        if end >= bytes.len() {
            let message = format!("the string is not closed: expected {}", char::from(quote));
            return Err(SyntaxError::new(at, message));
        }
        let value = unescape(&bytes[at + 1..end], quote, at + 1)?;
        self.at = end + 1;
        Ok(Word {
            bytes: value,
            quoted: true,
            at,
        })
    }

    /// What comes next, for messages.
    pub fn found(&self) -> String {
        if self.is_end() {
            return "the end".to_owned();
        }
        let rest = self.rest();
        let len = rest.bytes().take_while(|&b| !ends_bare(b)).count();
        let shown: String = if len == 0 {
            rest.chars().take(1).collect()
        } else {
            rest[..len].chars().take(40).collect()
        };
        format!("'{shown}'")
    }
}

/// Blanks of the language: space, tab, backspace, CR, LF.
pub fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | 8 | b'\r' | b'\n')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn ends_bare(byte: u8) -> bool {
    is_blank(byte) || matches!(byte, b'(' | b')' | b',' | b'=' | b'"' | b'\'')
}

/// Length of `"0x" hexdigits | ["+"|"-"] digits ["."] {digit} [("e"|"E") ("+"|"-") digits]`.
fn number_length(bytes: &[u8]) -> usize {
    let digits = |from: usize| {
        bytes[from.min(bytes.len())..]
            .iter()
            .take_while(|b| b.is_ascii_digit())
            .count()
    };
    if bytes.starts_with(b"0x") {
        let hex = bytes[2..]
            .iter()
            .take_while(|b| b.is_ascii_hexdigit())
            .count();
        if hex > 0 {
            return 2 + hex;
        }
    }
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let whole = digits(sign);
    if whole == 0 {
        return 0;
    }
    let mut len = sign + whole;
    if bytes.get(len) == Some(&b'.') {
        len += 1 + digits(len + 1);
    }
    if matches!(bytes.get(len), Some(b'e' | b'E'))
        && matches!(bytes.get(len + 1), Some(b'+' | b'-'))
        && digits(len + 2) > 0
    {
        len += 2 + digits(len + 2);
    }
    len
}

/// Resolves the escapes of a quoted string (rules-spec B2); `base` is the offset of `raw`.
fn unescape(raw: &[u8], quote: u8, base: usize) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(raw.len());
    let mut at = 0;
    while let Some(&byte) = raw.get(at) {
        let here = base + at;
        at += 1;
        if byte != b'\\' {
            if byte == 0 {
                return Err(SyntaxError::new(
                    here,
                    "a value must not contain a NUL byte",
                ));
            }
            out.push(byte);
            continue;
        }
        let kind = raw.get(at).copied();
        at += 1;
        let plain = match kind {
            Some(b'b') => 8,
            Some(b'f') => 12,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(same @ (b'\\' | b'/')) => same,
            Some(same) if same == quote => same,
            // Older rules write "\ " and mean a backslash.
            Some(b' ') => b'\\',
            Some(b'x') => {
                let digits = raw.get(at..at + 2).and_then(hex_byte);
                let Some(value) = digits else {
                    return Err(SyntaxError::new(here, "\\x needs two hexadecimal digits"));
                };
                if value == 0 {
                    return Err(SyntaxError::new(
                        here,
                        "a value must not contain a NUL byte",
                    ));
                }
                at += 2;
                value
            }
            _ => {
                let mut error = SyntaxError::new(here, "unknown escape sequence in string");
                error.hint = Some("write \\\\ for a backslash".to_owned());
                return Err(error);
            }
        };
        out.push(plain);
    }
    Ok(out)
}

/// Value of two hexadecimal digits.
pub fn hex_byte(digits: &[u8]) -> Option<u8> {
    let &[high, low] = digits else { return None };
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok()
}
