//! The little HTTP the bench needs: GET with a deadline, over a connection of its own.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail};

/// Longest wait for the connection, and for each part of the answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Longest answer that is read; /metrics of a large machine is far below.
const MAX_ANSWER_BYTES: u64 = 16 << 20;

/// Status and body of `GET path`.
///
/// # Errors
/// When nobody answers within [`TIMEOUT`] or the answer is not HTTP.
pub(crate) fn get(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT).context("connecting")?;
    stream
        .set_read_timeout(Some(TIMEOUT))
        .context("setting a time-out")?;
    stream
        .set_write_timeout(Some(TIMEOUT))
        .context("setting a time-out")?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream
        .write_all(request.as_bytes())
        .context("sending the request")?;
    let mut answer = Vec::new();
    stream
        .take(MAX_ANSWER_BYTES)
        .read_to_end(&mut answer)
        .context("reading the answer")?;
    parse(&String::from_utf8_lossy(&answer))
}

fn parse(answer: &str) -> Result<(u16, String)> {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        bail!("answer without a head");
    };
    let status_line = head.lines().next().unwrap_or_default();
    let mut words = status_line.split(' ');
    let version = words.next().unwrap_or_default();
    let status = words.next().and_then(|word| word.parse().ok());
    match status {
        Some(status) if version.starts_with("HTTP/1.") => Ok((status, body.to_owned())),
        _ => bail!("not an HTTP status line: {status_line:?}"),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn status_and_body() {
        let answer = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 3\r\n\r\nno\n";
        assert_eq!(parse(answer).unwrap(), (503, "no\n".to_owned()));
    }

    #[test]
    fn other_protocols_are_refused() {
        for answer in [
            "",
            "SSH-2.0-x\r\n\r\n",
            "HTTP/1.1 ok\r\n\r\n",
            "HTTP/1.1 200 OK\r\n",
        ] {
            assert!(parse(answer).is_err(), "{answer:?}");
        }
    }

    #[test]
    fn get_from_a_server() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let server = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut byte = [0];
            while !request.ends_with(b"\r\n\r\n") {
                stream.read_exact(&mut byte).unwrap();
                request.push(byte[0]);
            }
            stream.write_all(b"HTTP/1.0 200 OK\r\n\r\nready").unwrap();
            String::from_utf8(request).unwrap()
        });
        assert_eq!(get(address, "/readyz").unwrap(), (200, "ready".to_owned()));
        assert!(
            server
                .join()
                .unwrap()
                .starts_with("GET /readyz HTTP/1.0\r\n")
        );
    }

    #[test]
    fn nobody_there_is_an_error() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        drop(listener);
        assert!(get(address, "/").is_err());
    }
}
