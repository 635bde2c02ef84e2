//! HTTP requests of the simplest kind.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result};

/// Longest wait for a connection and for each part of an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
/// Longest answer.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Header lines.
    pub headers: String,
    /// Body.
    pub body: String,
}

/// Sends `GET path` to `address`.
///
/// # Errors
/// When nobody listens there, or what comes back is not HTTP.
pub fn get(address: SocketAddr, path: &str) -> Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n")?;
    let mut text = String::new();
    stream.take(MAX_ANSWER_BYTES).read_to_string(&mut text)?;
    parse(&text).with_context(|| format!("not an HTTP answer: {text:?}"))
}

fn parse(text: &str) -> Option<Answer> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let (first, headers) = head.split_once("\r\n").unwrap_or((head, ""));
    let status = first
        .strip_prefix("HTTP/1.")?
        .split(' ')
        .nth(1)?
        .parse()
        .ok()?;
    Some(Answer {
        status,
        headers: headers.to_owned(),
        body: body.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_three_parts() {
        let answer = parse("HTTP/1.0 503 Service Unavailable\r\na: b\r\n\r\nwhy\r\n\r\n");
        let answer = answer.expect("an answer");
        assert_eq!((answer.status, answer.headers.as_str()), (503, "a: b"));
        assert_eq!(answer.body, "why\r\n\r\n");
        assert_eq!(
            parse("HTTP/1.1 200 OK\r\n\r\n").map(|a| a.status),
            Some(200)
        );
        assert_eq!(parse("SSH-2.0\r\n\r\n"), None);
    }
}
