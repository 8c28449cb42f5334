# SPDX-License-Identifier: MIT
"""Dumps for tests/faults/verify.sh: queries, keys, and the weights that a model would have made of them, in float64 from the definitions.

    /usr/bin/python3 tests/data/verify/generate.py    (from the checkout; needs numpy)

Each becomes NAME.npz with q (H, N, D) or (L, B, H, N, D), k and attn. The settings are those of verify.sh.
"""
import os
import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))


def rotate(x, pairs, base, dims, position, stretch=None):
    r = dims or x.shape[-1]
    theta = base ** (-np.arange(0, r, 2) / r)
    theta = stretch(theta) if stretch else theta
    cos, sin = np.cos(position[:, None] * theta), np.sin(position[:, None] * theta)
    a, b = (slice(0, r // 2), slice(r // 2, r)) if pairs == "half" else (slice(0, r, 2), slice(1, r, 2))
    y = x.copy()
    y[..., a] = x[..., a] * cos - x[..., b] * sin
    y[..., b] = x[..., b] * cos + x[..., a] * sin
    return y


def normalise(x, kind, eps, weight=1.0):
    centred = x - x.mean(-1, keepdims=True) if kind == "layer" else x
    return centred / np.sqrt((centred**2).mean(-1, keepdims=True) + eps) * weight


def alibi(heads):
    power = 2 ** int(np.log2(heads))
    slopes = [2 ** (-8 * (h + 1) / power) for h in range(power)]
    return np.array(slopes + [2 ** (-8 * (2 * i + 1) / (2 * power)) for i in range(heads - power)])


def llama3(theta, factor=8, low=1, high=4, length=8192):
    wave = 2 * np.pi / theta
    blend = (length / wave - low) / (high - low)
    return np.where(wave > length / low, theta / factor, np.where(wave < length / high, theta, (1 - blend) * theta / factor + blend * theta))


def attend(q, k, causal=True, past=None, scale=None, cap=None, window=None, ahead=None, chunk=None, keep=0, sinks=None, norm=None, eps=1e-6, norm_weights=None, rope=None,
           base=1e4, dims=None, stretch=None, tiled=False, slopes=None, bias=None, begin=None, lengths=None, uniform=False):
    heads, queries, d = q.shape[-3:]
    key_heads, keys = k.shape[-3:-1]
    q, k = q.astype(float), k.astype(float)
    first = past if past is not None else keys - queries
    if norm:
        q = normalise(q, norm, eps, norm_weights[0] if norm_weights is not None else 1)
        k = normalise(k, norm, eps, norm_weights[1] if norm_weights is not None else 1)
    if rope:
        q, k = rotate(q, rope, base, dims, np.arange(queries) + first, stretch), rotate(k, rope, base, dims, np.arange(keys), stretch)
    of = np.arange(heads) % key_heads if tiled else np.arange(heads) // (heads // key_heads)
    s = np.einsum("...hnd,...hmd->...hnm", q, k[..., of, :, :]) * (scale or 1 / np.sqrt(d))
    s = cap * np.tanh(s / cap) if cap else s
    i, j = np.arange(queries)[:, None] + first, np.arange(keys)
    if slopes is not None:
        s = s - slopes[:, None, None] * np.abs(i - j)
    if bias is not None:
        s = s + bias[:, j - i + keys]
    seen = np.ones((queries, keys), bool)
    if window is not None:
        seen &= j >= i - window
    if chunk:
        seen &= j >= i - i % chunk
    seen |= j < keep
    seen &= j <= i if causal else True
    if ahead is not None:
        seen &= j <= i + ahead
    seen = np.broadcast_to(seen, s.shape).copy()
    for b in range(len(begin) if begin else 0):
        seen[..., b, :, :, :] &= j >= begin[b]
    for b in range(len(lengths) if lengths else 0):
        seen[..., b, :, :, :] &= j < lengths[b]
    s = np.where(seen, s, -np.inf)
    if sinks is not None:
        s = np.concatenate([s, np.broadcast_to(sinks[:, None, None], s.shape[:-1] + (1,))], -1)
    top = s.max(-1, keepdims=True)
    with np.errstate(all="ignore"):
        p = np.exp(s - np.where(np.isfinite(top), top, 0))
        p /= p.sum(-1, keepdims=True)
    p = np.where(np.isnan(p), 1 / keys if uniform else 0, p)
    return p[..., :keys]


def bfloat16(p):
    bits = p.astype("f4").view("u4")
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype("u4").view("f4")


def dump(name, seed, shape=(4, 2, 24, 24, 16), lead=(), amplitude=1.0, store=None, each=None, spoil=None, files=None, **settings):
    random = np.random.default_rng(seed)
    heads, key_heads, queries, keys, d = shape
    q = (random.normal(size=lead + (heads, queries, d)) * amplitude).astype("f4")
    k = (random.normal(size=lead + (key_heads, keys, d)) * amplitude).astype("f4")
    p = np.stack([attend(q[l], k[l], **{**settings, **each[l]}) for l in range(lead[0])]) if each else attend(q, k, **settings)
    p = spoil(p, random) if spoil else p
    p = store(p) if store else p.astype("f4")
    np.savez_compressed(os.path.join(HERE, name + ".npz"), q=q, k=k, attn=p, **(files or {}))


def noise(p, random):
    w = random.random(p.shape) * (p > 0)
    return w / w.sum(-1, keepdims=True)


random = np.random.default_rng(7)
weights = (1 + 0.3 * random.normal(size=16), 1 + 0.3 * random.normal(size=16))
curve = random.normal(size=(4, 64))
sinks = np.array([0.5, -1.25, 2.0, 0.125])

dump("qwen3", 1, shape=(4, 2, 40, 40, 16), norm="rms", rope="half", base=1e6, norm_weights=weights, files={"query_weight": weights[0], "key_weight": weights[1]})
dump("gemma2", 2, amplitude=3, cap=50, scale=0.0625, window=7, rope="half")
dump("gpt-oss", 3, sinks=sinks, window=9, rope="half", base=150000)
dump("window-of-shared-heads", 4, shape=(4, 1, 24, 24, 16), window=6, rope="half", base=500000)
dump("layer-norm", 5, norm="layer", rope="half", dims=8)
dump("short-vectors", 6, amplitude=0.05, norm="rms", eps=1e-5, rope="half")
dump("any-base", 7, rope="interleaved", base=31415)
dump("llama3", 8, shape=(2, 1, 96, 96, 32), rope="half", base=500000, stretch=llama3)
dump("falcon", 9, slopes=alibi(4) / 4)
dump("alibi-of-six", 10, shape=(6, 6, 24, 24, 16), slopes=alibi(6))
dump("other-slopes", 11, slopes=np.array([0.5, 0.3, 0.2, 0.05]))
dump("by-distance", 12, causal=False, scale=1, bias=curve)
dump("both-sides", 13, causal=False, window=5, ahead=3)
dump("streaming", 14, shape=(2, 2, 40, 40, 16), window=6, keep=3)
dump("chunk-and-rotation", 15, chunk=8, rope="interleaved", base=500000)
dump("past", 16, shape=(2, 2, 10, 32, 16), past=13, rope="half")
dump("top-left", 17, shape=(2, 2, 10, 32, 16), past=0, scale=0.1)
dump("padded-right", 18, lead=(3,), shape=(2, 2, 16, 16, 16), lengths=(16, 9, 13))
dump("padded-left", 19, lead=(2,), shape=(2, 2, 16, 16, 16), begin=(4, 4), uniform=True)
dump("padded-left-each", 20, lead=(3,), shape=(2, 2, 16, 16, 16), begin=(4, 0, 7), rope="half")
dump("tiled-and-rotated", 21, shape=(4, 2, 24, 24, 16), tiled=True, rope="half")
dump("layers-that-differ", 22, lead=(4,), shape=(2, 1, 20, 20, 16), rope="half", each=({"window": 4}, {"base": 1e6}, {"window": 4}, {"base": 1e6}))
dump("bfloat16", 23, amplitude=3, cap=50, scale=0.2, window=7, rope="half", store=bfloat16)
dump("float16", 24, norm="rms", rope="half", base=1e6, store=lambda p: p.astype("f2"))
dump("noise", 25, spoil=noise)
dump("uniform", 26, spoil=lambda p, r: (p > 0) / (p > 0).sum(-1, keepdims=True))
dump("cut-rows", 27, spoil=lambda p, r: p * r.random(p.shape[:-1] + (1,)))
