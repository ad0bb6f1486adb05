"""Damage to a file's bytes: blind (bits, blocks, cuts) and by what the file is.

Blind damage hardly gets past a checksum, so archives are taken apart and put together again around
a damaged member, and numbers, headers and tables get values that break careless readers.
"""

from __future__ import annotations

import ast
import gzip
import io
import json
import pickletools
import re
import struct
import warnings
import zipfile
import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Generator = np.random.Generator
Damage = Callable[[bytes, Generator], bytes]

NUMBERS = (
    *(
        "NaN",
        "nan",
        "Infinity",
        "-inf",
        "1e400",
        "-1e400",
        "1e39",
        "1e30",
        "1e-320",
        "0",
        "-0",
        "-1",
    ),
    *(
        "1",
        "2147483648",
        "4294967295",
        "9223372036854775808",
        "1" + "0" * 400,
        "0x10",
        "1_0",
        "--1",
    ),
)
"""What stands in the place of numbers in texts."""
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 0.5, 2**31, 2**63, -(2**63), 10**40, 1e30, 1e308, "", "x"),
    *(
        float("nan"),
        float("inf"),
        "nan",
        "a\x1b[31m\nb",
        "\udcff",
        "x" * 5000,
        [],
        {},
        [[]],
        [None],
    ),
    *([0] * 300, {"": 0}, {"a": {"b": [1]}}),
)
"""What stands in the place of values in tables."""
SIZES = (0, 1, -1, 2, 3, 7, 2**15, 2**31 - 1, 2**31, 2**32 - 1, 2**40, 2**63 - 1, -(2**63))
_NUMBER = re.compile(rb"-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?")
_DEEP = 4  # of archives in archives


def damaged(content: bytes, others: Sequence[bytes], rng: Generator) -> bytes:
    """The content with one to three damages; ``others`` are further samples, to be spliced in."""
    for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
        if rng.random() < 0.05 and others:
            content = splice(content, others[rng.integers(len(others))], rng)
        else:
            content = damaged_once(content, rng)
    return content


def damaged_once(content: bytes, rng: Generator, depth: int = 0) -> bytes:
    """One damage, more often of the structure than blind."""
    structure = find_structure(content)
    if structure is None or rng.random() < 0.3:
        return blind(content, rng)
    try:
        if structure is zip_member:
            return zip_member(content, rng, depth)
        return structure(content, rng)
    except Exception:  # an earlier damage has made it another thing
        return blind(content, rng)


def find_structure(content: bytes) -> Damage | None:
    """The damage for what a file is, None for what has no structure here."""
    starts: tuple[tuple[bytes, Damage], ...] = (
        (b"PK\x03\x04", zip_member),
        (b"\x1f\x8b", gzip_content),
        (b"\x93NUMPY", npy),
        (b"\x80", pickled),
        (b"\x89PNG", png),
        (b"(", pickled),
        (b"}", pickled),
    )
    for start, found in starts:
        if content.startswith(start):
            return found
    if content[8:9] == b"{" and content[:1] != b"{":
        return safetensors
    if content.lstrip()[:1] in (b"{", b"["):
        return json_tree if content.isascii() else text
    sample = content[:4096]
    return text if sample and sum(b >= 9 and b < 127 for b in sample) > 0.95 * len(sample) else None


def blind(content: bytes, rng: Generator) -> bytes:
    """Bits, bytes, blocks and ends, without a thought of what they mean."""
    if not content:
        return rng.bytes(int(rng.integers(0, 40)))
    data = bytearray(content)
    kind = rng.integers(8)
    at, other = _place(len(data), rng), _place(len(data), rng)
    length = int(min(2 ** rng.integers(0, 10), len(data)))
    if kind == 0:
        data[at] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        for place in (_place(len(data), rng) for _ in range(int(rng.integers(1, 8)))):
            data[place] = int(rng.integers(256))
    elif kind == 2:
        del data[at:]
    elif kind == 3:
        del data[at : at + length]
    elif kind == 4:
        data[at:at] = data[other : other + length]
    elif kind == 5:
        data[at : at + length], data[other : other + length] = (
            data[other : other + length],
            data[at : at + length],
        )
    elif kind == 6:
        data[at : at + length] = bytes([int(rng.choice([0, 255, 128, 10]))]) * length
    else:
        number = int(rng.choice(SIZES[:-3])) % 2**32
        data[at : at + 4] = struct.pack("<I" if rng.random() < 0.6 else ">I", number)
    return bytes(data)


def _place(size: int, rng: Generator) -> int:
    """A place in a file: headers and directories are at its ends."""
    near = min(size, 600)
    where = rng.random()
    if where < 0.4:
        return int(rng.integers(near))
    return int(size - 1 - rng.integers(near)) if where < 0.6 else int(rng.integers(size))


def splice(content: bytes, other: bytes, rng: Generator) -> bytes:
    """The start of one file and the end of another."""
    cut = _place(max(len(content), 1), rng)
    return content[:cut] + other[int(cut * rng.choice([1, 0.5])) :]


def text(content: bytes, rng: Generator) -> bytes:
    """Numbers, words and lines of a text."""
    kind = rng.integers(6)
    found = list(_NUMBER.finditer(content))
    if kind < 3 and found:
        for match in sorted(
            {int(i): None for i in rng.integers(len(found), size=rng.integers(1, 4))}, reverse=True
        ):
            start, end = found[match].span()
            content = content[:start] + str(rng.choice(NUMBERS)).encode() + content[end:]
        return content
    lines = content.split(b"\n")
    at, other = rng.integers(len(lines)), rng.integers(len(lines))
    if kind == 3:
        lines[at] = lines[other]
    elif kind == 4:
        words = lines[at].split(b" ")
        word = rng.choice(
            [b"", b"\x1b[2J", b"\xff", b"{", b"[" * 3000, b"nan", b"x" * 300, b"\x00"]
        )
        words[int(rng.integers(len(words)))] = bytes(word)
        lines[at] = b" ".join(words)
    else:
        del lines[min(at, other) : max(at, other) + 1]
    return b"\n".join(lines)


def json_tree(content: bytes, rng: Generator) -> bytes:
    """A JSON document with another value, key or depth somewhere."""
    if rng.random() < 0.3:
        return text(content, rng)
    return json.dumps(_changed(json.loads(content), rng)).encode()


def _changed(tree: Any, rng: Generator) -> Any:
    """A tree with one change at a random node."""
    parents = [node for node in _nodes(tree) if isinstance(node, dict | list) and node]
    if not parents:
        return VALUES[rng.integers(len(VALUES))]
    node = parents[int(len(parents) * rng.random() ** 2)]  # more often near the root
    key = list(node)[rng.integers(len(node))] if isinstance(node, dict) else rng.integers(len(node))
    kind = rng.integers(5)
    if kind == 0:
        del node[key]
    elif kind == 1:
        node[key] = [node[key]]
    elif kind == 2 and isinstance(node, list):
        node.extend(node[: rng.integers(1, 4)])
    else:
        node[key] = VALUES[rng.integers(len(VALUES))]
    return tree


def _nodes(tree: Any) -> list[Any]:
    """All nodes, parents first."""
    found, waiting = [], [tree]
    while waiting and len(found) < 2000:
        node = waiting.pop(0)
        found.append(node)
        waiting += (
            list(node.values())
            if isinstance(node, dict)
            else node
            if isinstance(node, list)
            else []
        )
    return found


def zip_member(content: bytes, rng: Generator, depth: int = 0) -> bytes:
    """An archive with a damaged, lost, renamed or doubled member, its checksums right."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    at, kind = int(rng.integers(len(members))), rng.integers(10)
    info, inside = members[at]
    if kind == 0:
        del members[at]
    elif kind == 1:
        members.append((info, members[rng.integers(len(members))][1]))
    elif kind == 2:
        members[at] = (info, members[rng.integers(len(members))][1])
    elif kind == 3:
        name = str(
            rng.choice(["", "/", "../x.npy", info.filename.upper(), "x" * 300, "\x1b[1m.npy"])
        )
        members[at] = (zipfile.ZipInfo(name), inside)
    elif depth < _DEEP:
        members[at] = (info, damaged_once(inside, rng, depth + 1))
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # a doubled name is meant
        for info, inside in members:
            packed = info.compress_type if kind != 4 else zipfile.ZIP_DEFLATED
            undated = zipfile.ZipInfo(info.filename or ".")  # or the bytes would tell the time
            archive.writestr(undated, inside, packed)
    return buffer.getvalue()


def gzip_content(content: bytes, rng: Generator) -> bytes:
    """A gzip file whose content is damaged."""
    return gzip.compress(damaged_once(gzip.decompress(content), rng), 1, mtime=0)


def npy(content: bytes, rng: Generator) -> bytes:
    """An array with another header, or with numbers that are odd."""
    length = struct.unpack("<H", content[8:10])[0]
    header, data = content[10 : 10 + length], bytearray(content[10 + length :])
    if rng.random() < 0.5 and len(data) >= 8:
        for _ in range(int(rng.integers(1, 4))):
            kind = rng.choice(["<f4", "<f8", "<i4", "<i8"])
            odd = np.array(rng.choice([np.nan, np.inf, -1, 0, 1e30, 2**31 - 1, 1e-40]))
            with np.errstate(all="ignore"):
                value = odd.astype(kind).tobytes()
            at = int(rng.integers(0, len(data) - 7)) // 4 * 4
            data[at : at + len(value)] = value
        return content[: 10 + length] + bytes(data)
    claims = ast.literal_eval(header.decode("latin1"))
    shape = list(claims["shape"])
    what = rng.integers(4)
    if what == 0 and shape:
        shape[int(rng.integers(len(shape)))] = int(rng.choice(SIZES))
    elif what == 1:
        shape = shape[::-1] if rng.random() < 0.5 else [int(np.prod(shape)), 1]
    elif what == 2:
        kinds = [
            "<f8",
            "<f2",
            ">f4",
            "<i8",
            "|b1",
            "|O",
            "<U0",
            "<U9",
            "<M8[s]",
            "<c8",
            "|V4",
            "|S1",
        ]
        claims["descr"] = str(rng.choice(kinds))
    else:
        claims["fortran_order"] = not claims["fortran_order"]
    claims["shape"] = tuple(shape)
    written = (repr(claims) + "\n").encode("latin1")
    return content[:8] + struct.pack("<H", len(written)) + written + bytes(data)


def safetensors(content: bytes, rng: Generator) -> bytes:
    """A safetensors file with another header, or with numbers that are odd."""
    (length,) = struct.unpack("<Q", content[:8])
    header, data = json.loads(content[8 : 8 + length]), bytearray(content[8 + length :])
    kind = rng.integers(4)
    names = [name for name in header if name != "__metadata__"]
    if kind == 0:
        for at in rng.integers(0, max(len(data) - 4, 1), 3):
            data[at // 4 * 4 : at // 4 * 4 + 4] = rng.choice(
                [b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\x00\x7c\x00\x7c", b"\xff\xff\xff\xff"]
            )
    elif kind == 1 and header.get("__metadata__"):
        key = next(iter(header["__metadata__"]))
        inside = damaged_once(header["__metadata__"][key].encode(), rng)
        header["__metadata__"][key] = inside.decode("latin1")
    elif kind == 2:
        tensor = header[names[rng.integers(len(names))]]
        tensor["shape"] = _changed([*tensor["shape"], 1], rng)
        tensor["dtype"] = str(
            rng.choice([tensor["dtype"], "F16", "I64", "BOOL", "BF16", "F8_E4M3"])
        )
    else:
        header = _changed(header, rng)
    written = json.dumps(header).encode()
    written += b" " * (-len(written) % 8)
    length = len(written) if rng.random() < 0.9 else int(rng.choice(SIZES)) % 2**64
    return struct.pack("<Q", length) + written + bytes(data)


def pickled(content: bytes, rng: Generator) -> bytes:
    """A pickle with another opcode, argument or order."""
    places = [place for _, _, place in pickletools.genops(content) if place is not None]
    at = places[rng.integers(len(places))]
    after = next((p for p in places if p > at), len(content))
    kind = rng.integers(6)
    codes = (
        b"()}]NK\x88\x89ae.0123sutbRcoijrhqlgpMJIFGVXUBCT\x80\x81\x82\x85\x86\x87\x8a\x8b\x8c\x93"
    )
    if kind == 0:
        return content[:at] + bytes([int(rng.choice(list(codes)))]) + content[at + 1 :]
    if kind == 1:
        return content[:at] + content[after:]
    if kind == 2:
        other = places[rng.integers(len(places))]
        end = next((p for p in places if p > other), len(content))
        return content[:at] + content[other:end] + content[at:]
    if kind == 3:
        size = struct.pack("<q", int(rng.choice(SIZES)))[: int(rng.choice([1, 4, 8]))]
        return content[: at + 1] + size + content[at + 1 + len(size) :]
    if kind == 4:
        odd = [
            b"r\xff\xff\xff\x1f",
            b"c" + b"os\nsystem\n",
            b"2",
            b"(" * 50,
            b"]" * 500 + b"a" * 499,
        ]
        return content[:at] + odd[rng.integers(len(odd))] + content[at:]
    return text(content, rng)


def png(content: bytes, rng: Generator) -> bytes:
    """A PNG with other chunks, their checksums right."""
    chunks, place = [], 8
    while place + 12 <= len(content):
        (size,) = struct.unpack(">I", content[place : place + 4])
        chunks.append([content[place + 4 : place + 8], content[place + 8 : place + 8 + size]])
        place += 12 + size
    at = int(rng.integers(len(chunks)))
    kind = rng.integers(5)
    if kind == 0:
        size = struct.pack(">I", int(rng.choice([0, 1, 15, 9000, 2**20, 2**31 - 1])))
        chunks[0][1] = (
            size + chunks[0][1][4:]
            if rng.random() < 0.5
            else chunks[0][1][:4] + size + chunks[0][1][8:]
        )
    elif kind == 1:
        chunks[0][1] = chunks[0][1][:8] + rng.bytes(5)
    elif kind == 2:
        chunks.insert(at, list(chunks[rng.integers(len(chunks))]))
    elif kind == 3:
        del chunks[at]
    else:
        chunks[at][1] = blind(chunks[at][1], rng)
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in chunks
    )
    return content[:8] + body
