//! Log lines that carry metrics: a request, or a batch, has one line of log for both.

use std::cell::RefCell;
use std::io::{self, Write};

use tracing::Metadata;
use tracing_subscriber::fmt::MakeWriter;

/// The end of a line of JSON.
const END: &[u8] = b"}\n";

thread_local! {
    /// The members that the thread's next log line carries.
    static MEMBERS: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Writes the log line that `log` writes with these members of JSON in it, and returns them if it wrote none: the
/// filter may leave it out.
pub(super) fn write_into(members: String, log: impl FnOnce()) -> Option<String> {
    MEMBERS.set(Some(members));
    log();
    MEMBERS.take()
}

/// A writer of log lines that adds the members to the line that they belong to.
pub(super) struct Merging<W>(pub(super) W);

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Merging<W> {
    type Writer = Merging<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Merging(self.0.make_writer())
    }

    fn make_writer_for(&'a self, metadata: &Metadata<'_>) -> Self::Writer {
        Merging(self.0.make_writer_for(metadata))
    }
}

impl<W: Write> Write for Merging<W> {
    /// The formatter writes each line at once.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let object = line.strip_suffix(END);
        match object.and_then(|object| Some((object, MEMBERS.take()?))) {
            None => self.0.write(line),
            Some((object, members)) => {
                let comma: &[u8] = if members.is_empty() { b"" } else { b"," };
                let merged = [object, comma, members.as_bytes(), END].concat();
                self.0.write_all(&merged).map(|()| line.len())
            }
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
