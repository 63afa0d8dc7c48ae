//! The header area and the marks of a segment from arbitrary bytes: accepted values are written back unchanged.
//! Headers are tried unchanged, and again with corrected checksums.

use contexta::engine::bytes::is_zero;
use contexta::engine::checksum::salted_crc32;
use contexta::engine::entry::{Seq, StreamId};
use contexta::engine::log::directory::read_headers;
use contexta::engine::log::header::{
    FRAMES_AT, HeaderFault, SECOND_HEADER_AT, SEGMENT_HEADER_LEN, SEGMENT_MAGIC, SegmentHeader,
};
use contexta::engine::log::mark::Mark;
use contexta::engine::storage::OpenMode;
use contexta::engine::storage::sim::SimDisk;
use std::path::Path;

pub(crate) fn run(data: &[u8]) {
    for sealed in [false, true] {
        if let Some(mark) = Mark::decode(data, sealed) {
            assert_eq!(mark.encode(), data);
            assert_eq!(mark.seal.is_some(), sealed);
        }
    }
    one(data);
    area(data);
    let mut mended = data.to_vec();
    for at in [0, SECOND_HEADER_AT as usize] {
        if let Some(copy) = mended.get_mut(at..at + SEGMENT_HEADER_LEN) {
            mend(copy);
        }
    }
    one(&mended);
    area(&mended);
}

/// Sets magic and checksum of one copy of a header.
pub(crate) fn mend(copy: &mut [u8]) {
    copy[..8].copy_from_slice(&SEGMENT_MAGIC);
    let sum = salted_crc32(u64::from_le_bytes(SEGMENT_MAGIC), &[&copy[..SEGMENT_HEADER_LEN - 4]]);
    copy[SEGMENT_HEADER_LEN - 4..SEGMENT_HEADER_LEN].copy_from_slice(&sum.to_le_bytes());
}

fn one(bytes: &[u8]) {
    if let Ok(header) = SegmentHeader::decode_one(bytes) {
        assert!(header.base.0 > 0);
        let written = header.encode();
        assert_eq!(written.len() as u64, FRAMES_AT);
        assert_eq!(SegmentHeader::decode_one(&written), Ok(header));
    }
}

/// Chooses between the two copies according to the table of FORMAT.md, "Header".
fn area(bytes: &[u8]) {
    let disk = SimDisk::new(1);
    disk.overwrite(Path::new("/segment"), bytes.to_vec());
    let file = disk.process(1).open(Path::new("/segment"), OpenMode::Read).expect("the file exists");
    let area = bytes.get(..FRAMES_AT as usize).unwrap_or(bytes);
    let copies = [0, SECOND_HEADER_AT as usize]
        .map(|at| SegmentHeader::decode_one(area.get(at..).unwrap_or_default()));
    let [first, second] = &copies;
    // The expected identity is that of the second copy, so that the first copy may have another identity.
    let place = |header: &SegmentHeader| (header.stream, header.base);
    let here = second.as_ref().or(first.as_ref()).map_or((StreamId([3; 16]), Seq::FIRST), place);
    let headers = read_headers(file.as_ref(), here.0, here.1).expect("the simulated disk reads");
    match (&headers.header, first, second) {
        (Ok(chosen), Ok(first), Ok(second)) if place(first) != here => assert_eq!(chosen, second),
        (Ok(chosen), Ok(first), _) => assert_eq!(chosen, first),
        (Ok(chosen), Err(HeaderFault::Damaged), Ok(second)) => assert_eq!(chosen, second),
        (Err(HeaderFault::Newer { .. }), Err(HeaderFault::Newer { .. }), _) => {}
        (Err(HeaderFault::Newer { .. }), Err(HeaderFault::Damaged), Err(HeaderFault::Newer { .. })) => {}
        (Err(HeaderFault::Damaged), Err(HeaderFault::Damaged), Err(HeaderFault::Damaged)) => {}
        other => panic!("no row of the table gives {other:?}"),
    }
    let short = area.len() < FRAMES_AT as usize;
    assert_eq!(headers.unfinished, short || (headers.header.is_err() && is_zero(area)));
    let equal = first.is_ok() && first == second;
    let between = area.get(SEGMENT_HEADER_LEN..SECOND_HEADER_AT as usize);
    let clean = equal && between.is_some_and(is_zero);
    if headers.header.is_ok() {
        let short = area.len() < SECOND_HEADER_AT as usize;
        assert!(clean == headers.damaged.is_empty() || short, "{:?}", headers.damaged);
    } else {
        assert!(headers.damaged.is_empty());
    }
    assert!(headers.damaged.iter().all(|(at, len)| at + len <= FRAMES_AT && *len > 0));
}
