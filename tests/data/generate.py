#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write the files of tests/data. They are kept in the repository: no test runs this.

Only the standard library is used, so that each byte is what the line below says. `file(name, bytes, code, text)` writes a file and its line in
expected.tsv: the error code that opening it and loading every tensor gives, and words that the message holds.
"""
import base64, collections, io, json, os, pickle, struct, sys, types, zipfile, zlib

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
file("npy/bad-pickled-objects.npy", npy("'|O'", data=b"\x80\x04."), "FORMAT", "the pickle is broken")
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

# --- pickles: Python's own pickler, with stand-ins for the functions of torch and numpy, which are named and never there ---

def stand_in(module, name):
    """Something that pickles as module.name."""
    for end in [i for i, letter in enumerate(module + ".") if letter == "."]:
        top = sys.modules.setdefault(module[:end], types.ModuleType(module[:end]))
    if not hasattr(top, name):
        setattr(top, name, type(name, (), {"__module__": module}))
    return getattr(top, name)


class Call:
    """Pickles as a call of `function` with `arguments`, then BUILD with `state`, items and pairs."""
    def __init__(self, function, *arguments, state=None, items=None, pairs=None):
        self.parts = (function, arguments, state, iter(items) if items else None, iter(pairs) if pairs else None)

    def __reduce__(self):
        return self.parts


class Storage:
    def __init__(self, kind, key, count, view=None):
        self.id = ("storage", stand_in("torch", kind), key, "cpu", count) + ((view,) if view != () else ())


class Pickler(pickle.Pickler):
    def persistent_id(self, thing):
        return thing.id if isinstance(thing, Storage) else None


def dumps(thing, protocol=2):
    out = io.BytesIO()
    Pickler(out, protocol).dump(thing)
    return out.getvalue()


def tensor(shape=(2, 3), stride=(3, 1), offset=0, kind="FloatStorage", key="0", count=6, view=()):
    return Call(stand_in("torch._utils", "_rebuild_tensor_v2"), Storage(kind, key, count, view), offset, shape, stride, False,
                collections.OrderedDict())


def typed(name, shape, stride, key, count):
    return Call(stand_in("torch._utils", "_rebuild_tensor_v3"), Storage("UntypedStorage", key, count), 0, shape, stride, False,
                collections.OrderedDict(), stand_in("torch", name))


def pt(thing, storages=None, order=b"little", root="archive", method=zipfile.ZIP_STORED, protocol=2):
    storages = storages if storages is not None else {"0": six}
    members = [(root + "/data.pkl", thing if isinstance(thing, bytes) else dumps(thing, protocol))]
    members += [(root + "/byteorder", order)] if order else []
    members += [(root + "/data/" + key, data) for key, data in storages.items()]
    return npz(members + [(root + "/version", b"3\n")], method)


def stream(thing, storages=None, protocol=2):
    """(element size, bytes) by key."""
    storages = storages if storages is not None else {"0": (4, six)}
    head = [0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}, thing,
            sorted(storages)]
    return b"".join(dumps(part, protocol) for part in head) + b"".join(
        struct.pack("<q", len(storages[key][1]) // storages[key][0]) + storages[key][1] for key in sorted(storages))


def laughs(levels, leaf):
    for _ in range(levels):
        leaf = [leaf, leaf]
    return leaf


cache = stand_in("transformers.cache_utils", "DynamicCache")
output = stand_in("transformers.modeling_outputs", "BaseModelOutput")
pair_of = stand_in("__main__", "Pair")
file("torch/good-zip.pt", pt({"q": tensor()}))
file("torch/good-stream.pt", stream({"q": tensor(view=None)}))
file("torch/good-deflated.pt", pt({"q": tensor()}, method=zipfile.ZIP_DEFLATED))
file("torch/good-big-endian.pt", pt({"q": tensor()}, {"0": struct.pack(">6f", *range(6))}, order=b"big"))
file("torch/good-no-byteorder.pt", pt({"q": tensor()}, order=None))
file("torch/good-root.pt", pt({"q": tensor()}, root="runs/q"))
file("torch/good-protocol-4.pt", pt({"q": tensor()}, protocol=4))
file("torch/good-lone-tensor.pt", pt(tensor()))
file("torch/good-lone-tensor-stream.pt", stream(tensor(view=None)))
file("torch/good-transposed.pt", pt({"q": tensor((3, 2), (1, 3))}))
file("torch/good-offset.pt", pt({"q": tensor(offset=2, count=8)}, {"0": struct.pack("<8f", 9, 9, *range(6))}))
file("torch/good-shared-storage.pt", pt({"row0": tensor((3,), (1,)), "row1": tensor((3,), (1,), offset=3)}))
file("torch/good-expanded.pt", pt({"q": tensor((4, 6), (0, 1))}))
file("torch/good-view-of-a-storage.pt", stream({"q": tensor((3,), (1,), view=("1", 3, 3))}))
file("torch/good-half.pt", pt({"q": tensor(kind="HalfStorage")}, {"0": struct.pack("<6e", *range(6))}))
file("torch/good-bfloat16.pt", pt({"q": tensor(kind="BFloat16Storage")}, {"0": struct.pack("<6H", 0, 0x3F80, 0x4000, 0x4040, 0x4080, 0x40A0)}))
file("torch/good-float8.pt", pt({"q": typed("float8_e4m3fn", (2, 3), (3, 1), "0", 6)}, {"0": bytes([0, 0x38, 0x40, 0x44, 0x48, 0x4A])}))
file("torch/good-float8-e5m2.pt", pt({"q": typed("float8_e5m2", (3,), (1,), "0", 3)}, {"0": bytes([0x3C, 0x40, 0x44])}))
file("torch/good-parameter.pt", pt({"q": Call(stand_in("torch._utils", "_rebuild_parameter"), tensor(), True, collections.OrderedDict())}))
file("torch/good-subclass.pt", pt({"q": Call(stand_in("torch._tensor", "_rebuild_from_type_v2"), stand_in("torch._utils", "_rebuild_tensor_v2"),
     stand_in("__main__", "Mine"), tensor().parts[1], {"note": 1})}))
file("torch/good-size.pt", pt({"q": Call(stand_in("torch._utils", "_rebuild_tensor_v2"), Storage("FloatStorage", "0", 6), 0,
     Call(stand_in("torch", "Size"), (2, 3)), (3, 1), False, None)}))
file("torch/good-scalar-and-empty.pt", pt({"five": tensor((), (), offset=5), "none": tensor((0, 3), (3, 1)), "ten": tensor((2,), (0,), offset=5)}))
file("torch/good-cache.pt", pt({"past_key_values": Call(cache, state={"key_cache": [tensor()], "value_cache": [tensor()], "_seen_tokens": 3})}))
file("torch/good-model-output.pt", pt(Call(output, (tensor(),), None, state={"attentions": (tensor(),)}, pairs=[("attentions", (tensor(),))])))
file("torch/good-named-tuple.pt", pt(Call(pair_of, tensor(), 3)))
file("torch/good-module.pt", pt(Call(stand_in("__main__", "Model"), state={"training": False, "_parameters": collections.OrderedDict(w=tensor()),
     "_modules": collections.OrderedDict(inner=Call(stand_in("__main__", "Inner"), state={"_buffers": {"b": tensor()}}))})))
file("torch/good-sparse-beside.pt", pt({"q": tensor(), "s": Call(stand_in("torch._utils", "_rebuild_sparse_tensor"), 1, (tensor(), tensor(), (3, 3)))}))
file("torch/good-text-beside.pt", pt({"q": tensor(), "model": "gpt2", "layer": 3, "scale": 0.125, "mask": None}))
file("torch/good-no-crc.pt", patch(pt({"q": tensor()}), (struct.pack("<I", zlib.crc32(six)), bytes(4))))
layer = lambda key: tensor((1, 2, 2), (4, 2, 1), key=key, count=4)
halves = {"0": struct.pack("<4f", 1, 0, 0.5, 0.5), "1": struct.pack("<4f", 1, 0, 0.25, 0.75), "2": struct.pack("<4f", 1, 2, 3, 4),
          "3": struct.pack("<4f", 4, 3, 2, 1)}
file("torch/good-attentions.pt", pt((layer("0"), layer("1")), halves))
file("torch/good-past_key_values.pt", pt(((layer("2"), layer("0")), (layer("3"), layer("1"))), halves))
file("torch/good-steps.pt", pt({"query_states": [layer("0"), layer("1")], "past_key_values": [(layer("2"), layer("0")), (layer("3"), layer("1"))]}, halves))
file("npz/good-layers.npz", npz([(name + ".npy", npy(shape="(1, 2, 2)", data=halves[key])) for name, key in
     [("layers.0.q", "0"), ("layers.1.q", "1"), ("layers.0.k", "2"), ("layers.1.k", "3"), ("layers.0.v", "0"), ("layers.1.v", "1")]]))
file("torch/bad-crc.pt", patch(pt({"q": tensor()}), (struct.pack("<I", zlib.crc32(six)), b"\1\2\3\4")), "FORMAT", "CRC")
file("torch/bad-os-system.pt", pt(b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R."), "UNSUPPORTED", "os.system")
file("torch/bad-os-system-stream.pt", stream({"q": tensor(view=None)}).replace(b"}q\x00X\x01\x00\x00\x00q", b"cos\nsystem\n0}q\x00X\x01\x00\x00\x00q"),
     "UNSUPPORTED", "os.system")
file("torch/bad-view-beyond-its-storage.pt", pt({"q": tensor((2, 4), (4, 1))}), "FORMAT", "q: a tensor reaches beyond its storage")
file("torch/bad-offset-beyond-its-storage.pt", pt({"q": tensor(offset=1)}), "FORMAT", "reaches beyond")
file("torch/bad-offset-negative.pt", pt({"q": tensor(offset=-1)}), "FORMAT", "in no form that torch.save writes")
file("torch/bad-stride-negative.pt", pt({"q": tensor((6,), (-1,), offset=5)}), "FORMAT", "impossible")
file("torch/bad-strides-overflow.pt", pt({"q": tensor((2, 3), (2**62, 2**62))}), "FORMAT", "impossible")
file("torch/bad-lengths-overflow.pt", pt({"q": tensor((2**40, 2**40), (0, 0))}), "FORMAT", "impossible")
file("torch/bad-strides-fewer.pt", pt({"q": tensor((2, 3), (1,))}), "FORMAT", "in no form that torch.save writes")
file("torch/bad-count-beyond-64-bits.pt", pt({"q": tensor(count=2**64)}), "FORMAT", "a storage in no form")
file("torch/bad-storage-missing.pt", pt({"q": tensor(key="1")}), "FORMAT", "lacks its storage archive/data/1")
file("torch/bad-storage-shorter.pt", pt({"q": tensor()}, {"0": six[:-4]}), "FORMAT", "should be 24 bytes, but the member has 20")
file("torch/bad-key-leads-elsewhere.pt", pt({"q": tensor(key="../version")}), "FORMAT", "lacks its storage")
file("torch/bad-byteorder.pt", pt({"q": tensor()}, order=b"middle"), "FORMAT", "byte order")
file("torch/bad-two-pickles.pt", npz([("a/data.pkl", dumps({"q": tensor()})), ("b/data.pkl", dumps({"q": tensor()}))]), "FORMAT", "two pickles")
file("torch/bad-two-tensors-of-one-name.pt", pt({"a": {"b": tensor()}, "a.b": tensor()}), "FORMAT", "two tensors are called a.b")
file("torch/bad-stream-truncated.pt", stream({"q": tensor(view=None)})[:-4], "FORMAT", "truncated")
file("torch/bad-stream-cut-in-pickles.pt", stream({"q": tensor(view=None)})[:60], "FORMAT", "truncated")
file("torch/bad-stream-length.pt", stream({"q": tensor(view=None)}, {"0": (4, six + six)}), "FORMAT", "another length")
file("torch/bad-stream-lacks-a-storage.pt", stream({"q": tensor(view=None), "k": tensor(view=None, key="1")}), "FORMAT", "lacks its storage")
file("torch/bad-stream-storage-unknown.pt", stream({"q": tensor(view=None)}, {"0": (4, six), "1": (4, six)}), "FORMAT", "does not speak of")
file("torch/bad-id.pt", pt(b"\x80\x02X\x01\x00\x00\x00aQ."), "FORMAT", "holds no array")
file("torch/unsupported-only-complex.pt", pt({"q": tensor(kind="ComplexFloatStorage", count=3, shape=(3,), stride=(1,))}), "UNSUPPORTED", "its type is not read")
file("torch/unsupported-negated.pt", pt({"q": Call(*tensor().parts[:1], *tensor().parts[1], {"neg": True})}), "UNSUPPORTED", "resolve_neg")
file("torch/unsupported-nine-axes.pt", pt({"q": tensor((1,) * 8 + (6,), (1,) * 9)}), "UNSUPPORTED", "more than 8 axes")

dtype = stand_in("numpy", "dtype")
made_dtype = lambda code, order="<": Call(dtype, code, False, True, state=(3, order, None, None, None, -1, -1, 0))
array = lambda shape=(2, 3), code="f4", data=six, order="<", fortran=False: Call(stand_in("numpy.core.multiarray", "_reconstruct"),
    stand_in("numpy", "ndarray"), (0,), b"b", state=(1, shape, made_dtype(code, order), fortran, data))
for protocol in range(6):
    file("pickle/good-protocol-%d.pkl" % protocol, dumps({"q": array()}, protocol))
file("pickle/good-buffer.pkl", dumps({"q": Call(stand_in("numpy._core.numeric", "_frombuffer"), bytearray(six), made_dtype("f4"), (3, 2), "F")}, 5))
file("pickle/good-big-endian.pkl", dumps({"q": array(data=struct.pack(">6f", *range(6)), order=">")}))
file("pickle/good-fortran.pkl", dumps({"q": array(fortran=True)}))
file("pickle/good-bfloat16.pkl", dumps({"q": Call(stand_in("numpy.core.multiarray", "_reconstruct"), 0, (0,), b"b", state=(1, (3,),
     Call(dtype, stand_in("ml_dtypes", "bfloat16"), False, True), False, struct.pack("<3H", 0x4000, 0x4080, 0x40A0)))}))
file("pickle/good-objects.pkl", dumps({"q": array((2,), "O8", [array(), array()], "|")}))
file("pickle/good-python-2.pkl", b"(dp0\nS'q'\np1\ncnumpy.core.multiarray\n_reconstruct\np2\n(cnumpy\nndarray\np3\n(I0\ntp4\nS'b'\np5\ntp6\nRp7\n"
     b"(I1\n(I2\nI3\ntp8\ncnumpy\ndtype\np9\n(S'f4'\np10\nI0\nI1\ntp11\nRp12\n(I3\nS'<'\np13\nNNNI-1\nI-1\nI0\ntp14\nbI00\nS'"
     + b"".join(b"\\x%02x" % byte for byte in six) + b"'\np15\ntp16\nbs.")
file("pickle/good-numbers.pkl", dumps({"q": [[0, 1, 2], [3, 4, 5.0]], "ids": [7, 8], "shape": (2, 3), "ragged": [[1], [2, 3]], "text": ["a"]}))
file("pickle/good-torch-inside.pkl", dumps({"q": Call(stand_in("torch._utils", "_rebuild_tensor_v2"), Call(stand_in("torch.storage", "_load_from_bytes"),
     stream(Storage("FloatStorage", "0", 6, None))), 0, (2, 3), (3, 1), False, None)}, 4))
circle = [array()]
circle.append(circle)
file("pickle/good-circle.pkl", dumps(circle))
file("pickle/bad-os-system.pkl", b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "UNSUPPORTED", "os.system")
file("pickle/bad-posix-system.pkl", b"cposix\nsystem\n(S'true'\ntR.", "UNSUPPORTED", "posix.system")
file("pickle/bad-eval.pkl", b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93\x8c\x011\x85R.", "UNSUPPORTED", "builtins.eval")
file("pickle/bad-popen.pkl", b"\x80\x02csubprocess\nPopen\n]X\x04\x00\x00\x00truea\x85R.", "UNSUPPORTED", "subprocess.Popen")
file("pickle/bad-getattr.pkl", b"\x80\x02c__builtin__\ngetattr\nc__builtin__\nint\nX\x01\x00\x00\x00x\x86R.", "UNSUPPORTED", "__builtin__.getattr")
file("pickle/bad-instance.pkl", b"\x80\x02(X\x04\x00\x00\x00trueios\nsystem\n.", "UNSUPPORTED", "os.system")
file("pickle/bad-object.pkl", b"\x80\x02(cos\nsystem\nX\x04\x00\x00\x00trueo.", "UNSUPPORTED", "os.system")
file("pickle/bad-newobj.pkl", b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85\x81.", "UNSUPPORTED", "os.system")
file("pickle/bad-run-string.pkl", b"\x80\x02cnumpy.testing._private.utils\nrunstring\nX\x01\x00\x00\x001}\x86R.", "UNSUPPORTED", "numpy.testing._private.utils.runstring")
file("pickle/bad-hub-load.pkl", b"\x80\x02ctorch.hub\nload\nX\x01\x00\x00\x00x\x85R.", "UNSUPPORTED", "torch.hub.load")
file("pickle/bad-laughs.pkl", dumps({"q": array(), "l": laughs(40, [array()])}), "FORMAT", "again and again")
file("pickle/bad-laughs-of-numbers.pkl", dumps({"q": laughs(40, [1.5])}), "FORMAT", "again and again")
file("pickle/bad-deep.pkl", b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".", "UNSUPPORTED", "deeper than 200 levels")
file("pickle/bad-truncated.pkl", dumps({"q": array()})[:-9], "FORMAT", "truncated")
file("pickle/bad-no-end.pkl", dumps({"q": array()})[:-1], "FORMAT", "truncated: it has no end")
file("pickle/bad-length.pkl", b"\x80\x04\x8e\xff\xff\xff\xff\xff\xff\xff\x7fabc.", "FORMAT", "truncated")
file("pickle/bad-length-of-a-long.pkl", b"\x80\x02\x8b\xff\xff\xff\x7fabc.", "FORMAT", "truncated")
file("pickle/bad-frame.pkl", b"\x80\x04\x95\xff\x00\x00\x00\x00\x00\x00\x00].", "FORMAT", "within a frame")
file("pickle/bad-memo-number.pkl", b"\x80\x02]r\xff\xff\xff\xff.", "FORMAT", "memo numbers")
file("pickle/bad-memo-empty.pkl", b"\x80\x02]h\x07.", "FORMAT", "never put there")
file("pickle/bad-stack-empty.pkl", b"\x80\x020.", "FORMAT", "nothing on the stack")
file("pickle/bad-no-mark.pkl", b"\x80\x02]e.", "FORMAT", "no mark")
file("pickle/bad-below-the-mark.pkl", b"\x80\x02](\x85.", "FORMAT", "nothing on the stack")
file("pickle/bad-key-without-value.pkl", b"\x80\x02}(Nu.", "FORMAT", "a key without a value")
file("pickle/bad-opcode.pkl", b"\x80\x02\xff.", "FORMAT", "unknown opcode")
file("pickle/bad-append-to-a-number.pkl", b"\x80\x02K\x01Na.", "FORMAT", "holds none")
file("pickle/bad-call-without-tuple.pkl", b"\x80\x02ccollections\nOrderedDict\nNR.", "FORMAT", "without a tuple")
file("pickle/bad-escape.pkl", b"S'\\xg0'\n.", "FORMAT", "escapes")
file("pickle/bad-array-bytes.pkl", dumps({"q": array((2, 4))}), "FORMAT", "q: an array of the pickle needs 32 bytes but has 24")
file("pickle/bad-array-lengths.pkl", dumps({"q": array((2**40, 2**40))}), "FORMAT", "impossible shape")
file("pickle/bad-array-objects.pkl", dumps({"q": array((3,), "O8", [array()], "|")}), "FORMAT", "in no form that numpy writes")
file("pickle/bad-torch-inside-truncated.pkl", dumps({"q": Call(stand_in("torch._utils", "_rebuild_tensor_v2"), Call(stand_in("torch.storage",
     "_load_from_bytes"), stream(Storage("FloatStorage", "0", 6, None))[:-4]), 0, (2, 3), (3, 1), False, None)}, 4), "FORMAT", "truncated")
file("pickle/bad-empty-name.pkl", b"\x80\x02c\n\n.", "UNSUPPORTED", "refers to")
file("pickle/unsupported-text-array.pkl", dumps({"q": array((6,), "U1", six)}), "UNSUPPORTED", "holds no numeric array, only q")
file("pickle/unsupported-out-of-band.pkl", b"\x80\x05\x97.", "UNSUPPORTED", "out-of-band")
file("pickle/unsupported-extension.pkl", b"\x80\x02\x82\x01.", "UNSUPPORTED", "extension registry")
file("pickle/unsupported-persistent.pkl", b"\x80\x02NQ.", "UNSUPPORTED", "persistent ids")
file("pickle/unsupported-two-pickles.pkl", dumps({"q": array()}) * 2, "UNSUPPORTED", "more follows")
file("pickle/unsupported-protocol-6.pkl", b"\x80\x06].", "UNSUPPORTED", "protocol 6")
file("npy/good-object-array.npy", npy("'|O'", "(2,)", dumps(array((2,), "O8", [array(), array()], "|"), 3)))
file("npy/good-object-dict.npy", npy("'|O'", "()", dumps(array((), "O8", [{"q": array()}], "|"), 3)))
file("npz/good-objects.npz", npz([("a.npy", npy("'|O'", "(2,)", dumps(array((2,), "O8", [array(), array()], "|"), 3))), ("q.npy", npy())],
     zipfile.ZIP_DEFLATED))
file("npz/bad-os-system.npz", npz([("q.npy", npy()), ("a.npy", npy("'|O'", "()", b"\x80\x03cos\nsystem\nX\x04\x00\x00\x00true\x85R."))]),
     "UNSUPPORTED", "member a.npy: refused: its pickle refers to os.system")

# The files that the real torch and numpy wrote (tests/data/write_real.py), and what else stands beside them.
for name in ["torch/good-real.pt", "torch/good-real-stream.pt", "torch/good-real.npz"] + ["pickle/good-real-%d.pkl" % p for p in (0, 2, 4, 5)]:
    EXPECTED.append((name, "OK", ""))

# --- what is no tensor file ---

file("other/bad-pickle-of-nothing.pt", b"\x80\x02}q\x00.", "FORMAT", "holds no array")
file("other/unsupported-gguf.gguf", b"GGUF\x03\x00\x00\x00", "UNSUPPORTED", "GGUF")
file("other/unsupported-hdf5.h5", b"\x89HDF\r\n\x1a\n", "UNSUPPORTED", "HDF5")
file("other/bad-text.txt", b"the cat sat\n", "FORMAT", "neither .npy, .pt, .npz")

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
