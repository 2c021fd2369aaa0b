//! As much of HTTP and of WebSockets as is needed to measure them: requests on one connection, and watchers.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use super::measure::Result;
use super::room::Room;

/// The longest that one answer is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// Where an engine is reached, and with which token.
#[derive(Clone)]
pub(super) struct Site {
    host: String,
    token: String,
}

impl Site {
    /// Of a running engine.
    pub(super) fn of(room: &Room) -> Result<Self> {
        let view = room.env().convoy(["daemon", "status", "--json"]).ok().json();
        let text = |key: &str| view[key].as_str().ok_or("the engine serves no port");
        let token = std::fs::read_to_string(text("token_file")?)?.trim().to_owned();
        Ok(Self { host: text("http")?.trim_start_matches("http://").to_owned(), token })
    }

    fn connect(&self) -> Result<BufReader<TcpStream>> {
        let stream = TcpStream::connect(&self.host)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(BufReader::new(stream))
    }

    fn head(&self, method: &str, path: &str) -> String {
        let Self { host, token } = self;
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {token}\r\n")
    }

    /// A connection on which one request after the other is made.
    pub(super) fn caller(&self) -> Result<Caller> {
        Ok(Caller { site: self.clone(), reader: self.connect()? })
    }

    /// A watcher.
    pub(super) fn watch(&self, path: &str) -> Result<Watcher> {
        let mut reader = self.connect()?;
        let upgrade = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
            Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        reader.get_mut().write_all(format!("{}{upgrade}", self.head("GET", path)).as_bytes())?;
        let (status, _) = answer(&mut reader)?;
        if status == 101 { Ok(Watcher { reader }) } else { Err(format!("{path}: {status}").into()) }
    }
}

/// The status of an answer, and how long its body is.
fn answer(reader: &mut BufReader<TcpStream>) -> Result<(u16, usize)> {
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line)?;
    let status = line.split(' ').nth(1).ok_or("no answer")?.parse()?;
    loop {
        line.clear();
        reader.read_line(&mut line)?;
        let Some((name, value)) = line.trim_end().split_once(':') else { return Ok((status, length)) };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse()?;
        }
    }
}

/// See `caller`.
pub(super) struct Caller {
    site: Site,
    reader: BufReader<TcpStream>,
}

impl Caller {
    /// Makes a request; the status and the length of its answer.
    pub(super) fn ask(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, usize)> {
        let kind = "Content-Type: application/json\r\nAccept: */*\r\n";
        let head = self.site.head(method, path);
        let text = format!("{head}{kind}Content-Length: {}\r\n\r\n{body}", body.len());
        self.reader.get_mut().write_all(text.as_bytes())?;
        let (status, length) = answer(&mut self.reader)?;
        std::io::copy(&mut (&mut self.reader).take(length as u64), &mut std::io::sink())?;
        Ok((status, length))
    }
}

impl Caller {
    /// Asks for a text.
    pub(super) fn text(&mut self, path: &str) -> Result<String> {
        let head = self.site.head("GET", path);
        self.reader.get_mut().write_all(format!("{head}\r\n").as_bytes())?;
        let (status, length) = answer(&mut self.reader)?;
        let mut text = String::new();
        (&mut self.reader).take(length as u64).read_to_string(&mut text)?;
        if status == 200 { Ok(text) } else { Err(format!("{path}: {status}").into()) }
    }
}

/// See `watch`.
pub(super) struct Watcher {
    reader: BufReader<TcpStream>,
}

impl Watcher {
    /// The next message.
    pub(super) fn next(&mut self) -> Result<String> {
        let mut head = [0; 2];
        self.reader.read_exact(&mut head)?;
        let length = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.bytes()?)),
            127 => u64::from_be_bytes(self.bytes()?),
            length => u64::from(length),
        };
        let mut text = String::new();
        (&mut self.reader).take(length).read_to_string(&mut text)?;
        if head[0] & 0x0f == 1 { Ok(text) } else { Err("the stream has ended".into()) }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}
