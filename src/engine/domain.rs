//! The domain of an embedder: name and version of its event types. Every segment header contains the domain (FORMAT.md,
//! "Segment").

use std::fmt;
use std::str::FromStr;

/// The maximum length of a domain's name, in bytes.
pub const DOMAIN_NAME_LEN_MAX: usize = 32;

/// A name and a version for the set of kinds and payloads that an embedder stores in its log.
///
/// The name distinguishes the logs of different programs. The embedder raises the version when older builds must not
/// read or continue newer logs. A new kind of event, or a new version of a payload, needs no new version of the domain
/// if older builds may read the log without these entries: such builds count and report them. The text form is
/// `name/version`.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Domain {
    /// The name, followed by zeros.
    name: [u8; DOMAIN_NAME_LEN_MAX],
    version: u32,
}

/// The reason why a text is not a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDomain {
    /// The name is empty or too long.
    #[error("a domain's name has 1 to 32 bytes, not {len}")]
    NameLength {
        /// The length of the name in bytes.
        len: usize,
    },
    /// The name contains a byte other than a-z, 0-9, `.`, `_` and `-`.
    #[error("a domain's name consists of a-z, 0-9, `.`, `_` and `-`; byte {byte:#04x} is none of them")]
    NameByte {
        /// The first byte that is not allowed.
        byte: u8,
    },
    /// The text is not a name, a slash and a version.
    #[error("a domain is written as name/version, such as jobs/1")]
    Text,
}

impl Domain {
    /// Creates a domain. The name has 1 to 32 bytes out of a-z, 0-9, `.`, `_` and `-`.
    pub const fn new(name: &str, version: u32) -> Result<Domain, InvalidDomain> {
        let len = name.len();
        if len == 0 || len > DOMAIN_NAME_LEN_MAX {
            return Err(InvalidDomain::NameLength { len });
        }
        let mut padded = [0; DOMAIN_NAME_LEN_MAX];
        let (mut from, mut to): (&[u8], &mut [u8]) = (name.as_bytes(), &mut padded);
        while let ([byte, rest @ ..], [slot, room @ ..]) = (from, to) {
            if !matches!(*byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-') {
                return Err(InvalidDomain::NameByte { byte: *byte });
            }
            *slot = *byte;
            (from, to) = (rest, room);
        }
        Ok(Domain { name: padded, version })
    }

    /// Returns the name.
    pub fn name(&self) -> &str {
        let len = self.name.iter().position(|byte| *byte == 0).unwrap_or(DOMAIN_NAME_LEN_MAX);
        // The constructors admit ASCII only.
        self.name.get(..len).and_then(|name| std::str::from_utf8(name).ok()).unwrap_or_default()
    }

    /// Returns the version.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// Returns true if a program of this domain may read a log of the domain `found`. This requires that the names are
    /// equal and that the version of `found` is not newer.
    pub fn reads(&self, found: Domain) -> bool {
        self.name == found.name && found.version <= self.version
    }

    /// Returns the name as a segment header stores it: followed by zeros.
    pub(crate) fn name_bytes(&self) -> &[u8; DOMAIN_NAME_LEN_MAX] {
        &self.name
    }

    /// Creates a domain from the fields of a segment header. Returns `None` if `name` is not a valid name followed by
    /// zeros.
    pub(crate) fn from_bytes(version: u32, name: &[u8; DOMAIN_NAME_LEN_MAX]) -> Option<Domain> {
        let len = name.iter().rposition(|byte| *byte != 0)? + 1;
        let text = std::str::from_utf8(name.get(..len)?).ok()?;
        Domain::new(text, version).ok()
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name(), self.version)
    }
}

impl fmt::Debug for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(text: &str) -> Result<Domain, InvalidDomain> {
        let (name, version) = text.split_once('/').ok_or(InvalidDomain::Text)?;
        let is_plain = version.bytes().all(|byte| byte.is_ascii_digit());
        let version = version.parse().ok().filter(|_| is_plain).ok_or(InvalidDomain::Text)?;
        Domain::new(name, version)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_outside_the_alphabet_or_length_are_refused() {
        let longest = "a".repeat(DOMAIN_NAME_LEN_MAX);
        for name in ["a", "contexta-ml", "job.queue_2", longest.as_str()] {
            let domain = Domain::new(name, 7).unwrap();
            assert_eq!((domain.name(), domain.version()), (name, 7));
            assert_eq!(Domain::from_bytes(7, domain.name_bytes()), Some(domain));
            assert_eq!(domain.to_string().parse(), Ok(domain));
        }
        let too_long = "a".repeat(DOMAIN_NAME_LEN_MAX + 1);
        assert_eq!(Domain::new("", 1), Err(InvalidDomain::NameLength { len: 0 }));
        assert_eq!(Domain::new(&too_long, 1), Err(InvalidDomain::NameLength { len: 33 }));
        for (name, byte) in [("Jobs", b'J'), ("a b", b' '), ("a/b", b'/'), ("a\0", 0), ("ä", 0xc3)] {
            assert_eq!(Domain::new(name, 1), Err(InvalidDomain::NameByte { byte }), "{name:?}");
        }
        for text in ["jobs", "jobs/", "jobs/+1", "jobs/4294967296", "jobs/1/2"] {
            assert_eq!(text.parse::<Domain>(), Err(InvalidDomain::Text), "{text:?}");
        }
    }

    #[test]
    fn stored_names_with_bytes_behind_a_zero_are_refused() {
        let mut name = *Domain::new("jobs", 1).unwrap().name_bytes();
        assert!(Domain::from_bytes(1, &name).is_some());
        name[5] = b'x';
        assert_eq!(Domain::from_bytes(1, &name), None);
        assert_eq!(Domain::from_bytes(1, &[0; DOMAIN_NAME_LEN_MAX]), None);
        assert_eq!(Domain::from_bytes(1, &[0xff; DOMAIN_NAME_LEN_MAX]), None);
    }

    #[test]
    fn newer_versions_and_other_names_are_not_read() {
        let jobs = |version| Domain::new("jobs", version).unwrap();
        assert!(jobs(2).reads(jobs(1)) && jobs(2).reads(jobs(2)));
        assert!(!jobs(2).reads(jobs(3)));
        assert!(!jobs(2).reads(Domain::new("job", 1).unwrap()));
    }
}
