//! As much of a browser as these tests need: it follows the link, keeps the cookie, loads pages, sends their forms.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

use crate::room::Room;

/// A browser that was let in.
pub(crate) struct Browser {
    host: String,
    cookie: String,
}

/// What came.
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Browser {
    /// Lets itself in by the link of `convoy dashboard`.
    pub(crate) fn new(room: &Room) -> Self {
        let shown = room.json("dashboard --print");
        let link = shown["link"].as_str().unwrap();
        let (host, path) = link.strip_prefix("http://").unwrap().split_once('/').unwrap();
        let mut browser = Self { host: host.to_owned(), cookie: String::new() };
        let welcome = browser.get(&format!("/{path}"));
        assert_eq!(welcome.status, 200, "{}", welcome.body);
        let cookie = welcome.header("set-cookie").unwrap();
        cookie.split(';').next().unwrap().clone_into(&mut browser.cookie);
        browser
    }

    /// Loads a page.
    #[track_caller]
    pub(crate) fn get(&self, path: &str) -> Page {
        self.send(&format!("GET {path} HTTP/1.1\r\n"), "")
    }

    /// Loads a page, and insists that there is one.
    #[track_caller]
    pub(crate) fn page(&self, path: &str) -> Page {
        let page = self.get(path);
        assert_eq!(page.status, 200, "{path}: {}", page.body);
        page
    }

    /// Sends fields, as they are.
    #[track_caller]
    pub(crate) fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let body: Vec<String> =
            fields.iter().map(|(name, value)| format!("{}={}", escaped(name), escaped(value))).collect();
        let body = body.join("&");
        let head = format!(
            "POST {path} HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n",
            body.len()
        );
        self.send(&head, &body)
    }

    /// Sends the form on `page` that goes to `path`, with more fields, and follows to where it leads.
    #[track_caller]
    pub(crate) fn submit(&self, page: &Page, path: &str, more: &[(&str, &str)]) -> Page {
        let form = page.form(path);
        let mut fields: Vec<(&str, &str)> =
            form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        fields.extend(more);
        let answer = self.post(path, &fields);
        assert_eq!(answer.status, 303, "{path}: {}", answer.body);
        self.page(&answer.header("location").unwrap())
    }

    /// Follows a stream until something is said there.
    #[track_caller]
    pub(crate) fn follow(&self, path: &str, until: &str) {
        let mut lines = BufReader::new(self.call(&format!("GET {path} HTTP/1.1\r\n"), "")).lines();
        assert!(lines.any(|line| line.unwrap().contains(until)), "{path} ended without {until}");
    }

    fn call(&self, head: &str, body: &str) -> TcpStream {
        let mut stream = TcpStream::connect(&self.host).unwrap();
        let (host, cookie) = (&self.host, &self.cookie);
        let request = format!(
            "{head}Host: {host}\r\nAccept: text/html\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    fn send(&self, head: &str, body: &str) -> Page {
        let mut stream = self.call(head, body);
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = if head.to_lowercase().contains("transfer-encoding: chunked") {
            whole(body)
        } else {
            body.to_owned()
        };
        Page { status, head: head.to_owned(), body }
    }
}

/// The body that came in chunks.
fn whole(mut chunks: &str) -> String {
    let mut body = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).unwrap();
        body.push_str(&rest[..size]);
        chunks = rest.get(size + 2..).unwrap_or_default();
    }
    body
}

fn escaped(text: &str) -> String {
    text.bytes()
        .map(
            |byte| {
                if byte.is_ascii_alphanumeric() {
                    char::from(byte).to_string()
                } else {
                    format!("%{byte:02X}")
                }
            },
        )
        .collect()
}

/// The text that markup stands for.
pub(crate) fn text_of(markup: &str) -> String {
    let mut text = String::new();
    let mut rest = markup;
    while let Some((before, after)) = rest.split_once('<') {
        text.push_str(before);
        rest = after.split_once('>').map_or("", |(_, after)| after);
    }
    text.push_str(rest);
    text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&")
}

impl Page {
    /// A header.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let lines = self.head.lines().filter_map(|line| line.split_once(':'));
        lines
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim().to_owned())
    }

    /// The hidden fields of the form that goes to `path`.
    #[track_caller]
    pub(crate) fn form(&self, path: &str) -> Vec<(String, String)> {
        let begins = format!("action=\"{path}\"");
        let at = self.body.find(&begins).unwrap_or_else(|| panic!("no form to {path}: {}", self.body));
        let form = &self.body[at..];
        let form = &form[..form.find("</form>").unwrap()];
        let inputs = form.split("<input ").skip(1).filter(|input| input.contains("type=\"hidden\""));
        let value = |input: &str, name: &str| {
            let begins = format!("{name}=\"");
            let rest = &input[input.find(&begins).unwrap() + begins.len()..];
            text_of(&rest[..rest.find('"').unwrap()])
        };
        inputs.map(|input| (value(input, "name"), value(input, "value"))).collect()
    }

    /// What stands between the first `from` and the next `to`.
    #[track_caller]
    pub(crate) fn between(&self, from: &str, to: &str) -> &str {
        let at = self.body.find(from).unwrap_or_else(|| panic!("no {from}: {}", self.body));
        let rest = &self.body[at + from.len()..];
        &rest[..rest.find(to).unwrap()]
    }
}
