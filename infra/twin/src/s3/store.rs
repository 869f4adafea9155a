use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempDir};
use thiserror::Error;

/// The folder of objects that are being written.
const INCOMING: &str = "incoming";

/// Objects in a folder. A file's name is the SHA-256 of its bucket and key, so that no key can name a
/// place outside.
#[derive(Clone, Debug)]
pub struct Objects {
    folder: PathBuf,
    /// Removes the folder at the end, where it is a temporary one.
    _temporary: Option<Arc<TempDir>>,
}

/// An object cannot be written or read.
#[derive(Debug, Error)]
#[error("the folder of S3's objects, {folder}, cannot be used")]
pub struct S3Error {
    folder: PathBuf,
    source: std::io::Error,
}

impl Objects {
    /// The objects in a folder, which is made where it is missing. What a process that died was writing
    /// is removed.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub fn open(folder: &Path) -> Result<Objects, S3Error> {
        Objects::prepare(Objects {
            folder: folder.to_owned(),
            _temporary: None,
        })
    }

    /// Objects that last as long as this and its clones.
    ///
    /// # Errors
    /// When there can be no temporary folder.
    pub fn temporary() -> Result<Objects, S3Error> {
        let folder = TempDir::new().map_err(|source| S3Error {
            folder: std::env::temp_dir(),
            source,
        })?;
        Objects::prepare(Objects {
            folder: folder.path().to_owned(),
            _temporary: Some(Arc::new(folder)),
        })
    }

    fn prepare(objects: Objects) -> Result<Objects, S3Error> {
        let incoming = objects.folder.join(INCOMING);
        let emptied = match fs::remove_dir_all(&incoming) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => fs::create_dir_all(&incoming),
        };
        emptied.map_err(|error| objects.failed(error))?;
        Ok(objects)
    }

    /// Puts an object. A process that dies leaves the old object or the new one, never a part of it.
    pub(super) fn put(&self, path: &str, body: &[u8]) -> Result<(), S3Error> {
        self.write(path, body).map_err(|error| self.failed(error))
    }

    fn write(&self, path: &str, body: &[u8]) -> std::io::Result<()> {
        let mut file = NamedTempFile::new_in(self.folder.join(INCOMING))?;
        file.write_all(body)?;
        file.as_file().sync_all()?;
        file.persist(self.file(path))?;
        // The name is durable only when the folder is.
        File::open(&self.folder)?.sync_all()
    }

    /// An object's bytes; `None` if there is none.
    pub(super) fn get(&self, path: &str) -> Result<Option<Vec<u8>>, S3Error> {
        match fs::read(self.file(path)) {
            Ok(body) => Ok(Some(body)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Removes an object, where there is one.
    pub(super) fn delete(&self, path: &str) -> Result<(), S3Error> {
        match fs::remove_file(self.file(path)) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(self.failed(error)),
            _ => Ok(()),
        }
    }

    /// Removes the objects that were written more than `age` before `now`, as a bucket's lifecycle does.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn expire(&self, now: SystemTime, age: Duration) -> Result<(), S3Error> {
        let oldest = now.checked_sub(age).unwrap_or(SystemTime::UNIX_EPOCH);
        self.expire_before(oldest)
            .map_err(|error| self.failed(error))
    }

    fn expire_before(&self, oldest: SystemTime) -> std::io::Result<()> {
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            let found = entry.metadata()?;
            if found.is_file() && found.modified()? < oldest {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    }

    fn file(&self, path: &str) -> PathBuf {
        self.folder.join(hex::encode(Sha256::digest(path)))
    }

    fn failed(&self, source: std::io::Error) -> S3Error {
        S3Error {
            folder: self.folder.clone(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 3600);

    #[test]
    fn an_object_is_there_again_after_a_restart_and_what_was_half_written_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let objects = Objects::open(folder.path()).expect("an empty folder");
        objects.put("/b/k", b"\x00\xff").expect("it is put");
        fs::write(folder.path().join(INCOMING).join("half"), b"x").expect("it is written");

        let again = Objects::open(folder.path()).expect("the same folder");
        let found = again.get("/b/k").expect("it is read");
        assert_eq!(found.as_deref(), Some(&b"\x00\xff"[..]));
        let incoming = fs::read_dir(folder.path().join(INCOMING)).expect("a folder");
        assert_eq!(incoming.count(), 0);
    }

    #[test]
    fn no_key_names_a_place_outside_of_the_folder() {
        let folder = tempfile::tempdir().expect("a folder");
        let inside = folder.path().join("objects");
        let objects = Objects::open(&inside).expect("an empty folder");
        for key in ["/b/../../x", "/b//etc/passwd", "/b/a/b/c", "/b/\u{0}"] {
            objects.put(key, key.as_bytes()).expect("it is put");
            let found = objects.get(key).expect("it is read");
            assert_eq!(found.as_deref(), Some(key.as_bytes()));
        }
        let outside = fs::read_dir(folder.path()).expect("a folder");
        assert_eq!(outside.count(), 1);
    }

    #[test]
    fn what_is_older_than_it_may_be_goes() {
        let objects = Objects::temporary().expect("a folder");
        objects.put("/b/old", b"old").expect("it is put");
        let written = fs::metadata(objects.file("/b/old")).and_then(|found| found.modified());
        let written = written.expect("it has a time");
        objects.expire(written + DAY, 2 * DAY).expect("a folder");
        assert!(objects.get("/b/old").expect("it is read").is_some());
        objects
            .expire(written + 3 * DAY, 2 * DAY)
            .expect("a folder");
        assert!(objects.get("/b/old").expect("it is read").is_none());
    }
}
