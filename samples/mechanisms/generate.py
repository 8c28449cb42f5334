#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make the inputs of the mechanisms for which no dump of a trained model is at hand: python3 generate.py [FOLDER].

Numbers are drawn from a fixed seed and shaped as trained parameters are (decays of a state-space model from ln 1 .. ln N, step sizes spread over two decades,
and so on), so that the pictures look as those of a model do. Each .npz holds the roles of one mechanism under their names.
Needs nothing but Python itself.
"""
import io
import math
import random
import struct
import sys
import zipfile


class Array:
    def __init__(self, shape, at):
        self.shape = shape
        self.data = []
        self.fill((), shape, at)

    def fill(self, index, shape, at):
        if not shape:
            self.data.append(at(*index))
            return
        for i in range(shape[0]):
            self.fill(index + (i,), shape[1:], at)

    descr, letter = "<f4", "f"

    def npy(self):
        shape = "".join("%d, " % n for n in self.shape)
        header = "{'descr': '%s', 'fortran_order': False, 'shape': (%s), }" % (self.descr, shape)
        header += " " * (-(len(header) + 11) % 64) + "\n"
        return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + struct.pack("<%d%s" % (len(self.data), self.letter), *self.data)


class Integers(Array):
    descr, letter = "<i4", "i"

    def __init__(self, rows):
        flat = rows if isinstance(rows[0], int) else sum(rows, [])
        width = len(flat) // len(rows)
        super().__init__((len(rows),) if isinstance(rows[0], int) else (len(rows), width), lambda *i: flat[i[0] * width + i[-1] if len(i) > 1 else i[0]])


def save(name, **arrays):
    """A .npz whose bytes depend on its contents alone."""
    with zipfile.ZipFile("%s/%s.npz" % (folder, name), "w") as archive:
        for role, array in arrays.items():
            member = zipfile.ZipInfo(role + ".npy", (2000, 1, 1, 0, 0, 0))
            member.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(member, array.npy())


def smooth(shape, memory=0.8, size=1):
    """Gaussian noise that remembers the token before: (tokens, ...)."""
    last = {}

    def at(t, *rest):
        fresh = random.gauss(0, math.sqrt(1 - memory * memory)) if t else random.gauss(0, 1)
        last[rest] = memory * last.get(rest, 0) + fresh
        return size * last[rest]

    return Array(shape, at)


def turned(array):
    """(tokens, rows) -> (rows, tokens)."""
    tokens, rows = array.shape
    return Array((rows, tokens), lambda r, t: array.data[t * rows + r])


def heads_first(array):
    """(tokens, heads, dim) -> (heads, tokens, dim)."""
    tokens, heads, dim = array.shape
    return Array((heads, tokens, dim), lambda h, t, d: array.data[(t * heads + h) * dim + d])


def step(token, rate):
    """A step size before the softplus; a few tokens are worth remembering."""
    size = rate * (6 if token % 17 == 5 else 1)
    return math.log(math.expm1(size)) + random.gauss(0, 0.3)


def main():
    tokens, dim = 64, 16
    spread = lambda i, n: 10 ** (-2 + 1.5 * i / max(1, n - 1))

    save("mamba",
         delta=Array((8, tokens), lambda c, t: step(t, spread(c, 8))),
         A_log=Array((8, 8), lambda c, n: math.log(n + 1)),
         B=turned(smooth((tokens, 8))), C=turned(smooth((tokens, 8))))
    save("ssd",
         dt=Array((tokens, 4), lambda t, h: step(t, spread(h, 4))),
         A_log=Array((4,), lambda h: math.log(1 + 5 * h)),
         B=smooth((tokens, 1, 8)), C=smooth((tokens, 1, 8)))
    save("rwkv4",
         key=smooth((tokens, 8)),
         time_decay=Array((8,), lambda c: -5 + 6 * c / 7),
         time_first=Array((8,), lambda c: math.log(0.3) + 0.5 * ((c + 1) % 3 - 1)))
    r, k = heads_first(smooth((tokens, 4, 8))), heads_first(smooth((tokens, 4, 8)))
    bonus = Array((4, 8), lambda h, c: 0.3 + 0.05 * c)
    save("rwkv5", query=r, key=k, time_faaaa=bonus, time_decay=Array((4, 8), lambda h, c: -6 + 5 * c / 7 + h))
    save("rwkv6", query=r, key=k, time_faaaa=bonus,
         time_decay=Array((tokens, 4, 8), lambda t, h, c: -6 + 5 * c / 7 + h + (3 if t % 20 == 19 else 0)))

    # Two tanh units of opposite sign make a bump where the positions of letter and phoneme agree.
    width, out, source = 8, 11, 12
    edge = lambda c: (1 if c % 2 else -1) * (0.6 + 0.3 * (c // 2))
    save("additive",
         query=Array((out, width), lambda i, c: 1.5 * i * (source - 1) / (out - 1) + edge(c) + random.gauss(0, 0.2)),
         key=Array((source, width), lambda j, c: -1.5 * j + random.gauss(0, 0.2)),
         v_a=Array((width,), lambda c: 1.0 if c % 2 else -1.0))

    # The bias of the positions points along the cosines, whose sum is largest at distance 0.
    save("conformer",
         query=heads_first(smooth((tokens, 4, dim), 0.9, 0.6)), key=heads_first(smooth((tokens, 4, dim), 0.9)),
         pos_bias_u=Array((4, dim), lambda h, d: random.gauss(0, 0.1)),
         pos_bias_v=Array((4, dim), lambda h, d: (2.0 - 0.5 * h) * (d % 2)),
         linear_pos=Array((4 * dim, dim), lambda row, column: 1.0 if row % dim == column else 0.0))
    save("shaw",
         query=heads_first(Array((tokens, 4, dim), lambda t, h, d: 1 + random.gauss(0, 0.5))), key=heads_first(smooth((tokens, 4, dim))),
         distance_embedding=Array((33, dim), lambda r, d: 1.2 * math.exp(-abs(r - 16) / 3) + random.gauss(0, 0.02)))
    save("sinusoidal", content=smooth((tokens, 32), 0.5))
    save("linformer", proj_k=Array((tokens, 8), lambda t, s: math.exp(-((t + 0.5) / 8 - s - 0.5) ** 2) / 6))
    save("bigbird", block_table=Array((14, 2), lambda row, i: random.randrange(1, 15)))

    # Projections that share what they look for, so that attention follows the contents.
    width = 32
    shared = [[random.gauss(0, 0.35) for _ in range(width)] for _ in range(width)]
    save("multihead",
         hidden=smooth((tokens, width)),
         in_proj_weight=Array((3 * width, width), lambda row, column: (shared[row % width][column] if row < 2 * width else 0) + random.gauss(0, 0.2)),
         in_proj_bias=Array((3 * width,), lambda row: random.gauss(0, 0.05)),
         out_proj_weight=Array((width, width), lambda row, column: random.gauss(0, 0.2)))
    paged()
    vim(tokens)


def vim(tokens):
    """A layer of Vision Mamba under its names in a checkpoint, and what enters it; steps fall as in a trained layer, from 0.01 to 0.3."""
    width, channels, states, rank, taps = 12, 8, 8, 2, 4
    arrays = {"hidden_states": smooth((tokens, width)),
              "mixer.in_proj.weight": Array((2 * channels, width), lambda row, column: random.gauss(0, 1 / math.sqrt(width)))}
    for way in ("", "_b"):
        arrays.update({
            "mixer.A%s_log" % way: Array((channels, states), lambda c, n: math.log(n + 1)),
            "mixer.D%s" % way: Array((channels,), lambda c: 1.0),
            "mixer.conv1d%s.weight" % way: Array((channels, 1, taps), lambda c, one, k: random.gauss(0, 0.3) + (k == taps - 1)),
            "mixer.conv1d%s.bias" % way: Array((channels,), lambda c: random.gauss(0, 0.1)),
            "mixer.x_proj%s.weight" % way: Array((rank + 2 * states, channels), lambda row, c: random.gauss(0, 1 / math.sqrt(channels))),
            "mixer.dt_proj%s.weight" % way: Array((channels, rank), lambda c, r: random.gauss(0, 0.3)),
            "mixer.dt_proj%s.bias" % way: Array((channels,), lambda c: math.log(math.expm1(10 ** (-2 + 1.5 * c / (channels - 1)))))})
    save("vim", **arrays)


def paged():
    """Three sequences that share their first two blocks, in a cache of twelve blocks of eight slots; slots that nobody refers to hold NaN."""
    size, blocks, kv_heads, heads, dim = 8, 12, 2, 4, 16
    table = [[7, 2, 9, 0, 4], [7, 2, 5, 11, -1], [7, 2, 10, -1, -1]]
    length, queries = [40, 29, 20], [8, 1, 4]
    used = {}
    for sequence, row in enumerate(table):
        for position in range(length[sequence]):
            used[row[position // size], position % size] = True
    common = [random.gauss(0, 1) for _ in range(dim)]
    number = lambda block, slot, head, d: 0.8 * common[d] + random.gauss(0, 1) if (block, slot) in used else math.nan
    save("paged",
         query=Array((sum(queries), heads, dim), lambda t, h, d: common[d] + random.gauss(0, 1)),
         key_cache=Array((blocks, size, kv_heads, dim), number), value_cache=Array((blocks, size, kv_heads, dim), number),
         block_table=Integers(table), seq_lens=Integers(length), query_start_loc=Integers([0, 8, 9, 13]))


folder = sys.argv[1] if len(sys.argv) > 1 else "."
random.seed(5)
main()
