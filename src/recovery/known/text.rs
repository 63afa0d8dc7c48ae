//! The text form of the known streams and bodies. FORMAT.md, section 23, defines the lines.

use crate::engine::chain::{Chain, Head};
use crate::engine::checksum::Digest;
use crate::engine::verify::KnownEnd;
use crate::recovery::known::seen::{BODIES_MAX, Known};

/// The first line, which names the version of the text form.
const HEADER: &str = "contexta known 1";

/// Returns the text form.
pub(super) fn to_text(known: &Known) -> String {
    let mut text = format!("{HEADER}\n");
    if known.epoch > 0 {
        text.push_str(&format!("epoch {}\n", known.epoch));
    }
    for end in known.all_ends() {
        // A link of zeros means that the link is unknown.
        let digest = end.link.unwrap_or(Chain::ORIGIN);
        text.push_str(&format!("stream {}\n", Head { stream: end.stream, seq: end.seq, digest }));
    }
    for body in &known.bodies {
        text.push_str(&format!("body {body}\n"));
    }
    let digest = Digest::of(text.as_bytes());
    text.push_str(&format!("end {digest}\n"));
    text
}

/// Reads the text form. The error is a text that describes the fault.
pub(super) fn from_text(text: &str) -> Result<Known, String> {
    let ending = text.strip_suffix('\n').ok_or("the last line is incomplete")?;
    let at = ending.rfind('\n').map_or(0, |at| at + 1);
    let (content, last) = text.split_at_checked(at).ok_or("the last line is incomplete")?;
    if last.trim_end() != format!("end {}", Digest::of(content.as_bytes())) {
        return Err("the content does not match its digest".to_owned());
    }
    let mut lines = content.lines();
    if lines.next() != Some(HEADER) {
        return Err("the file was written by another version".to_owned());
    }
    let mut known = Known::default();
    for (line, n) in lines.zip(2u64..) {
        let fault = || format!("line {n} is not valid");
        match line.split_once(' ') {
            // The line is the first line after the header.
            Some(("epoch", epoch)) if n == 2 => known.epoch = epoch.parse().map_err(|_| fault())?,
            Some(("stream", head)) => {
                let Head { stream, seq, digest } = head.parse().map_err(|_| fault())?;
                let link = Some(digest).filter(|digest| *digest != Chain::ORIGIN);
                known.see_stream(KnownEnd { stream, seq, link });
            }
            Some(("body", digest)) if known.bodies.len() < BODIES_MAX => {
                known.see_body(digest.parse().map_err(|_| fault())?);
            }
            _ => return Err(fault()),
        }
    }
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::entry::{Seq, StreamId};

    fn known() -> Known {
        let mut known = Known::default();
        known.begin_epoch(u64::MAX);
        let ends = [(1, 7, Some(Digest([5; 32]))), (2, 3, None), (3, 2, Some(Digest([6; 32]))), (3, 4, None)];
        for (stream, seq, link) in ends {
            known.see_stream(KnownEnd { stream: StreamId([stream; 16]), seq: Seq(seq), link });
        }
        known.see_body(Digest::of(b"body"));
        known
    }

    #[test]
    fn text_form_is_read_again() {
        assert_eq!(from_text(&to_text(&known())), Ok(known()));
        assert_eq!(from_text(&to_text(&Known::default())), Ok(Known::default()));
    }

    #[test]
    fn changed_or_cut_text_is_refused() {
        let text = to_text(&known());
        for at in 0..text.len() {
            assert!(from_text(&text[..at]).is_err(), "{at}");
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            if let Ok(changed) = String::from_utf8(bytes) {
                assert!(from_text(&changed).is_err(), "{at}");
            }
        }
        let body = "stream x\n";
        let hostile = format!("{HEADER}\n{body}end {}\n", Digest::of(format!("{HEADER}\n{body}").as_bytes()));
        assert_eq!(from_text(&hostile), Err("line 2 is not valid".to_owned()));
    }
}
