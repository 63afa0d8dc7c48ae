//! Sequential reading and writing of a [`File`].

use crate::engine::storage::interface::File;
use std::io;
use std::sync::Arc;

/// A sequential reader of a file.
#[derive(Debug)]
pub struct FileReader {
    file: Arc<dyn File>,
    at: u64,
}

impl FileReader {
    /// Creates a reader at the start of the file.
    pub fn new(file: Arc<dyn File>) -> FileReader {
        FileReader { file, at: 0 }
    }
}

impl io::Read for FileReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let got = self.file.read_at(self.at, out)?;
        self.at += got as u64;
        Ok(got)
    }
}

/// A sequential writer of a file. The caller syncs and publishes the file.
#[derive(Debug)]
pub struct FileWriter {
    file: Arc<dyn File>,
    at: u64,
}

impl FileWriter {
    /// Creates a writer at the start of the file.
    pub fn new(file: Arc<dyn File>) -> FileWriter {
        FileWriter { file, at: 0 }
    }
}

impl io::Write for FileWriter {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let done = self.file.write_at(self.at, data)?;
        self.at += done as u64;
        Ok(done)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
