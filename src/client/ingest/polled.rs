//! An input that is read by a thread of its own, so that its reader can do other work while nothing arrives.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// The greatest number of bytes that one read returns.
const PART_BYTES_MAX: usize = 256 << 10;
/// The time after which a read without data returns.
const WAIT: Duration = Duration::from_millis(250);

/// An input whose reads return with [`io::ErrorKind::WouldBlock`] after a quarter of a second without data. With it, an
/// ingest writes entries that the disk has refused before the next line arrives.
#[derive(Debug)]
pub struct PolledInput {
    parts: Receiver<io::Result<Vec<u8>>>,
    /// The part that was received last, and the number of its bytes that were returned.
    part: Vec<u8>,
    returned: usize,
    wait: Duration,
}

impl PolledInput {
    /// Starts a thread that reads from `read`, one part in advance. The thread ends after the end of `read`, or with the
    /// first part that it reads after the drop of the input. Errors: the thread cannot be started.
    pub fn new(read: impl Read + Send + 'static) -> io::Result<PolledInput> {
        PolledInput::with_wait(read, WAIT)
    }

    fn with_wait(read: impl Read + Send + 'static, wait: Duration) -> io::Result<PolledInput> {
        let (sender, parts) = sync_channel(1);
        thread::Builder::new().name("contexta-input".to_owned()).spawn(move || forward(read, &sender))?;
        Ok(PolledInput { parts, part: Vec::new(), returned: 0, wait })
    }
}

/// Sends what `read` returns, up to its end or its first error.
fn forward(mut read: impl Read, parts: &SyncSender<io::Result<Vec<u8>>>) {
    let mut buffer = vec![0; PART_BYTES_MAX];
    loop {
        let part = match read.read(&mut buffer) {
            Ok(0) => return,
            Ok(len) => Ok(buffer.get(..len).unwrap_or_default().to_vec()),
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => Err(e),
        };
        let has_failed = part.is_err();
        if parts.send(part).is_err() || has_failed {
            return;
        }
    }
}

impl Read for PolledInput {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.returned == self.part.len() {
            self.part = match self.parts.recv_timeout(self.wait) {
                Ok(part) => part?,
                Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::WouldBlock.into()),
                Err(RecvTimeoutError::Disconnected) => return Ok(0),
            };
            self.returned = 0;
        }
        let len = self.part.get(self.returned..).unwrap_or_default().read(out)?;
        self.returned += len;
        Ok(len)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A source that returns one part for each message.
    struct Messages(Receiver<io::Result<&'static [u8]>>);

    impl Read for Messages {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let part = self.0.recv().unwrap_or(Ok(b""))?;
            out[..part.len()].copy_from_slice(part);
            Ok(part.len())
        }
    }

    fn read(input: &mut PolledInput, len: usize) -> io::Result<Vec<u8>> {
        let mut out = vec![0; len];
        loop {
            match input.read(&mut out) {
                Ok(len) => return Ok(out[..len].to_vec()),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Err(e),
            }
        }
    }

    #[test]
    fn read_without_data_returns_and_loses_nothing() {
        let (sender, messages) = sync_channel(8);
        let mut input = PolledInput::with_wait(Messages(messages), Duration::ZERO).unwrap();
        assert_eq!(input.read(&mut [0; 8]).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        sender.send(Ok(b"abcde")).unwrap();
        sender.send(Err(io::ErrorKind::Interrupted.into())).unwrap();
        sender.send(Ok(b"f")).unwrap();
        let parts: Vec<Vec<u8>> = (0..3).map(|_| read(&mut input, 3).unwrap()).collect();
        assert_eq!(parts, [b"abc".to_vec(), b"de".to_vec(), b"f".to_vec()]);
        drop(sender);
        assert_eq!(read(&mut input, 3).unwrap(), b"");
    }

    #[test]
    fn error_of_the_source_is_returned() {
        let (sender, messages) = sync_channel(8);
        let mut input = PolledInput::new(Messages(messages)).unwrap();
        sender.send(Ok(b"a")).unwrap();
        sender.send(Err(io::ErrorKind::UnexpectedEof.into())).unwrap();
        assert_eq!(read(&mut input, 8).unwrap(), b"a");
        assert_eq!(read(&mut input, 8).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
