//! The token of a local gateway: written down at its start, found again by its port.

use std::env::temp_dir;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use hookgate_twin::Token;
use reqwest::Url;

/// Holds the token for operators' commands, in place of the file.
pub(crate) const TOKEN_VARIABLE: &str = "HOOKGATE_TOKEN";

/// A token that this user's other commands find. The file goes when this is dropped.
#[derive(Debug)]
pub(crate) struct Noted(PathBuf);

impl Noted {
    /// Writes down the token of the gateway at this URL, for this user only.
    pub(crate) fn new(url: &str, token: &Token) -> io::Result<Noted> {
        let path = path(url).ok_or(ErrorKind::InvalidInput)?;
        // One that was killed left its token behind.
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut new = OpenOptions::new();
        let mut file = new.write(true).create_new(true).mode(0o600).open(&path)?;
        file.write_all(token.reveal().as_bytes())?;
        Ok(Noted(path))
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        // Nobody reads it once the gateway is gone.
        let _ = fs::remove_file(&self.0);
    }
}

/// The token that was written down for the gateway at this URL.
pub(crate) fn noted(url: &str) -> Option<String> {
    fs::read_to_string(path(url)?).ok()
}

fn path(url: &str) -> Option<PathBuf> {
    let port = Url::parse(url).ok()?.port_or_known_default()?;
    let own = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
    let folder = own
        .filter(|folder| folder.is_dir())
        .unwrap_or_else(temp_dir);
    Some(Path::new(&folder).join(format!("hookgate-{port}.token")))
}
