//! Somebody who receives webhooks: a small HTTP server that answers as it is told and keeps what it got.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// What one request brought.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Received {
    /// Its path.
    pub path: String,
    /// Its headers, names in lower case.
    pub headers: BTreeMap<String, String>,
    /// Its body.
    pub body: String,
}

/// What the receiver answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reply {
    /// This status.
    Status(u16),
    /// This status, with another address to go to.
    Redirect,
    /// Nothing: the connection is closed.
    Hangup,
    /// Nothing, until the caller gives up.
    Silence,
}

/// See the module.
pub struct Receiver {
    port: u16,
    got: Arc<Mutex<Vec<Received>>>,
    replies: Arc<Mutex<VecDeque<Reply>>>,
}

impl Receiver {
    /// Gives these answers, one after the other, and 204 when there are no more.
    ///
    /// # Panics
    /// When there is no free port.
    #[expect(
        clippy::disallowed_methods,
        reason = "a server of tests; its threads end with the test's process"
    )]
    pub fn new(replies: &[Reply]) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        let got = Arc::new(Mutex::new(Vec::new()));
        let replies = Arc::new(Mutex::new(replies.iter().copied().collect::<VecDeque<_>>()));
        let (all, next) = (Arc::clone(&got), Arc::clone(&replies));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (all, next) = (Arc::clone(&all), Arc::clone(&next));
                std::thread::spawn(move || serve(stream, &all, &next));
            }
        });
        Self { port, got, replies }
    }

    /// Where it listens.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// What it got so far.
    pub fn got(&self) -> Vec<Received> {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Forgets what it got.
    pub fn forget(&self) {
        self.got.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Gives these answers next.
    pub fn replies(&self, replies: &[Reply]) {
        *self.replies.lock().unwrap_or_else(PoisonError::into_inner) = replies.iter().copied().collect();
    }
}

fn serve(stream: TcpStream, all: &Mutex<Vec<Received>>, replies: &Mutex<VecDeque<Reply>>) {
    let Some((received, mut stream)) = receive(stream) else { return };
    let reply = {
        let mut got = all.lock().unwrap_or_else(PoisonError::into_inner);
        got.push(received);
        replies.lock().unwrap_or_else(PoisonError::into_inner).pop_front().unwrap_or(Reply::Status(204))
    };
    let head = match reply {
        Reply::Status(status) => format!("HTTP/1.1 {status} Said\r\n"),
        Reply::Redirect => "HTTP/1.1 307 Said\r\nLocation: /elsewhere\r\n".to_owned(),
        Reply::Hangup => return,
        Reply::Silence => {
            let _ = stream.read(&mut [0]);
            return;
        }
    };
    let _ = stream.write_all(format!("{head}Content-Length: 0\r\nConnection: close\r\n\r\n").as_bytes());
}

fn receive(stream: TcpStream) -> Option<(Received, TcpStream)> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let path = line.split(' ').nth(1)?.to_owned();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let mut body = vec![0; headers.get("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some((Received { path, headers, body: String::from_utf8(body).ok()? }, reader.into_inner()))
}

/// HMAC-SHA256 as RFC 2104 writes it, in hexadecimal: written here once more, to check what the product makes.
pub fn hmac_sha256(key: &[u8], text: &[u8]) -> String {
    const BLOCK_BYTES: usize = 64;
    let mut block = [0; BLOCK_BYTES];
    let short = if key.len() > BLOCK_BYTES { Sha256::digest(key).to_vec() } else { key.to_vec() };
    block[..short.len()].copy_from_slice(&short);
    let padded = |pad: u8| block.map(|byte| byte ^ pad);
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(text).finalize();
    let outer = Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize();
    outer.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hmac_is_that_of_rfc_4231() {
        let made = hmac_sha256(b"Jefe", b"what do ya want for nothing?");
        assert_eq!(made, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}
