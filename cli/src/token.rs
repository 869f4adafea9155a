//! The token of a local gateway: written down at its start, found again by its address.
//!
//! A gateway holds a lock on its file as long as it lives, and the system releases it when the process
//! dies. A file that no one has locked is a leftover: its token opens nothing, and is sent to no one.

use std::env::temp_dir;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use hookgate_twin::Token;
use reqwest::Url;

/// The variable with the token for operators' commands, instead of the file.
pub(crate) const TOKEN_VARIABLE: &str = "HOOKGATE_TOKEN";

/// A token that this user's other commands find. The file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct TokenFile {
    path: PathBuf,
    _locked: File,
}

impl TokenFile {
    /// Writes down the token of the gateway at this URL, for this user only.
    pub(crate) fn write(url: &str, token: &Token) -> io::Result<TokenFile> {
        let address = addresses(url).into_iter().next();
        let folder = folder();
        remove_leftovers(&folder)?;
        let path = path(&folder, address.ok_or(ErrorKind::InvalidInput)?);
        // Complete and locked before others see it. It is made for its owner only.
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        file.as_file().lock()?;
        file.write_all(token.reveal().as_bytes())?;
        let file = file.persist(&path)?;
        Ok(TokenFile {
            path,
            _locked: file,
        })
    }
}

impl Drop for TokenFile {
    fn drop(&mut self) {
        // No one reads it once the gateway is gone.
        let _ = fs::remove_file(&self.path);
    }
}

/// The token of the gateway that this user runs at this URL.
pub(crate) fn find(url: &str) -> Option<String> {
    let folder = folder();
    let files = addresses(url).into_iter().flat_map(listening);
    files
        .map(|address| path(&folder, address))
        .find_map(|path| read(&path))
}

/// The addresses that a gateway which answers at this one may listen on.
fn listening(address: SocketAddr) -> impl Iterator<Item = SocketAddr> {
    let any: [IpAddr; 2] = [Ipv4Addr::UNSPECIFIED.into(), Ipv6Addr::UNSPECIFIED.into()];
    // Another machine's address is not ours: its gateway does not get our token.
    let any = any.into_iter().filter(move |_| address.ip().is_loopback());
    let any = any.map(move |ip| SocketAddr::new(ip, address.port()));
    std::iter::once(address).chain(any)
}

fn addresses(url: &str) -> Vec<SocketAddr> {
    let url = Url::parse(url).ok();
    let addresses = url.and_then(|url| url.socket_addrs(|| None).ok());
    addresses.unwrap_or_default()
}

fn read(path: &Path) -> Option<String> {
    let mut file = File::open(path).ok()?;
    if !is_own(&file) || is_leftover(&file) {
        return None;
    }
    let mut token = String::new();
    file.read_to_string(&mut token).ok()?;
    Some(token)
}

/// Removes the files of gateways that were killed.
fn remove_leftovers(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        if !name.is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX)) {
            continue;
        }
        let file = File::open(&path);
        if file.is_ok_and(|file| is_own(&file) && is_leftover(&file)) {
            // Another gateway that starts now may have been faster.
            let _ = fs::remove_file(&path);
        }
    }
    Ok(())
}

fn is_own(file: &File) -> bool {
    let owner = file.metadata().map(|metadata| metadata.uid());
    owner.is_ok_and(|owner| owner == rustix::process::geteuid().as_raw())
}

fn is_leftover(file: &File) -> bool {
    !matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock))
}

const PREFIX: &str = "hookgate-";
const SUFFIX: &str = ".token";

fn path(folder: &Path, address: SocketAddr) -> PathBuf {
    folder.join(format!("{PREFIX}{address}{SUFFIX}"))
}

/// The user's own runtime folder, or else the shared temporary folder.
fn folder() -> PathBuf {
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    own.filter(|folder| folder.is_dir())
        .unwrap_or_else(temp_dir)
}
