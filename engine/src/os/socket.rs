//! Unix sockets in directories of any depth, for programs of one user.
//!
//! The address of a Unix socket has room for 107 bytes, and state directories are often longer. The directory is
//! opened, and the socket is named through `/proc/self/fd`, which is always short.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// The longest path that fits into the address of a Unix socket, with its closing zero.
const ADDRESS_BYTES_MAX: usize = 107;

fn with_short<T>(path: &Path, act: impl FnOnce(&Path) -> io::Result<T>) -> io::Result<T> {
    if path.as_os_str().len() <= ADDRESS_BYTES_MAX {
        return act(path);
    }
    let bad = || io::Error::new(io::ErrorKind::InvalidInput, "a socket needs a directory and a name");
    let dir: OwnedFd = rustix::fs::open(
        path.parent().ok_or_else(bad)?,
        OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )?;
    let short = Path::new("/proc/self/fd").join(dir.as_raw_fd().to_string());
    act(&short.join(path.file_name().ok_or_else(bad)?))
}

/// How many callers wait in the system's queue.
const WAITING_MAX: i32 = 128;

/// Listens at `path`, in place of a socket that an earlier process left there. Only its user can open it, from the moment
/// that it is there.
///
/// # Errors
/// Those of the system.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    with_short(path, |short| {
        let flags = SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
        // A name is made with the mode that its socket has; nobody ever finds it with another.
        rustix::fs::fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        rustix::net::bind(&socket, &SocketAddrUnix::new(short)?)?;
        rustix::net::listen(&socket, WAITING_MAX)?;
        Ok(UnixListener::from(socket))
    })
}

/// Connects to `path`.
///
/// # Errors
/// Those of the system; `NotFound` and `ConnectionRefused` say that nobody listens.
pub fn connect(path: &Path) -> io::Result<UnixStream> {
    with_short(path, |short| UnixStream::connect(short))
}

/// The process at the other end; of a socket that was listened on, the one that listens.
pub fn peer(stream: &UnixStream) -> Option<u32> {
    let peer = rustix::net::sockopt::socket_peercred(stream).ok()?;
    u32::try_from(peer.pid.as_raw_nonzero().get()).ok()
}

/// Whether the process at the other end runs for the user of this one.
pub fn same_user(stream: &UnixStream) -> bool {
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| peer.uid == rustix::process::geteuid())
}
