//! Tests of the encoding as columns.

use super::integers::{integers_of, planes_of};
use super::{ColumnWriter, Columns};
use crate::engine::bytes::put_varint;
use crate::engine::entry::{Kind, PayloadVersion, Seq, StreamChecksums, StreamId};
use crate::engine::log::format::pending::{PendingEntries, PendingEntry};

const STREAM: StreamId = StreamId([3; 16]);

fn pending(entries: &[(u16, u64, Vec<u8>)]) -> PendingEntries {
    let mut rows = PendingEntries::new();
    for (kind, time, payload) in entries {
        rows.push(PendingEntry { kind: Kind(*kind), version: PayloadVersion(1), time: *time, payload });
    }
    rows
}

fn encoded(rows: &PendingEntries) -> Vec<u8> {
    let mut out = Vec::new();
    ColumnWriter::new().unwrap().put(&mut out, rows, STREAM, Seq(5));
    out
}

fn decoded(payload: &[u8], rows: &PendingEntries) -> Option<Vec<(u16, u64, Vec<u8>)>> {
    let columns = Columns { payload, count: rows.len(), first: Seq(5), time: rows.times().0 };
    let entries = columns.decode(&StreamChecksums::of(STREAM))?;
    assert!(entries.iter().zip(5..).all(|(entry, seq)| entry.stamp.seq == Seq(seq)));
    Some(entries.into_iter().map(|entry| (entry.kind.0, entry.stamp.time, entry.payload)).collect())
}

/// Returns numbers that do not repeat: a generator of type xorshift with a fixed seed.
fn random(count: usize) -> impl Iterator<Item = u64> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    (0..count).map(move |_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    })
}

fn entries(count: usize) -> Vec<(u16, u64, Vec<u8>)> {
    let mut time = 1_000_000u64;
    random(count)
        .enumerate()
        .map(|(n, value)| {
            time += value % 4000;
            let payload = match n % 7 {
                0..4 => {
                    let key = ["loss", "accuracy", "f1", "loss"][n % 7];
                    let step = (n as u32).to_le_bytes();
                    [key.as_bytes(), &step, &value.to_le_bytes(), &(time / 1000).to_le_bytes()].concat()
                }
                4 => format!("event {n} {}", "x".repeat(n % 40)).into_bytes(),
                5 => Vec::new(),
                _ => vec![value as u8; 3],
            };
            ((n % 3) as u16, time, payload)
        })
        .collect()
}

#[test]
fn entries_of_every_number_are_decoded() {
    for count in (1..40).chain([255, 256, 257, 1000, 4096]) {
        let expected = entries(count);
        let rows = pending(&expected);
        assert_eq!(decoded(&encoded(&rows), &rows), Some(expected), "{count}");
    }
}

#[test]
fn integers_with_eight_bytes_are_decoded() {
    for values in [vec![], vec![0; 9], vec![u64::MAX, 0, 1], (0..300).map(|n| n << 50).collect()] {
        assert_eq!(integers_of(&planes_of(&values), values.len()), values);
    }
}

#[test]
fn extreme_times_and_falling_integers_are_decoded() {
    let payload = |n: u64| u64::MAX.wrapping_sub(n * n).to_le_bytes().to_vec();
    let mut expected: Vec<(u16, u64, Vec<u8>)> = (0..100).map(|n| (1, n, payload(n))).collect();
    expected.push((1, u64::MAX, payload(7)));
    let rows = pending(&expected);
    assert_eq!(decoded(&encoded(&rows), &rows), Some(expected));
}

#[test]
fn random_values_take_little_more_than_their_bytes() {
    let count = 4096;
    let expected: Vec<(u16, u64, Vec<u8>)> = random(count)
        .zip(0u64..)
        .map(|(value, n)| {
            let (time, step) = (n * 4500 + value % 1000, (n / 5) as u16);
            let key = ["loss", "acc__", "f1___", "auc__", "lr___"][n as usize % 5];
            let random = f64::from_bits(0x3ff0_0000_0000_0000 | value >> 12);
            let parts = [&[0; 60], key.as_bytes(), &step.to_le_bytes(), &random.to_le_bytes()];
            (17, time, [&parts.concat()[..], &(time / 1000).to_le_bytes()].concat())
        })
        .collect();
    let bytes = encoded(&pending(&expected)).len();
    assert!(bytes < count * 11, "{} bytes for an entry", bytes as f64 / count as f64);
}

/// The time to decode a row must not grow with the square of the number of its windows.
#[test]
fn row_with_many_windows_is_decoded_in_linear_time() {
    let windows = 100_000usize;
    let mut bytes = vec![0; 4];
    put_varint(&mut bytes, 1);
    [1, 1, (windows * 8 + 1) as u64, 1].iter().for_each(|number| put_varint(&mut bytes, *number));
    bytes.push(0);
    bytes.resize(bytes.len() + windows * 8, 7);
    bytes.resize(bytes.len() + windows, 0xff);
    put_varint(&mut bytes, windows as u64);
    (0..windows).for_each(|window| put_varint(&mut bytes, window as u64 * 8));
    bytes.resize(bytes.len() + windows, 0);
    let columns = Columns { payload: &bytes, count: 1, first: Seq(1), time: 1 };
    let (decoded, _) = columns.decode_unverified();
    assert_eq!(decoded.unwrap().entries().payload_bytes(), windows * 8);
}

#[test]
fn changed_bytes_are_refused_or_decode_to_the_same_entries() {
    let expected = entries(300);
    let rows = pending(&expected);
    let bytes = encoded(&rows);
    for at in 0..bytes.len() {
        for change in [1, 0x80, 0xff] {
            let mut bad = bytes.clone();
            bad[at] ^= change;
            assert!(decoded(&bad, &rows).is_none_or(|entries| entries == expected), "byte {at}");
        }
        assert_eq!(decoded(&bytes[..at], &rows), None);
    }
    assert_eq!(decoded(&[&bytes[..], &[0]].concat(), &rows), None);
}

#[test]
fn lengths_beyond_the_limits_are_refused() {
    let rows = pending(&entries(1));
    // One group of one entry with a length of about 2^60, and texts of this length.
    for group in [vec![1, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f, 1], vec![1, 0, 1, 0, 1]] {
        let mut bytes = [&[0; 4][..], &group].concat();
        bytes.extend_from_slice(&[8, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255]);
        bytes.extend_from_slice(&[0; 64]);
        assert_eq!(decoded(&bytes, &rows), None);
    }
}
