//! How the engine is to be looked at.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use convoy_api::Failure;

use super::Config;

/// Where pages are served if nothing is said: any free port, for this machine only.
const DEFAULT: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl Config {
    /// Where the engine serves pages; nowhere if that is turned off.
    ///
    /// # Errors
    /// When it is neither `off` nor an address with a port.
    pub fn http(&self) -> Result<Option<SocketAddr>, Failure> {
        match self.text("daemon.http")? {
            None => Ok(Some(DEFAULT)),
            Some("off") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                self.wrong("daemon.http", "\"off\" or an address with a port such as \"127.0.0.1:0\"")
            }),
        }
    }

    /// By what other names than its address the machine may be called there.
    ///
    /// # Errors
    /// When one is no name of a host, with or without a port.
    pub fn hosts(&self) -> Result<Vec<String>, Failure> {
        let hosts = self.texts("daemon.hosts")?.unwrap_or_default();
        let plain = |host: &String| {
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b))
        };
        if hosts.iter().all(plain) {
            Ok(hosts)
        } else {
            Err(self.wrong("daemon.hosts", "names of hosts, each with or without a port"))
        }
    }
}
