//! A client that sends exactly what a test says, and reads what comes: requests, server-sent events, WebSockets.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use serde_json::Value;

use crate::room::{Room, text};

/// The longest that anything is waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// A stream of bytes, with which way it goes hidden.
pub(crate) trait Wire: Read + Write + Send {}
impl Wire for TcpStream {}
impl Wire for UnixStream {}

/// Where an engine is reached.
pub(crate) struct Site {
    /// Host and port.
    pub(crate) address: String,
    pub(crate) token: String,
    pub(crate) socket: String,
}

impl Site {
    /// Brings the engine up.
    #[track_caller]
    pub(crate) fn up(room: &Room) -> Self {
        room.convoy("up");
        let view = room.json("daemon status");
        let token = std::fs::read_to_string(text(&view, "/token_file")).unwrap();
        Self {
            address: text(&view, "/http").strip_prefix("http://").unwrap().to_owned(),
            token: token.trim().to_owned(),
            socket: text(&view, "/socket").to_owned(),
        }
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// A request with the token.
    pub(crate) fn ask(&self, method: &str, path: &str) -> Ask<'_> {
        self.stranger(method, path).header("Authorization", &format!("Bearer {}", self.token))
    }

    /// A request of somebody who is not known.
    pub(crate) fn stranger(&self, method: &str, path: &str) -> Ask<'_> {
        let headers = vec![("Host".to_owned(), self.address.clone())];
        Ask { site: self, head: format!("{method} {path} HTTP/1.1"), headers, body: Vec::new() }
    }

    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path).send()
    }

    #[track_caller]
    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        self.ask("POST", path).json(body).send()
    }

    /// The same by the socket.
    #[track_caller]
    pub(crate) fn by_socket(&self, ask: Ask<'_>) -> Answer {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        ask.send_by(stream)
    }

    /// Follows events that a server sends.
    #[track_caller]
    pub(crate) fn events(&self, path: &str, last: Option<&str>) -> EventStream {
        let mut ask = self.ask("GET", path).header("Accept", "text/event-stream");
        if let Some(last) = last {
            ask = ask.header("Last-Event-ID", last);
        }
        let mut stream = self.connect();
        stream.write_all(&ask.bytes()).unwrap();
        let mut reader = BufReader::new(Box::new(stream) as Box<dyn Wire>);
        let (status, headers) = head(&mut reader);
        assert_eq!((status, headers["content-type"].as_str()), (200, "text/event-stream"), "{headers:?}");
        EventStream { reader, rest: Vec::new() }
    }

    /// Opens a WebSocket, with the token.
    #[track_caller]
    pub(crate) fn socket(&self, path: &str) -> WebSocket {
        let mut stream = self.connect();
        stream.write_all(&self.ask("GET", path).upgrade().bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let (status, headers) = head(&mut reader);
        assert_eq!(status, 101, "{headers:?}");
        // The example of RFC 6455.
        assert_eq!(headers["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        WebSocket { reader }
    }
}

/// A request.
#[derive(Clone)]
pub(crate) struct Ask<'a> {
    site: &'a Site,
    head: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Ask<'_> {
    /// Sets a header, in the place of one of the same name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without(mut self, name: &str) -> Self {
        self.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string().as_bytes())
    }

    pub(crate) fn body(mut self, kind: &str, body: &[u8]) -> Self {
        self.body = body.to_vec();
        self.header("Content-Type", kind).header("Content-Length", &body.len().to_string())
    }

    pub(crate) fn upgrade(self) -> Self {
        self.header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut text = format!("{}\r\n", self.head);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        [text.into_bytes(), self.body.clone()].concat()
    }

    #[track_caller]
    pub(crate) fn send(self) -> Answer {
        let stream = self.site.connect();
        self.send_by(stream)
    }

    #[track_caller]
    fn send_by(self, mut stream: impl Wire + 'static) -> Answer {
        let is_head = self.head.starts_with("HEAD");
        let ask = if self.headers.iter().any(|(name, _)| name == "Connection") {
            self
        } else {
            self.header("Connection", "close")
        };
        // Who is refused early may not read all of a large body.
        let _ = stream.write_all(&ask.bytes());
        let mut reader = BufReader::new(Box::new(stream) as Box<dyn Wire>);
        let (status, headers) = head(&mut reader);
        let mut body = Vec::new();
        if headers.get("transfer-encoding").is_some_and(|value| value == "chunked") {
            while let Some(chunk) = chunk(&mut reader) {
                body.extend(chunk);
            }
        } else if let Some(length) = headers.get("content-length").filter(|_| !is_head) {
            body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
        }
        Answer { status, headers, body: String::from_utf8_lossy(&body).into_owned() }
    }
}

/// The head of an answer; status 0 if the other side closed.
pub(crate) fn head(reader: &mut impl BufRead) -> (u16, BTreeMap<String, String>) {
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return (0, BTreeMap::new());
    }
    let status = line.split(' ').nth(1).unwrap().parse().unwrap();
    let mut headers = BTreeMap::new();
    loop {
        line.clear();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else { return (status, headers) };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
}

fn chunk(reader: &mut impl BufRead) -> Option<Vec<u8>> {
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    let length = usize::from_str_radix(line.trim(), 16).ok()?;
    let mut bytes = vec![0; length + 2];
    reader.read_exact(&mut bytes).ok()?;
    bytes.truncate(length);
    (length > 0).then_some(bytes)
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Answer {
    #[track_caller]
    pub(crate) fn is(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{:?}\n{}", self.headers, self.body);
        self
    }

    #[track_caller]
    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&self.body)
            .unwrap_or_else(|why| panic!("{why}: {:?}\n{}", self.headers, self.body))
    }

    /// The kind of an error, which has the one shape.
    #[track_caller]
    pub(crate) fn error(&self) -> String {
        let value = self.value();
        let error = value["error"].as_object().unwrap_or_else(|| panic!("not the one shape: {value}"));
        let keys: Vec<&str> = error.keys().map(String::as_str).collect();
        assert_eq!(keys, ["hints", "kind", "message"], "{value}");
        text(&value, "/error/kind").to_owned()
    }
}

/// Events that a server sends.
pub(crate) struct EventStream {
    reader: BufReader<Box<dyn Wire>>,
    rest: Vec<u8>,
}

/// One of them.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) data: Value,
}

impl EventStream {
    /// The next one; nothing at the end.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some(end) = self.rest.windows(2).position(|two| two == b"\n\n") {
                let block: Vec<u8> = self.rest.drain(..end + 2).collect();
                let block = String::from_utf8(block).unwrap();
                let field = |name: &str| {
                    let lines = block.lines().filter_map(|line| line.strip_prefix(name));
                    lines.map(|line| line.trim_start_matches(':').trim_start()).collect::<Vec<_>>().join("\n")
                };
                if block.starts_with(':') {
                    continue;
                }
                let data = serde_json::from_str(&field("data")).unwrap();
                return Some(Sent { name: field("event"), id: field("id"), data });
            }
            self.rest.extend(chunk(&mut self.reader)?);
        }
    }

    /// Goes on to the next of this name.
    #[track_caller]
    pub(crate) fn until(&mut self, name: &str) -> Sent {
        loop {
            let sent = self.next().unwrap_or_else(|| panic!("no {name}"));
            if sent.name == name {
                return sent;
            }
        }
    }
}

/// A WebSocket.
pub(crate) struct WebSocket {
    pub(crate) reader: BufReader<TcpStream>,
}

impl WebSocket {
    /// The next message, or the code of the other side's end.
    #[track_caller]
    pub(crate) fn next(&mut self) -> Result<Value, u16> {
        loop {
            let (kind, data) = self.frame();
            match kind {
                1 => return Ok(serde_json::from_slice(&data).unwrap()),
                8 => return Err(u16::from_be_bytes([data[0], data[1]])),
                _ => {}
            }
        }
    }

    /// The next frame: its kind and what is in it.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut head = [0; 2];
        self.reader.read_exact(&mut head).unwrap();
        let length = match head[1] & 0x7f {
            126 => u64::from(u16::from_be_bytes(self.bytes())),
            127 => u64::from_be_bytes(self.bytes()),
            length => u64::from(length),
        };
        let mut data = vec![0; usize::try_from(length).unwrap()];
        self.reader.read_exact(&mut data).unwrap();
        (head[0] & 0x0f, data)
    }

    fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.reader.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Goes on to the next message of this type.
    #[track_caller]
    pub(crate) fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = self.next().unwrap_or_else(|code| panic!("no {kind}, but the end: {code}"));
            if message["type"] == kind {
                return message;
            }
        }
    }

    /// Sends a frame, masked as clients have to, with a mask that changes nothing.
    pub(crate) fn send(&mut self, kind: u8, data: &[u8]) {
        let mut frame = vec![0x80 | kind];
        match u16::try_from(data.len()) {
            Ok(length) if length < 126 => frame.push(0x80 | length as u8),
            Ok(length) => {
                frame.push(0x80 | 126);
                frame.extend(length.to_be_bytes());
            }
            Err(_) => {
                frame.push(0x80 | 127);
                frame.extend((data.len() as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend(data);
        let _ = self.reader.get_mut().write_all(&frame);
    }
}
