#!/usr/bin/env python3
"""A second reader of the log. It was written from docs/FORMAT.md and RFC 8878 alone.

The program imports only the Python standard library and zstd.py.

    python3 docs/reader.py [--no-digests] LOG...

LOG is a directory of streams (`log` in a workspace). It is read in full mode (FORMAT.md, section 6) and is not changed.
The output is one JSON object a line, in the order of the streams' names and of the sequence numbers:

    {"type": "log", "path": ...}
    {"type": "entry", "stream", "seq", "time", "kind", "version", "payload": hexadecimal, "segment", "offset"}
    {"type": "gap", "stream", "first", "last": null if nothing bounds it, "cause"}
    {"type": "finding", "kind", "stream", "segment", "offset", "len"}
    {"type": "stream", "stream", "tail", "next", "domain", "unfinished_creation", "link"}

`--no-digests` leaves out the chain and the digests of seals: BLAKE3 in Python takes about a second for half a MiB.
Numbers in comments are sections of FORMAT.md. Each segment is held in memory while it is read. The file zstd.py in the
same directory decodes zstd frames.
"""

import collections
import itertools
import json
import os
import re
import struct
import sys
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))  # `python3 -I` does not search it
import zstd

# ---- BLAKE3, unkeyed, 32 bytes (2)

IV = (0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A, 0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19)
CHUNK_START, CHUNK_END, PARENT, ROOT = 1, 2, 4, 8
MASK = 0xFFFFFFFF
COLUMNS = ((0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15))
DIAGONALS = ((0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14))
PERMUTATION = (2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8)
CHUNK_LEN, BLOCK_LEN = 1024, 64


def schedule():
    """Returns, for each of the seven rounds, the eight quarter rounds with the words of the message they mix in."""
    order, rounds = list(range(16)), []
    for _ in range(7):
        places = [place + (order[2 * n], order[2 * n + 1]) for n, place in enumerate(COLUMNS + DIAGONALS)]
        rounds.extend(places)
        order = [order[n] for n in PERMUTATION]
    return tuple(rounds)


SCHEDULE = schedule()


def compress(cv, block, length, counter, flags):
    m = struct.unpack("<16I", block)
    v = list(cv) + list(IV[:4]) + [counter & MASK, counter >> 32 & MASK, length, flags]
    for a, b, c, d, x, y in SCHEDULE:
        p, q, r, s = v[a], v[b], v[c], v[d]
        p = p + q + m[x] & MASK
        s ^= p
        s = (s >> 16 | s << 16) & MASK
        r = r + s & MASK
        q ^= r
        q = (q >> 12 | q << 20) & MASK
        p = p + q + m[y] & MASK
        s ^= p
        s = (s >> 8 | s << 24) & MASK
        r = r + s & MASK
        q ^= r
        v[a], v[b], v[c], v[d] = p, (q >> 7 | q << 25) & MASK, r, s
    return [v[n] ^ v[n + 8] for n in range(8)]


def blake3(data):
    def chunk(at, counter, root):
        cv, end = IV, min(at + CHUNK_LEN, len(data))
        start = at
        while True:
            block = bytes(data[at : min(at + BLOCK_LEN, end)])
            flags = (CHUNK_START if at == start else 0) | (CHUNK_END | root if at + BLOCK_LEN >= end else 0)
            cv = compress(cv, block.ljust(BLOCK_LEN, b"\0"), len(block), counter, flags)
            at += BLOCK_LEN
            if at >= end:
                return cv

    def tree(first, count, root):
        if count == 1:
            return chunk(first * CHUNK_LEN, first, root)
        left = 1 << (count - 1).bit_length() - 1
        both = tree(first, left, 0) + tree(first + left, count - left, 0)
        return compress(IV, struct.pack("<16I", *both), BLOCK_LEN, 0, PARENT | root)

    return struct.pack("<8I", *tree(0, max(1, -(-len(data) // CHUNK_LEN)), ROOT))


def self_test():
    empty = "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262"
    letters = "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85"
    # Bytes 0 to 250 over and over, 3073 of them: four chunks, the last of one byte.
    several = "7124b49501012f81cc7f11ca069ec9226cecb8a2c850cfe644e327d22d3e1cd3"
    bytes_ = bytes(n % 251 for n in range(3073))
    for data, digest in ((b"", empty), (b"abc", letters), (bytes_, several)):
        if blake3(data).hex() != digest:
            raise SystemExit("reader.py: BLAKE3 does not give its check values")
    if zlib.crc32(b"123456789") != 0xCBF43926:
        raise SystemExit("reader.py: CRC-32 does not give its check value")


# ---- Constants and checksums (2)

HEADER_LEN, SECOND_AT, FRAMES_AT, FRAME_HEADER_LEN = 256, 4096, 4352, 48
SEGMENT_MAGIC, FRAME_MAGIC = b"CTXASEG\0", b"CxF1"
HEADER_SALT = 0x0047455341585443
FORMAT_VERSION = 0
CODEC_ROWS, CODEC_COLUMNS, CODEC_ERASED = 1, 2, 3
FRAME_PAYLOAD_MAX, FRAME_ENTRIES_MAX = 16 << 20, 65536
PAYLOAD_MAX, EXPANDED_MAX, SEAL_INDEX_MAX, CANDIDATE_BYTES_MAX = 4 << 20, 16 << 20, 65536, 64 << 20
CLOSE, SEAL = 1, 2
U64 = (1 << 64) - 1
NO_LINK = bytes(32)


def crc(salt, data):
    return zlib.crc32(data, zlib.crc32(struct.pack("<Q", salt)))


def is_zero(data):
    return not any(data)


# ---- Segment header (5)

NEWER, DAMAGED = "newer", "damaged"


class Header:
    """A whole header. `origin_first` is None for an ordinary stream."""

    def __init__(self, copy):
        (self.stream,) = struct.unpack_from("16s", copy, 16)
        self.base, self.chain, self.salt, self.previous_salt = struct.unpack_from("<Q32sQQ", copy, 80)
        (flag,) = struct.unpack_from("<Q", copy, 144)
        (self.origin_first,) = struct.unpack_from("<Q", copy, 168) if flag else (None,)
        (version,) = struct.unpack_from("<I", copy, 208)
        self.domain = "%s/%d" % (copy[212:244].rstrip(b"\0").decode("ascii"), version)
        self.copy = meaning(copy)

    def known_chain(self):
        first = 1 if self.origin_first is None else self.origin_first
        return self.chain if self.chain != NO_LINK or self.base == first else None


def meaning(copy):
    """The bytes that count when two whole copies are compared: format version and ignored home fields do not."""
    home = copy[40:80] if copy[32:40] != bytes(8) else bytes(40)
    return copy[16:40] + home + copy[80:244]


def decode_header(copy):
    if len(copy) < HEADER_LEN or copy[:8] != SEGMENT_MAGIC:
        return DAMAGED
    if crc(HEADER_SALT, copy[:252]) != struct.unpack_from("<I", copy, 252)[0]:
        return DAMAGED
    reader_version, length = struct.unpack_from("<HI", copy, 10)
    if reader_version > FORMAT_VERSION:
        return NEWER
    home, base = struct.unpack_from("<Q", copy, 32)[0], struct.unpack_from("<Q", copy, 80)[0]
    flag, first = struct.unpack_from("<Q", copy, 144)[0], struct.unpack_from("<Q", copy, 168)[0]
    origin_holds = is_zero(copy[152:208]) if flag == 0 else flag == 1 and 1 <= first <= base
    name_holds = re.fullmatch(rb"[a-z0-9._-]{1,32}\0*", copy[212:244])
    if length != HEADER_LEN or base == 0 or home > 1 or not origin_holds or not name_holds:
        return DAMAGED
    return Header(copy) if is_zero(copy[244:252]) else DAMAGED


class Headers:
    """The header area of a segment: the header that counts (or NEWER, DAMAGED), and damaged places (offset, length)."""

    def __init__(self, data, stream, base):
        def own(header):
            return isinstance(header, Header) and (header.stream, header.base) == (stream, base)

        one, two = decode_header(data[:HEADER_LEN]), decode_header(data[SECOND_AT:FRAMES_AT])
        self.damaged = []
        if isinstance(one, Header) and not own(one) and own(two):
            self.header = two
            self.damaged.append((0, HEADER_LEN))
        elif isinstance(one, Header):
            self.header = one
            if not (isinstance(two, Header) and two.copy == one.copy):
                self.damaged.append((SECOND_AT, HEADER_LEN))
        elif one == DAMAGED and isinstance(two, Header):
            self.header = two
            self.damaged.append((0, HEADER_LEN))
        else:
            self.header = NEWER if one == NEWER or two == NEWER else DAMAGED
        between = data[HEADER_LEN:SECOND_AT]
        if isinstance(self.header, Header) and not is_zero(between):
            self.damaged.append((HEADER_LEN + len(between) - len(between.lstrip(b"\0")), 1))
        self.own = own(self.header)
        lost = not isinstance(self.header, Header)
        self.cut = len(data) < FRAMES_AT or (lost and is_zero(data[:FRAMES_AT]))
        in_part = lost or bool(self.damaged) or len(data) < FRAMES_AT
        area = data[:FRAMES_AT].ljust(FRAMES_AT, b"\0")
        copies = area[:HEADER_LEN], area[SECOND_AT:]
        self.partial = (
            in_part
            and len(data) <= FRAMES_AT
            and is_zero(area[HEADER_LEN:SECOND_AT])
            and all(
                own(decode_header(copy)) or is_front(copy, other, own(decode_header(other)), stream, base)
                for copy, other in (copies, copies[::-1])
            )
        )


def is_front(copy, other, other_is_whole, stream, base):
    """Whether a copy may be the front of a header of this segment, followed by zeros (5, partial area)."""
    written = len(copy.rstrip(b"\0"))
    if other_is_whole:
        return other.startswith(copy[:written])
    checksum = struct.pack("<I", crc(HEADER_SALT, copy[:252]))
    if copy[252:] == checksum:
        return False
    fields = (0, SEGMENT_MAGIC), (16, stream), (80, struct.pack("<Q", base)), (252, checksum)
    return all(field.startswith(copy[at : min(written, at + len(field))]) for at, field in fields)


# ---- Frame (6)


class Frame:
    """A frame header that holds at `at`, under the salt of that place."""

    def __init__(self, at, head):
        self.at = at
        self.length, self.entries, self.codec, self.flags = struct.unpack_from("<IIHH", head, 4)
        self.first, self.time, self.checksum = struct.unpack_from("<QQI", head, 16)
        self.end = at + FRAME_HEADER_LEN + -(-self.length // 8) * 8
        self.next = self.first + self.entries


def frame_header(data, at, salt):
    head = data[at : at + FRAME_HEADER_LEN]
    if len(head) < FRAME_HEADER_LEN or head[:4] != FRAME_MAGIC or not is_zero(head[36:44]):
        return None
    salt ^= at
    rotated = (salt << 17 | salt >> 47) & U64
    if crc(rotated, head[:44]) != struct.unpack_from("<I", head, 44)[0]:
        return None
    frame = Frame(at, head)
    holds = (
        frame.length <= FRAME_PAYLOAD_MAX
        and frame.entries <= FRAME_ENTRIES_MAX
        and frame.flags <= SEAL
        and (frame.flags == 0) == (frame.entries != 0)
        and frame.first >= 1
        and frame.next <= U64
    )
    return frame if holds else None


def is_whole(data, frame, salt):
    payload = data[frame.at + FRAME_HEADER_LEN : frame.end]
    return (
        frame.end <= len(data)
        and is_zero(payload[frame.length :])
        and crc(salt ^ frame.at, payload[: frame.length]) == frame.checksum
    )


def resync(data, at, salt):
    """Returns the offset of the next whole frame at or behind `at`, or None."""
    budget = CANDIDATE_BYTES_MAX
    at = -(-at // 8) * 8
    while True:
        at = data.find(FRAME_MAGIC, at)
        if at < 0 or len(data) - at < FRAME_HEADER_LEN:
            return None
        frame = frame_header(data, at, salt) if at % 8 == 0 else None
        if frame:
            budget -= min(frame.end, len(data)) - at
            if budget < 0:
                return None
            if is_whole(data, frame, salt):
                return at
        at += 1


class Undecodable(Exception):
    """The payload of a whole frame does not follow the rules of its codec."""


def require(condition):
    if not condition:
        raise Undecodable


class Cursor:
    """Reads a payload from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        taken = self.data[self.at : self.at + count]
        if len(taken) < count:
            raise Undecodable
        self.at += count
        return taken

    def varint(self):
        value = 0
        for shift in range(0, 70, 7):
            (byte,) = self.take(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if value > U64 or (byte == 0 and shift):
                    break
                return value
        raise Undecodable


def canonical(stream, seq, time, kind, version, payload):
    return struct.pack("<16sQQHHI", stream, seq, time, kind, version, len(payload)) + payload


def decode_entries(frame, payload, stream):
    """Returns the entries (seq, time, kind, version, payload) of a frame, or raises Undecodable."""
    if frame.codec == CODEC_ROWS:
        return decode_rows(frame, payload, stream)
    if frame.codec == CODEC_COLUMNS:
        return decode_columns(frame, payload, stream)
    raise Undecodable


def decode_rows(frame, payload, stream):
    if frame.entries * 10 > frame.length:
        raise Undecodable
    rows, before, time, expanded, entries = Cursor(payload), {}, frame.time, 0, []
    for n in range(frame.entries):
        (checksum,) = struct.unpack("<I", rows.take(4))
        time += rows.varint()
        kind, version, prefix, suffix = (rows.varint() for _ in range(4))
        middle = rows.take(rows.varint())
        last = before.get(kind, b"")
        if time > U64 or kind > 0xFFFF or version > 0xFFFF or max(prefix, suffix) > len(last):
            raise Undecodable
        text = last[:prefix] + middle + (last[len(last) - suffix :] if suffix else b"")
        expanded += len(text)
        if len(text) > PAYLOAD_MAX or expanded > EXPANDED_MAX:
            raise Undecodable
        before[kind] = text
        if crc(0, canonical(stream, frame.first + n, time, kind, version, text)) != checksum:
            raise Undecodable
        entries.append((frame.first + n, time, kind, version, text))
    if rows.at != len(payload):
        raise Undecodable
    return entries


class Columns(Cursor):
    def limited(self, limit):
        value = self.varint()
        require(value <= limit)
        return value

    def bytes(self):
        return self.take(self.varint())

    def block(self, length):
        (method,) = self.take(1)
        if method == 0:
            return self.take(length)
        require(method in (1, 3))
        try:
            content = zstd.decode(self.bytes(), length)
        except zstd.Malformed:
            raise Undecodable
        return content if method == 1 else bytes(total & 0xFF for total in itertools.accumulate(content))

    def integers(self, count):
        (planes,) = self.take(1)
        require(planes <= 8)
        values = bytearray(8 * count)
        for n in range(planes):
            values[n::8] = self.block(count)
        return struct.unpack("<%dQ" % count, values)

    def text(self, lengths):
        """Returns the payloads of a group of texts."""
        text = Cursor(self.block(sum(lengths)))
        return [text.take(length) for length in lengths]

    def matrix(self, length, count):
        """Returns the payloads of a group. All payloads have the same length."""
        first = self.take(length)
        mask = self.take((length + 7) // 8)
        require(length % 8 == 0 or mask[-1] >> length % 8 == 0)
        windows = [self.varint() for _ in range(self.limited(length // 8))]
        require(all(after - window >= 8 for window, after in zip(windows, windows[1:] + [length])))
        rows = bytearray(first * count)
        for window in windows:
            (value,) = struct.unpack_from("<Q", first, window)
            values = []
            for zigzag in self.integers(count):
                value = value + (zigzag >> 1 ^ -(zigzag & 1)) & U64
                values.append(value)
            values = struct.pack("<%dQ" % count, *values)
            for n in range(8):
                rows[window + n :: length] = values[n::8]
        inside = {window + n for window in windows for n in range(8)}
        for column in range(length):
            if mask[column // 8] >> column % 8 & 1 and column not in inside:
                rows[column::length] = self.block(count)
        return [bytes(rows[n * length : (n + 1) * length]) for n in range(count)]


class Group:
    """A group of entries. `length` is the length of each payload, or None for a group of texts."""

    def __init__(self, columns, entries_max):
        self.kind, self.version = columns.limited(0xFFFF), columns.limited(0xFFFF)
        length, self.count = columns.limited(1 + PAYLOAD_MAX), columns.limited(entries_max)
        self.length = length - 1 if length else None
        require(self.count >= 1)


def decode_columns(frame, payload, stream):
    columns = Columns(payload)
    (checksum,) = struct.unpack("<I", columns.take(4))
    groups = [Group(columns, frame.entries) for _ in range(columns.limited(frame.entries))]
    require(sum(group.count for group in groups) == frame.entries)
    texts = [group for group in groups if group.length is None]
    for group in texts:
        group.lengths = columns.integers(group.count)
        require(max(group.lengths) <= PAYLOAD_MAX)
    expanded = sum(sum(group.lengths) if group.length is None else group.length * group.count for group in groups)
    require(expanded <= EXPANDED_MAX)
    order = columns.integers(frame.entries) if len(groups) > 1 else [0] * frame.entries
    counts = collections.Counter(order)
    require(all(counts[n] == group.count for n, group in enumerate(groups)))
    times = columns.integers(frame.entries)
    for group in groups:
        group.rows = columns.text(group.lengths) if group.length is None else columns.matrix(group.length, group.count)
    require(columns.at == len(payload))
    entries, time, checksums = [], frame.time, bytearray()
    rows = [iter(group.rows) for group in groups]
    for n, (index, step) in enumerate(zip(order, times)):
        group, text = groups[index], next(rows[index])
        time += step
        require(time <= U64)
        entries.append((frame.first + n, time, group.kind, group.version, text))
        checksums += struct.pack("<I", crc(0, canonical(stream, *entries[-1])))
    require(crc(0, checksums) == checksum)
    return entries


def decode_mark(payload, sealed):
    """Returns (chain, seal); the seal is None in a close mark. Returns None if the mark has another shape."""
    if len(payload) < 32 or (not sealed and len(payload) != 32):
        return None
    if not sealed:
        return payload, None
    if len(payload) < 112:
        return None
    chain, entries, frames, length, _, _, digest, count = struct.unpack_from("<32s5Q32sQ", payload)
    if count > SEAL_INDEX_MAX or len(payload) != 112 + 16 * count:
        return None
    index = [struct.unpack_from("<QQ", payload, 112 + 16 * n) for n in range(count)]
    return (chain, (entries, frames, length, digest)) if index == sorted(index) else None


# ---- Streams (6, 13)


class Piece:
    """The chain from the beginning of a segment: a link, and the canonical bytes of the entries behind it."""

    def __init__(self, link):
        self.bytes, self.count, self.start = bytearray(link), 0, link

    def link(self):
        return blake3(self.bytes) if self.count else self.start


class StreamReader:
    def __init__(self, directory, name, bases, digests, emit):
        self.directory, self.name, self.bases, self.digests, self.emit = directory, name, bases, digests, emit
        self.stream = bytes.fromhex(name)
        self.expected, self.cause, self.tail, self.sealed = 1, "segment_missing", "open", False
        self.piece = Piece(NO_LINK) if digests else None
        self.domain, self.creation, self.ended = None, None, False

    def data(self, base):
        with open(os.path.join(self.directory, self.name, "%020d.seg" % base), "rb") as file:
            return file.read()

    def finding(self, kind, base, offset, length):
        self.emit(type="finding", kind=kind, stream=self.name, segment=base, offset=offset, len=length)

    def reach(self, seq):
        if seq > self.expected:
            self.gap(seq - 1)
            self.expected = seq

    def gap(self, last, cause=None):
        self.emit(type="gap", stream=self.name, first=self.expected, last=last, cause=cause or self.cause)
        self.piece = None

    def read(self):
        for base in self.bases:
            headers = Headers(self.data(base), self.stream, base)
            if headers.own:
                first = headers.header.origin_first
                self.expected = 1 if first is None else first
                break
        for n, base in enumerate(self.bases):
            self.segment(n, base, n + 1 == len(self.bases))
        link = self.piece.link().hex() if self.piece else None
        self.emit(
            type="stream",
            stream=self.name,
            tail=self.tail,
            next=self.expected,
            domain=self.domain,
            unfinished_creation=self.creation,
            link=link,
        )

    def segment(self, n, base, is_last):
        data = self.data(base)
        headers = Headers(data, self.stream, base)
        if headers.partial and self.is_creation(n, base, is_last):
            self.creation = base
            if self.expected == base:
                self.tail = "unfinished"
            return
        for at, length in headers.damaged:
            self.finding("header_copy_damaged", base, at, length)
        header = headers.header
        if isinstance(header, Header) and not headers.own:
            self.finding("foreign_segment", base, 0, FRAMES_AT)
            return self.skip(is_last)
        if header == NEWER:
            self.finding("newer_format", base, 0, FRAMES_AT)
            return self.skip(is_last)
        if headers.cut and is_last:
            if header != DAMAGED:
                self.reach(base)
            self.tail = "unfinished"
            self.finding("torn", base, 0, len(data))
            self.cause = "damaged"
            return self.gap(None)
        if header == DAMAGED:
            self.finding("header_lost", base, 0, FRAMES_AT)
            behind = None if is_last else Headers(self.data(self.bases[n + 1]), self.stream, self.bases[n + 1])
            if not (behind and behind.own):
                return self.skip(is_last)
            salt = behind.header.previous_salt
            if self.piece:
                self.piece = Piece(self.piece.link()) if self.expected == base else None
        else:
            self.domain = header.domain
            salt = header.salt
            self.reach(base)
            known = header.known_chain()
            if self.digests:
                if self.piece and known is not None and self.piece.link() != known:
                    self.finding("chain_broken", base, 0, FRAMES_AT)
                self.piece = None if known is None else Piece(known)
        self.cause, self.sealed, self.counts = "damaged", False, [0, 0]
        self.frames(data, base, salt, is_last)

    def skip(self, is_last):
        self.cause = "segment_unreadable"
        if is_last:
            self.tail = "unfinished"
            self.gap(None)

    def is_creation(self, n, base, is_last):
        """Whether a partial area is a creation that was not finished: the segment never held an entry (5)."""
        if self.expected > base:
            return True
        if not is_last or self.expected != base:
            return False
        # The first segment of a derived stream is renamed into place by a merge, complete.
        return base == 1 if n == 0 else self.ends_without_seal(self.bases[n - 1])

    def ends_without_seal(self, base):
        alone = StreamReader(self.directory, self.name, [base], False, lambda **_: None)
        alone.expected = base
        alone.segment(0, base, True)
        return alone.ended and not alone.sealed

    def frames(self, data, base, salt, is_last):
        at, after_mark = FRAMES_AT, False
        while True:
            head = data[at : at + FRAME_HEADER_LEN]
            search = at + 8
            frame = None
            if is_zero(head):
                nonzero = len(data) - len(data[at:].lstrip(b"\0"))
                if nonzero >= len(data):
                    self.tail = "closed" if after_mark else "open"
                    self.cause, self.ended = "segment_missing", True
                    return
                search = max(nonzero - nonzero % 8, search)
            else:
                frame = frame_header(data, at, salt)
                if frame and is_whole(data, frame, salt):
                    payload = data[at + FRAME_HEADER_LEN : at + FRAME_HEADER_LEN + frame.length]
                    after_mark = frame.entries == 0
                    (self.mark if after_mark else self.entries)(frame, payload, data, base)
                    at = frame.end
                    continue
            found = resync(data, search, salt)
            end = len(data) if found is None else found
            torn = found is None and is_last and looks_torn(data, at, frame)
            self.finding("torn" if torn else "damaged", base, at, end - at)
            self.cause = "damaged"
            if found is None:
                self.tail = "unfinished"
                if is_last:
                    self.gap(None)
                return
            at, after_mark = found, False

    def entries(self, frame, payload, data, base):
        length = frame.end - frame.at
        if frame.first < self.expected:
            return self.finding("doubled", base, frame.at, length)
        self.reach(frame.first)
        if frame.codec == CODEC_ERASED and not payload:
            self.gap(frame.next - 1, "erased")
            self.expected = frame.next
            return
        try:
            entries = decode_entries(frame, payload, self.stream)
        except Undecodable:
            self.finding("unreadable_frame", base, frame.at, length)
            return self.reach(frame.next)
        for seq, time, kind, version, text in entries:
            if self.piece:
                self.piece.bytes += canonical(self.stream, seq, time, kind, version, text)
                self.piece.count += 1
            self.emit(
                type="entry",
                stream=self.name,
                seq=seq,
                time=time,
                kind=kind,
                version=version,
                payload=text.hex(),
                segment=base,
                offset=frame.at,
            )
        self.expected = frame.next
        self.counts[0] += len(entries)
        self.counts[1] += 1

    def mark(self, frame, payload, data, base):
        length = frame.end - frame.at
        if frame.first < self.expected:
            return self.finding("doubled", base, frame.at, length)
        mark = decode_mark(payload, frame.flags == SEAL)
        if mark is None:
            return self.finding("unreadable_frame", base, frame.at, length)
        self.sealed |= frame.flags == SEAL
        ends_gap = frame.first > self.expected
        self.reach(frame.first)
        chain, seal = mark
        if self.piece and chain != NO_LINK and self.piece.link() != chain:
            self.finding("chain_broken", base, frame.at, length)
        if seal and not ends_gap:
            counted = seal[:3] == (*self.counts, frame.at)
            if not counted or (self.digests and blake3(data[: frame.at]) != seal[3]):
                self.finding("seal_broken", base, frame.at, length)


def looks_torn(data, at, frame):
    end = frame.end if frame else at + FRAME_HEADER_LEN
    return end > len(data) or (is_zero(data[end - 8 : end]) and is_zero(data[end:]))


def read_log(directory, digests, emit):
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if not re.fullmatch(r"[0-9a-f]{32}", name) or not os.path.isdir(path):
            continue
        bases = []
        for segment in os.listdir(path):
            match = re.fullmatch(r"([0-9]{20})\.seg", segment)
            if match and 1 <= int(match[1]) <= U64 and os.path.isfile(os.path.join(path, segment)):
                bases.append(int(match[1]))
        StreamReader(directory, name, sorted(bases), digests, emit).read()


def main(arguments):
    digests = "--no-digests" not in arguments
    logs = [argument for argument in arguments if argument != "--no-digests"]
    if not logs or any(log.startswith("-") for log in logs):
        raise SystemExit("usage: reader.py [--no-digests] LOG...")
    self_test()
    for log in logs:
        print(json.dumps({"type": "log", "path": log}))
        read_log(log, digests, lambda **line: print(json.dumps(line)))


if __name__ == "__main__":
    main(sys.argv[1:])
