#!/usr/bin/env python3
"""Write the files of tests/data. They are kept in the repository: no test runs this.

Only the standard library is used, so that each byte is what the line below says. `file(name, bytes, code, text)` writes a file and its line in
expected.tsv: the error code that opening it and loading every tensor gives, and words that the message holds.
"""
import base64, io, json, os, struct, zipfile, zlib

HERE = os.path.dirname(os.path.abspath(__file__))
EXPECTED = []


def file(name, data, code="OK", text=""):
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(data)
    EXPECTED.append((name, code, text))


# --- .npy ---

def npy(descr="'<f4'", shape="(2, 3)", data=None, order="False", version=1, header=None):
    text = header if header is not None else "{'descr': %s, 'fortran_order': %s, 'shape': %s, }" % (descr, order, shape)
    text = text.encode("utf-8")
    prefix = 10 if version == 1 else 12
    text += b" " * (-(prefix + len(text) + 1) % 64) + b"\n"
    length = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + length + text + (data if data is not None else struct.pack("<6f", *range(6)))


six = struct.pack("<6f", *range(6))
file("npy/good-float32.npy", npy())
file("npy/good-fortran-order.npy", npy(order="True"))
file("npy/good-big-endian.npy", npy("'>f4'", data=struct.pack(">6f", *range(6))))
file("npy/good-float16.npy", npy("'<f2'", data=struct.pack("<6e", *range(6))))
file("npy/good-float64.npy", npy("'<f8'", data=struct.pack("<6d", *range(6))))
file("npy/good-bool.npy", npy("'|b1'", data=bytes([0, 1, 1, 0, 0, 1])))
file("npy/good-bfloat16-name.npy", npy("'bfloat16'", data=struct.pack("<6H", *[0x3F80 + i for i in range(6)])))
file("npy/good-bfloat16-void.npy", npy("'<V2'", data=struct.pack("<6H", *[0x3F80 + i for i in range(6)])))
file("npy/good-scalar.npy", npy(shape="()", data=struct.pack("<f", 5)))
file("npy/good-empty.npy", npy(shape="(0, 64)", data=b""))
file("npy/good-version-2.npy", npy(version=2))
file("npy/good-version-3.npy", npy(version=3))
file("npy/good-python-2-long.npy", npy(shape="(2L, 3L)"))
file("npy/good-double-quotes-any-order.npy", npy(header='{"shape": (2,3), "fortran_order": False, "descr": "<f4"}'))
file("npy/good-second-array-follows.npy", npy() + npy())
file("npy/bad-bytes-follow.npy", npy() + bytes(7), "FORMAT", "7 bytes follow the array and are no further array")
file("npy/bad-second-array-truncated.npy", npy() + npy()[:-4], "FORMAT", "a further array that cannot be read: truncated")
file("npy/bad-empty-file.npy", b"", "FORMAT", "empty")
file("npy/bad-magic.npy", b"\x93NUMPI" + npy()[6:], "FORMAT", "not an .npy file")
file("npy/bad-version.npy", b"\x93NUMPY\x04" + npy()[7:], "FORMAT", "version 4.0")
file("npy/bad-truncated-in-prefix.npy", npy()[:9], "FORMAT", "truncated")
file("npy/bad-truncated-in-header.npy", npy()[:60], "FORMAT", "truncated: the .npy header")
file("npy/bad-truncated-in-data.npy", npy()[:-5], "FORMAT", "needs 24 bytes but 19 are there (5 missing)")
file("npy/bad-header-longer-than-file.npy", b"\x93NUMPY\x02\x00" + struct.pack("<I", 0xFFFFFFFF) + npy()[10:], "FORMAT", "truncated: the .npy header")
file("npy/bad-shape-overflows.npy", npy(shape="(4294967296, 4294967296)"), "FORMAT", "impossible")
file("npy/bad-shape-beyond-64-bits.npy", npy(shape="(18446744073709551616,)"), "FORMAT", "impossible")
file("npy/bad-shape-negative.npy", npy(shape="(-2, 3)"), "FORMAT", "not negative")
file("npy/bad-shape-no-tuple.npy", npy(shape="6"), "FORMAT", "a tuple")
file("npy/bad-extra-key.npy", npy(header="{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), 'x': 1}"), "FORMAT", "no key but")
file("npy/bad-missing-key.npy", npy(header="{'descr': '<f4', 'shape': (2, 3)}"), "FORMAT", "the keys")
file("npy/bad-key-twice.npy", npy(header="{'shape': (2, 3), 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}"), "FORMAT", "each key once")
file("npy/bad-code-in-header.npy", npy(header="__import__('os').system('true')"), "FORMAT", "a dictionary")
file("npy/bad-dtype.npy", npy("'<z4'"), "FORMAT", "unknown dtype")
file("npy/unsupported-pickled-objects.npy", npy("'|O'", data=b"\x80\x04."), "UNSUPPORTED", "pickled objects are never read")
file("npy/unsupported-structured.npy", npy("[('x', '<f4'), ('y', '<f4')]"), "UNSUPPORTED", "structured")
file("npy/unsupported-text.npy", npy("'<U1'"), "UNSUPPORTED", "text")
file("npy/unsupported-complex.npy", npy("'<c8'", data=six * 2), "UNSUPPORTED", "complex")
file("npy/unsupported-dates.npy", npy("'<M8[s]'", data=six * 2), "UNSUPPORTED", "dates")
file("npy/unsupported-float128.npy", npy("'<f16'", data=six * 4), "UNSUPPORTED", "width")
file("npy/unsupported-nine-axes.npy", npy(shape="(1, 1, 1, 1, 1, 1, 1, 2, 3)"), "UNSUPPORTED", "more than 8 axes")


# --- .npz ---

DATE = (1980, 1, 1, 0, 0, 0)


def npz(members, method=zipfile.ZIP_STORED, comment=b"", zip64=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as z:
        z.comment = comment
        for name, data in members:
            info = zipfile.ZipInfo(name, DATE)
            info.compress_type = method
            with z.open(info, "w", force_zip64=zip64) as f:
                f.write(data)
    return out.getvalue()


def patch(data, *changes):
    """Replace bytes of the first and the only, or of each, place where `old` stands."""
    for old, new in changes:
        assert old in data and len(old) == len(new)
        data = data.replace(old, new)
    return data


class Pipe(io.RawIOBase):
    """A stream that cannot seek: zipfile then writes data descriptors."""
    def __init__(self):
        self.data = b""

    def writable(self):
        return True

    def write(self, data):
        self.data += bytes(data)
        return len(data)


def streamed(members):
    out = Pipe()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as z:
        for name, data in members:
            z.writestr(zipfile.ZipInfo(name, DATE), data)
    return out.data


pair = [("q.npy", npy()), ("k.npy", npy())]
flat = [("q.npy", npy(shape="(64, 64)", data=bytes(16384)))]
good = npz(pair)
deflated = npz(flat, zipfile.ZIP_DEFLATED)
file("npz/good-stored.npz", good)
file("npz/good-deflated.npz", npz(pair, zipfile.ZIP_DEFLATED))
file("npz/good-zip64.npz", npz(pair, zip64=True))
limit, zipfile.ZIP64_LIMIT = zipfile.ZIP64_LIMIT, 0
file("npz/good-zip64-directory.npz", npz(pair, zip64=True))  # also the directory in 64-bit fields, as if beyond 4 GB
zipfile.ZIP64_LIMIT = limit
file("npz/good-comment.npz", npz(pair, comment=b"PK\x05\x06 is not the end"))
file("npz/good-streamed.npz", streamed(pair))
file("npz/good-highly-compressible.npz", deflated)
file("npz/good-text-beside.npz", npz(pair + [("tokens.npy", npy("'<U1'"))]))
file("npz/good-other-file-beside.npz", npz(pair + [("README.txt", b"hello")]))
file("npz/good-folder-entry.npz", npz([("a/", b""), ("a/q.npy", npy())]))
file("npz/bad-bytes-follow.npz", npz([("q.npy", npy() + npy())]), "FORMAT", "bytes follow the array")
file("npz/bad-no-arrays.npz", npz([]), "FORMAT", "holds no array")
file("npz/bad-truncated.npz", good[:-30], "FORMAT", "not a whole .npz")
file("npz/bad-only-a-header.npz", good[:40], "FORMAT", "not a whole .npz")
file("npz/bad-crc-stored.npz", good[:170] + b"\xff" + good[171:], "FORMAT", "CRC")
broken = npz([("q.npy", npy(shape="(64,)", data=bytes(range(256))))], zipfile.ZIP_DEFLATED)
crc = struct.pack("<I", zlib.crc32(npy(shape="(64,)", data=bytes(range(256)))))
file("npz/bad-crc-deflated.npz", patch(broken, (crc, b"abcd")), "FORMAT", "CRC")
size = struct.pack("<I", len(flat[0][1]))
file("npz/bad-bomb-by-size.npz", patch(deflated, (size, struct.pack("<I", 0xFFFFFFF0))), "FORMAT", "zip bomb")
larger = flat[0][1].replace(b"(64, 64)", b"(64, 99)")
file("npz/bad-size-larger-than-data.npz", patch(npz([("q.npy", larger)], zipfile.ZIP_DEFLATED), (struct.pack("<I", len(larger)),
     struct.pack("<I", len(larger) + 8960))), "FORMAT", "member q")
file("npz/bad-name-twice.npz", patch(good, (b"k.npy", b"q.npy")), "FORMAT", "two members are called q")
file("npz/bad-same-name-but-suffix.npz", npz([("q.npy", npy()), ("q", npy())]), "FORMAT", "two members are called q")
file("npz/bad-truncated-array.npz", npz([("q.npy", npy()[:-4])]), "FORMAT", "member q.npy: truncated")
file("npz/bad-npy-header.npz", npz([("q.npy", npy(shape="(-1,)"))]), "FORMAT", "member q.npy: the .npy header is malformed")


def overlapping(copies):
    """Many entries of the directory that share one member (a bomb by overlap)."""
    body = npz([("0.npy", npy(shape="(2000,)", data=os.urandom(0) + bytes(8000)))])
    end = body.rfind(b"PK\x05\x06")
    start = struct.unpack("<I", body[end + 16:end + 20])[0]
    entry = body[start:end]
    entries = b"".join(entry.replace(b"0.npy", b"%d.npy" % i) for i in range(copies))
    tail = body[end:end + 8] + struct.pack("<HHII", copies, copies, len(entries), start) + body[end + 20:]
    return body[:start] + entries + tail


file("npz/bad-overlapping-members.npz", overlapping(9), "FORMAT", "overlap")
file("npz/unsupported-encrypted.npz", patch(good, (b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01"),
     (b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01")), "UNSUPPORTED", "encrypted")
file("npz/unsupported-bzip2.npz", npz(pair, zipfile.ZIP_BZIP2), "UNSUPPORTED", "neither stored nor deflated")
file("npz/unsupported-pytorch.npz", npz([("model/data.pkl", b"\x80\x02."), ("model/data/0", six)]), "UNSUPPORTED", "PyTorch")
file("npz/unsupported-only-text.npz", npz([("tokens.npy", npy("'<U1'"))]), "UNSUPPORTED", "holds no numeric array")


# --- .safetensors ---

def safetensors(header, data=b"", length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype, shape, begin, end):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


q = entry("F32", [2, 3], 0, 24)
k = entry("F32", [2, 3], 24, 48)
st = "safetensors/"
file(st + "good-float32.safetensors", safetensors({"q": q, "k": k}, six + six))
file(st + "good-not-in-order-of-data.safetensors", safetensors({"k": k, "q": q}, six + six))
file(st + "good-metadata.safetensors", safetensors({"__metadata__": {"format": "pt"}, "q": q}, six))
file(st + "good-spaces-around.safetensors", safetensors(b"  " + json.dumps({"q": q}).encode() + b"   ", six))
file(st + "good-no-tensors.safetensors", safetensors({}), "FORMAT", "holds no array")
file(st + "good-float8-with-scale.safetensors", safetensors({"k": entry("F8_E4M3", [2, 2], 0, 4), "k_scale": entry("F32", [1], 4, 8)},
     bytes([0x38, 0x40, 0xB8, 0x7E]) + struct.pack("<f", 0.5)))
file(st + "good-float8-scale-inv.safetensors", safetensors({"k": entry("F8_E5M2", [4], 0, 4), "k_scale_inv": entry("F32", [], 4, 8)},
     bytes([0x3C, 0x40, 0xBC, 0x7B]) + struct.pack("<f", 2)))
file(st + "good-float4-beside.safetensors", safetensors({"w": entry("F4", [4], 0, 2), "q": entry("F32", [2, 3], 2, 26)}, b"\x12\x34" + six))
file(st + "good-unknown-type-beside.safetensors", safetensors({"w": entry("F7", [4], 0, 2), "q": entry("F32", [2, 3], 2, 26)}, b"\x12\x34" + six))
file(st + "good-empty-tensor.safetensors", safetensors({"q": q, "e": entry("F32", [0, 64], 24, 24)}, six))
file(st + "shard-1.safetensors", safetensors({"layers.0.q": q, "layers.0.k": k}, six + six))
file(st + "shard-2.safetensors", safetensors({"layers.1.q": q, "layers.1.k": k}, six + six))
shards = {"layers.0.k": "shard-1.safetensors", "layers.0.q": "shard-1.safetensors", "layers.1.k": "shard-2.safetensors",
          "layers.1.q": "shard-2.safetensors"}


def index(weight_map, **more):
    return json.dumps(dict(more, metadata={"total_size": 96}, weight_map=weight_map)).encode()


file(st + "good-sharded.safetensors.index.json", index(shards))
file(st + "bad-shard-missing.safetensors.index.json", index(dict(shards, x="shard-3.safetensors")), "IO", "cannot open")
file(st + "bad-shard-elsewhere.safetensors.index.json", index(dict(shards, x="../npy/good-float32.npy")), "FORMAT", "no file beside the index")
file(st + "bad-shard-is-the-index.safetensors.index.json", index({"x": "bad-shard-is-the-index.safetensors.index.json"}), "FORMAT", "")
file(st + "bad-not-in-its-shard.safetensors.index.json", index(dict(shards, x="shard-1.safetensors")), "FORMAT", "not in its shard")
file(st + "bad-no-weight-map.safetensors.index.json", b'{"weight": {}}', "FORMAT", "no weight_map")
file(st + "bad-index-broken.safetensors.index.json", index(shards)[:-1], "FORMAT", "broken JSON")
file(st + "bad-too-short.safetensors", b"\x02\x00\x00", "FORMAT", "too short")
file(st + "bad-header-longer-than-file.safetensors", safetensors({"q": q}, six, 1000), "FORMAT", "truncated")
file(st + "bad-header-absurd.safetensors", safetensors({"q": q}, six, 2**63), "FORMAT", "9223372036854775808 bytes long")
file(st + "bad-json.safetensors", safetensors(b'{"q": ', six), "FORMAT", "broken JSON")
file(st + "bad-json-array.safetensors", safetensors(b"[1, 2]", six), "FORMAT", "no JSON object")
file(st + "bad-utf-8.safetensors", safetensors(b'{"\xff": 1}', six), "FORMAT", "UTF-8")
file(st + "bad-name-twice.safetensors", safetensors(b'{"q":%s,"q":%s}' % (json.dumps(q).encode(), json.dumps(k).encode()), six + six),
     "FORMAT", "duplicate")
file(st + "bad-nested-deeply.safetensors", safetensors(b'{"q":' + b"[" * 5000 + b"]" * 5000 + b"}"), "FORMAT", "broken JSON")
file(st + "bad-overlap.safetensors", safetensors({"q": q, "k": entry("F32", [2, 3], 8, 32)}, six + six[:8]), "FORMAT", "overlap")
file(st + "bad-hole.safetensors", safetensors({"q": q, "k": entry("F32", [2, 3], 28, 52)}, six + b"1234" + six), "FORMAT", "hole")
file(st + "bad-bytes-after-the-last.safetensors", safetensors({"q": q}, six + b"1234"), "FORMAT", "4 bytes follow the last tensor")
file(st + "bad-truncated-in-data.safetensors", safetensors({"q": q}, six[:-4]), "FORMAT", "truncated: its data end at byte 24")
file(st + "bad-offsets-descending.safetensors", safetensors({"q": entry("F32", [2, 3], 24, 0)}, six), "FORMAT", "ascending")
file(st + "bad-offsets-negative.safetensors", safetensors({"q": entry("F32", [2, 3], -24, 0)}, six), "FORMAT", "ascending")
file(st + "bad-shape-and-offsets.safetensors", safetensors({"q": entry("F32", [2, 4], 0, 24)}, six), "FORMAT", "takes 32 bytes")
file(st + "bad-shape-overflows.safetensors", safetensors({"q": entry("F32", [2**32, 2**32], 0, 24)}, six), "FORMAT", "overflows")
file(st + "bad-shape-negative.safetensors", safetensors({"q": entry("F32", [-2, -3], 0, 24)}, six), "FORMAT", "expected dtype")
file(st + "bad-shape-of-text.safetensors", safetensors({"q": entry("F32", ["2", "3"], 0, 24)}, six), "FORMAT", "expected dtype")
file(st + "bad-scale-zero.safetensors", safetensors({"k": entry("F8_E4M3", [4], 0, 4), "k_scale": entry("F32", [1], 4, 8)}, bytes(8)), "VALUE", "scale")
file(st + "unsupported-only-float4.safetensors", safetensors({"w": entry("F4", [4], 0, 2)}, b"\x12\x34"), "UNSUPPORTED", "F4")
file(st + "unsupported-scale-of-each-block.safetensors", safetensors({"k": entry("F8_E4M3", [2, 2], 0, 4), "k_scale": entry("F32", [2], 4, 12)},
     bytes([0x38] * 4) + struct.pack("<2f", 1, 2)), "UNSUPPORTED", "scales are more than one number")

# --- what is no tensor file ---

file("other/unsupported-pickle.pt", b"\x80\x02}q\x00.", "UNSUPPORTED", "pickle")
file("other/unsupported-gguf.gguf", b"GGUF\x03\x00\x00\x00", "UNSUPPORTED", "GGUF")
file("other/unsupported-hdf5.h5", b"\x89HDF\r\n\x1a\n", "UNSUPPORTED", "HDF5")
file("other/bad-text.txt", b"the cat sat\n", "FORMAT", "neither .npy, .npz nor .safetensors")

# --- token lists, vocabularies and alignments: what is in them is tested by test_tokens, test_vocab and test_alignment ---


def plain(name, text):
    path = os.path.join(HERE, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as f:
        f.write(text if isinstance(text, bytes) else text.encode("utf-8"))


plain("tokens/good-lines.txt", "The\ncat\r\n\\n\n\nsat\n")
plain("tokens/good-array.json", json.dumps(["\u0120The", "\u0120caf\u00c3\u00a9", "\u010a"]))
plain("tokens/good-objects.json", json.dumps([{"id": 5, "token": "\u2581the"}, {"id": 6, "token": "<0x0A>"}]))
plain("tokens/good-encoding.json", json.dumps({"ids": [1, 2], "tokens": ["play", "##ing"], "offsets": [[0, 4], [4, 7]]}))
plain("tokens/good-pieces.json", json.dumps({"tokens": [{"id": 1, "piece": "a"}, {"id": 2, "piece": [226, 153, 165]}]}))
plain("tokens/good-lines-of-objects.jsonl", '{"token": "a"}\n{"token": " b"}\n')
plain("tokens/good-hostile-labels.txt", b"\x1b[31m\n\xff\xfe!\nb\0c\n\xe2\x80\xae\n")
plain("tokens/bad-truncated.json", '["a", "b"')
plain("tokens/bad-numbers.json", "[1, 2, 3]")
plain("tokens/bad-nested-deeply.json", "[" * 3000)
plain("tokens/unsupported-utf-16.txt", "a\nb\n".encode("utf-16"))
plain("vocab/good-bpe.json", json.dumps({"model": {"type": "BPE", "vocab": {"a": 0, "\u0120b": 1}}, "added_tokens": [{"id": 2, "content": "<s>"}]}))
plain("vocab/good-unigram.json", json.dumps({"model": {"type": "Unigram", "vocab": [["<s>", 0.0], ["\u2581a", -1.5]]}}))
plain("vocab/good-vocab.json", json.dumps({"a": 1, "b": 0}))
plain("vocab/good-wordpiece.txt", "[PAD]\nplay\n##ing\n")
plain("vocab/good-sentencepiece.vocab", "<unk>\t0\n\u2581a\t-1.5\n")
plain("vocab/good-ranks.tiktoken", "IQ== 0\nIHRoZQ== 1\n4oI= 2\n")
plain("vocab/bad-truncated.json", '{"a": 1, "b"')
plain("vocab/bad-rank.tiktoken", "IQ== 0\nIg== x\n")
plain("vocab/unsupported-sentencepiece.model", b"\n\x0e\n\x05<unk>\x15\0\0\0\0\x18\x02")
plain("links/good-pharaoh.txt", "0-0 1p2 2-1\n\n0-1\n")
plain("links/bad-word.txt", "0-0 1-x\n")

# --- pictures: 16 x 16, red grows to the right and green downwards ---

# Compressed by libjpeg; there is no JPEG in the standard library.
JPEG = {
"rgb": (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//"
    "2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wAARCAAQABADASIAAhEBAxEB/8QA"
    "FQABAQAAAAAAAAAAAAAAAAAABQb/xAAYEAACAwAAAAAAAAAAAAAAAAAABAUiMf/EABUBAQEAAAAAAAAAAAAAAAAAAAAC/8QAGhEAAgIDAAAAAAAAAAAAAAAA"
    "AAUDBCExYf/aAAwDAQACEQMRAD8AmFY7Ki6sdlRdWOyowrHZUqe90KmOsn//2Q=="),
"progressive": (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//"
    "2wBDAQ4ODhMREyYVFSZPNS01T09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT09PT0//wgARCAAQABADASIAAhEBAxEB/8QA"
    "FQABAQAAAAAAAAAAAAAAAAAABAX/xAAVAQEBAAAAAAAAAAAAAAAAAAAAAf/aAAwDAQACEAMQAAABlsWyv//EABYQAAMAAAAAAAAAAAAAAAAAAAACA//aAAgB"
    "AQABBQJZizFmLM//xAAVEQEBAAAAAAAAAAAAAAAAAAAEAP/aAAgBAwEBPwEqL//EABYRAAMAAAAAAAAAAAAAAAAAAAACA//aAAgBAgEBPwF7n//EABQQAQAA"
    "AAAAAAAAAAAAAAAAACD/2gAIAQEABj8CH//EABUQAQEAAAAAAAAAAAAAAAAAAABh/9oACAEBAAE/IZJJJP/aAAwDAQACAAMAAAAQs//EABYRAAMAAAAAAAAA"
    "AAAAAAAAAAAhMf/aAAgBAwEBPxCbP//EABURAQEAAAAAAAAAAAAAAAAAAABh/9oACAECAQE/ELP/xAAVEAEBAAAAAAAAAAAAAAAAAAAAMf/aAAgBAQABPxCJ"
    "EiRP/9k="),
"grey": (
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAA0JCgsKCA0LCgsODg0PEyAVExISEyccHhcgLikxMC4pLSwzOko+MzZGNywtQFdBRkxOUlNSMj5aYVpQYEpRUk//"
    "wAALCAAQABABAREA/8QAFQABAQAAAAAAAAAAAAAAAAAABQb/xAAYEAACAwAAAAAAAAAAAAAAAAAABAUiMf/aAAgBAQAAPwCYVjsqLqx2VF1Y7KjCsdlT/9k="),
"cmyk": (
    "/9j/7gAOQWRvYmUAZAAAAAAA/9sAQwANCQoLCggNCwoLDg4NDxMgFRMSEhMnHB4XIC4pMTAuKS0sMzpKPjM2RjcsLUBXQUZMTlJTUjI+WmFaUGBKUVJP/8AA"
    "FAgAEAAQBEMRAE0RAFkRAEsRAP/EABYAAQEBAAAAAAAAAAAAAAAAAAAHBv/EABgQAQADAQAAAAAAAAAAAAAAAAAGFUJi/9oADgRDAE0AWQBLAAA/AMnH8snR"
    "cCnKdH8lFwCYx/KnUXAKdH8lFwD/2Q=="),
}


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(colour, bits, rows, extra=b"", width=16, height=16, interlace=0):
    head = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + extra + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


rgb = b"".join(b"\0" + b"".join(bytes([16 * x, 16 * y, 128]) for x in range(16)) for y in range(16))
good_png = png(2, 8, rgb)
plain("image/good-rgb.png", good_png)
plain("image/good-grey-1-bit.png", png(0, 1, (b"\0\xaa\x55") * 16))
plain("image/good-palette.png", png(3, 8, (b"\0" + bytes(range(16))) * 16, chunk(b"PLTE", bytes(range(48))) + chunk(b"tRNS", bytes(16))))
plain("image/good-16-bit.png", png(6, 16, (b"\0" + bytes(range(128))) * 16))
plain("image/good-grey.jpg", base64.b64decode(JPEG["grey"]))
plain("image/good-rgb.jpg", base64.b64decode(JPEG["rgb"]))
plain("image/good-progressive.jpg", base64.b64decode(JPEG["progressive"]))
plain("image/bad-truncated.png", good_png[:-20])
plain("image/bad-truncated.jpg", base64.b64decode(JPEG["rgb"])[:-60])
plain("image/bad-too-few-rows.png", png(2, 8, rgb[:-49]))
plain("image/bad-size-beyond-the-file.png", png(2, 8, rgb, width=30000, height=2000))
plain("image/bad-chunk-length.png", good_png.replace(struct.pack(">I", 13) + b"IHDR", struct.pack(">I", 0x7FFFFFFF) + b"IHDR"))
plain("image/unsupported-cmyk.jpg", base64.b64decode(JPEG["cmyk"]))

with open(os.path.join(HERE, "expected.tsv"), "w") as f:
    f.writelines("\t".join(line) + "\n" for line in EXPECTED)
