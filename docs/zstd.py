"""A decoder of one zstd frame. It was written from RFC 8878 alone, and imports only the standard library.

    decode(data, length)

returns the content of `data`, which must be one frame without other bytes around it. The content must have exactly
`length` bytes. Anything else raises Malformed. The decoder holds at most `length` bytes of content and the literals of
one block. It accepts no dictionaries, and ignores the value of a content checksum.

Numbers in comments are sections of RFC 8878. A table is a list with one cell for each state or each prefix of a code.
"""

MAGIC = b"\x28\xb5\x2f\xfd"
BLOCK_MAX = 128 << 10
RAW, RLE, COMPRESSED, TREELESS = range(4)
PREDEFINED, SINGLE, DESCRIBED, REPEATED = range(4)


class Malformed(Exception):
    """The bytes are not one frame with the expected content."""


def require(condition):
    if not condition:
        raise Malformed


class Reader:
    """Reads bytes from front to back."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, count):
        taken = self.data[self.at : self.at + count]
        require(len(taken) == count)
        self.at += count
        return taken

    def number(self, count):
        return int.from_bytes(self.take(count), "little")

    def rest(self):
        return self.take(len(self.data) - self.at)


FRONT = 64


class BackwardBits:
    """Reads a bit stream from back to front (4.1). `at` is the number of remaining bits, plus FRONT.

    A read may pass the front of the stream, where `at` is FRONT. The bits before it are zero.
    """

    def __init__(self, stream):
        require(stream and stream[-1])
        self.data = bytes(FRONT // 8) + stream
        # The highest set bit of the last byte marks the end of the stream.
        self.at = 8 * len(self.data) - 9 + stream[-1].bit_length()

    def bits(self, count):
        """Returns the number in the next `count` bits. `count` is at most 57."""
        self.at -= count
        require(self.at >= 0)
        low = self.at >> 3
        return int.from_bytes(self.data[low : low + 8], "little") >> (self.at & 7) & (1 << count) - 1


# ---- FSE tables (4.1)


def probabilities(reader, accuracy_max, symbols_max):
    """Reads a description of a table. Returns its accuracy and the probability of each symbol.

    The probability -1 means "less than 1".
    """
    bits, at = int.from_bytes(reader.data[reader.at : reader.at + 256], "little"), 4
    accuracy = (bits & 15) + 5
    require(accuracy <= accuracy_max)
    left, found = 1 << accuracy, []
    while left > 0:
        # A value is in the range from 0 to left + 1. The `short` smallest values are one bit
        # shorter than the other values.
        width = (left + 1).bit_length()
        short = (1 << width) - left - 2
        value = bits >> at & (1 << width) - 1
        low = value & (1 << width - 1) - 1
        if low < short:
            value, at = low, at + width - 1
        else:
            value, at = value - short if value >= 1 << width - 1 else value, at + width
        found.append(value - 1)
        left -= abs(value - 1)
        repeat = 3 if value == 1 else 0
        while repeat == 3:
            repeat = bits >> at & 3
            found.extend([0] * repeat)
            at += 2
            require(len(found) <= symbols_max)
    require(left == 0 and len(found) <= symbols_max)
    reader.take(-(-at // 8))
    return accuracy, found


def fse_table(accuracy, found):
    """Returns the accuracy and the cells of a table.

    A cell contains a symbol, the number of bits to read, and the number to add to the value of these bits.
    """
    size = 1 << accuracy
    rare = [symbol for symbol, probability in enumerate(found) if probability < 0]
    symbols = [0] * (size - len(rare)) + rare[::-1]
    at, step = 0, (size >> 1) + (size >> 3) + 3
    for symbol, probability in enumerate(found):
        for _ in range(probability):
            symbols[at] = symbol
            at = at + step & size - 1
            while at >= size - len(rare):
                at = at + step & size - 1
    # The states of a symbol have consecutive numbers, and the first number is the probability of the symbol.
    # The number of a state determines how many bits are read.
    following, cells = [abs(probability) for probability in found], []
    for symbol in symbols:
        width = accuracy + 1 - following[symbol].bit_length()
        cells.append((symbol, width, (following[symbol] << width) - size))
        following[symbol] += 1
    return accuracy, cells


# ---- Huffman codes of literals (4.2)

WEIGHTS_MAX, CODE_BITS_MAX = 255, 11


def weights(reader):
    """Reads the weights of all symbols but the last one (4.2.1)."""
    (head,) = reader.take(1)
    if head >= 128:
        packed = reader.take((head - 127 + 1) // 2)
        return [byte >> shift & 15 for byte in packed for shift in (4, 0)][: head - 127]
    inner = Reader(reader.take(head))
    accuracy, table = fse_table(*probabilities(inner, 6, CODE_BITS_MAX + 1))
    stream = BackwardBits(inner.rest())
    states = [stream.bits(accuracy), stream.bits(accuracy)]
    require(stream.at >= FRONT)
    found = []
    while stream.at >= FRONT:
        # The two states are used alternately. The stream ends with the first read that passes the front.
        symbol, width, base = table[states[0]]
        found.append(symbol)
        states = [states[1], base + stream.bits(width)]
        require(len(found) < WEIGHTS_MAX)
    return found + [table[states[0]][0]]


def huffman_table(reader):
    """Returns the length of the longest code, and the cells. A cell is a symbol and its code length."""
    found = weights(reader)
    total = sum(1 << weight >> 1 for weight in found)
    longest = total.bit_length()
    left = (1 << longest) - total
    require(1 <= longest <= CODE_BITS_MAX and left & left - 1 == 0)
    found.append(left.bit_length())
    cells = []
    for weight in range(1, longest + 1):
        for symbol, own in enumerate(found):
            if own == weight:
                cells.extend([(symbol, longest + 1 - weight)] * (1 << weight - 1))
    require(len(cells) == 1 << longest)
    return longest, cells


def huffman_stream(table, stream, count):
    longest, cells = table
    source = BackwardBits(stream)
    data, at, mask, out = source.data, source.at, (1 << longest) - 1, bytearray(count)
    for n in range(count):
        at -= longest
        low = at >> 3
        out[n], length = cells[int.from_bytes(data[low : low + 3], "little") >> (at & 7) & mask]
        at += longest - length
        require(at >= FRONT)
    require(at == FRONT)
    return out


# ---- Sequences (3.1.1.3.2)


def cumulative(first, widths):
    """Returns a pair for each code: the smallest number, and the number of additional bits."""
    codes = []
    for width in widths:
        codes.append((first, width))
        first += 1 << width
    return codes


class Codes:
    """One of the three types of codes: the meaning of each code, the greatest accuracy, and the predefined table."""

    def __init__(self, meaning, accuracy_max, accuracy, found):
        self.meaning, self.accuracy_max, self.predefined = meaning, accuracy_max, fse_table(accuracy, found)


LITERALS = Codes(
    cumulative(0, [0] * 16 + [1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    9,
    6,
    [4, 3] + [2] * 11 + [1] * 3 + [2] * 9 + [3, 2] + [1] * 5 + [-1] * 4,
)
OFFSETS = Codes([(1 << n, n) for n in range(32)], 8, 5, [1] * 6 + [2] * 3 + [1] * 15 + [-1] * 5)
MATCHES = Codes(
    cumulative(3, [0] * 32 + [1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16]),
    9,
    6,
    [1, 4, 3] + [2] * 6 + [1] * 37 + [-1] * 7,
)


def sequence_count(reader):
    (head,) = reader.take(1)
    if head < 128:
        return head
    return reader.number(2) + 0x7F00 if head == 255 else (head - 128 << 8) + reader.number(1)


class Frame:
    """The state that the blocks of a frame share: the content so far, the latest tables and offsets."""

    def __init__(self, length):
        self.out, self.length, self.latest = bytearray(), length, [1, 4, 8]
        self.huffman, self.tables = None, {}

    def compressed(self, block, block_max):
        reader = Reader(block)
        literals = self.literals(reader, block_max)
        end = min(self.length, len(self.out) + block_max)
        count, used = sequence_count(reader), 0
        if count:
            for length, match, offset in self.sequences(reader, count):
                require(used + length <= len(literals) and len(self.out) + length + match <= end)
                self.out += literals[used : used + length]
                used += length
                self.repeat(offset, match)
        require(reader.at == len(block) and len(self.out) + len(literals) - used <= end)
        self.out += literals[used:]

    def literals(self, reader, block_max):
        """Reads the literals of a block (3.1.1.3.1)."""
        (head,) = reader.take(1)
        reader.at -= 1
        kind, form = head & 3, head >> 2 & 3
        if kind in (RAW, RLE):
            size = reader.number(1) >> 3 if form in (0, 2) else reader.number(2 if form == 1 else 3) >> 4
            require(size <= block_max)
            return reader.take(size) if kind == RAW else reader.take(1) * size
        width = (10, 10, 14, 18)[form]
        sizes = reader.number((3, 3, 4, 5)[form]) >> 4
        size, packed = sizes & (1 << width) - 1, sizes >> width
        require(size <= block_max)
        inner = Reader(reader.take(packed))
        if kind == COMPRESSED:
            self.huffman = huffman_table(inner)
        require(self.huffman)
        if form == 0:
            return huffman_stream(self.huffman, inner.rest(), size)
        packed = [inner.number(2) for _ in range(3)]
        part = (size + 3) // 4
        require(size >= 3 * part)
        streams = [inner.take(length) for length in packed] + [inner.rest()]
        sizes = (part, part, part, size - 3 * part)
        return b"".join(huffman_stream(self.huffman, *pair) for pair in zip(streams, sizes))

    def sequences(self, reader, count):
        """Yields for each sequence the number of literals, the length of the match, and the offset."""
        (modes,) = reader.take(1)
        require(modes & 3 == 0)
        for shift, codes in ((6, LITERALS), (4, OFFSETS), (2, MATCHES)):
            self.tables[codes] = self.table(reader, modes >> shift & 3, codes)
        stream = BackwardBits(reader.rest())
        read = stream.bits
        tables = [self.tables[codes] for codes in (LITERALS, OFFSETS, MATCHES)]
        by_literals, by_offset, by_match = (cells for _, cells in tables)
        literals_state, offset_state, match_state = (read(accuracy) for accuracy, _ in tables)
        for left in range(count - 1, -1, -1):
            symbol, offset_width, offset_state = by_offset[offset_state]
            base, width = OFFSETS.meaning[symbol]
            value = base + read(width)
            symbol, match_width, match_state = by_match[match_state]
            base, width = MATCHES.meaning[symbol]
            match = base + read(width)
            symbol, literals_width, literals_state = by_literals[literals_state]
            base, width = LITERALS.meaning[symbol]
            length = base + read(width)
            if left:
                literals_state += read(literals_width)
                match_state += read(match_width)
                offset_state += read(offset_width)
            require(stream.at >= FRONT if left else stream.at == FRONT)
            yield length, match, self.offset(value, length)

    def table(self, reader, mode, codes):
        if mode == PREDEFINED:
            return codes.predefined
        if mode == SINGLE:
            (symbol,) = reader.take(1)
            require(symbol < len(codes.meaning))
            return 0, [(symbol, 0, 0)]
        if mode == DESCRIBED:
            return fse_table(*probabilities(reader, codes.accuracy_max, len(codes.meaning)))
        require(codes in self.tables)
        return self.tables[codes]

    def offset(self, value, length):
        """Returns the offset of a match and moves it to the front of the latest offsets (3.1.1.5)."""
        one, two, three = self.latest
        choice = value if length == 0 else value - 1
        if value > 3:
            self.latest = [value - 3, one, two]
        elif choice == 1:
            self.latest = [two, one, three]
        elif choice > 1:
            self.latest = [three if choice == 2 else one - 1, one, two]
        return self.latest[0]

    def repeat(self, offset, match):
        """Appends `match` bytes that begin `offset` bytes before the end.

        The copied bytes may include bytes that this call has appended.
        """
        require(1 <= offset <= len(self.out))
        start = len(self.out) - offset
        while match:
            copied = self.out[start : start + match]
            self.out += copied
            match -= len(copied)


# ---- Frame (3.1.1)


def decode(data, length):
    reader = Reader(data)
    require(reader.take(4) == MAGIC)
    (head,) = reader.take(1)
    require(head & 8 == 0)
    single, form = head & 32, head >> 6
    window = BLOCK_MAX
    if not single:
        (byte,) = reader.take(1)
        window = (8 + (byte & 7)) << (byte >> 3) + 7
    require(reader.number((0, 1, 2, 4)[head & 3]) == 0)
    if single or form:
        size = reader.number((1, 2, 4, 8)[form]) + (256 if form == 1 else 0)
        require(size == length)
        window = size if single else window
    block_max, frame, last = min(window, BLOCK_MAX), Frame(length), False
    while not last:
        block = reader.number(3)
        last, kind, size = block & 1, block >> 1 & 3, block >> 3
        require(kind <= COMPRESSED and size <= block_max)
        if kind == COMPRESSED:
            frame.compressed(reader.take(size), block_max)
        else:
            require(len(frame.out) + size <= length)
            frame.out += reader.take(size) if kind == RAW else reader.take(1) * size
    reader.take(4 if head & 4 else 0)
    require(len(frame.out) == length and reader.at == len(data))
    return bytes(frame.out)
