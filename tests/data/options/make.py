# SPDX-License-Identifier: MIT
"""Make the small arrays of tests/cli/options_shared.sh, and what the weights must be, in float64 and from the definitions alone.

Run here: python3 make.py. Every row of shared.txt is an option: arguments with it, arguments without it (or with another value), and
the array of the weights that the first must lead to. The tests need neither Python nor NumPy: what this writes is committed.
"""
import math
import json
import struct
import zlib
import numpy as np

rng = np.random.default_rng(11)
T, D, H = 4, 4, 2


def draw(*shape, scale=1.5):
    return np.round(rng.normal(size=shape) * scale * 8) / 8


def save(name, array, dtype='<f4'):
    np.save(name, np.ascontiguousarray(array).astype(dtype))


rows, names = [], {}


class Weights(np.ndarray):
    """Weights that are a softmax, with the logarithm of the sum of each row's exponentials."""
    sums = None


def row(option, given, without, want, more='', other=None):
    """The option, the arguments with and without it, and the weights wanted (heads, queries, keys); more: arguments for those.

    other: what `attnviz compare` holds it against, where the selection picks from that as well."""
    key = np.asarray(want, '<f4').tobytes()
    n = len(names)
    name = names.setdefault(key, f'want_x{chr(97 + n // 26)}{chr(97 + n % 26)}.npy')  # no letters that tell a role, no numbers
    sums = ' '.join(f'{n:.6g}' for n in want.sums.ravel()) if getattr(want, 'sums', None) is not None else ''
    rows.append(f'{option}|{given}|{without}|-w {name}{more}|{sums}|{other or name}')
    save(name, want)


def softmax(x, sink=None):
    top = x.max(-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0)
    e = np.exp(x - top)
    total = e.sum(-1, keepdims=True)
    if sink is not None:
        total = total + np.exp(np.reshape(sink, (-1, 1, 1)) - top)
    w = np.divide(e, total, out=np.zeros_like(e), where=total > 0).view(Weights)
    with np.errstate(divide='ignore'):
        w.sums = np.log(total) + top
    return w


def logits(q, k, scale=0.5):
    return np.einsum('hnd,hmd->hnm', q, k) * scale


def hidden(x, see):
    return np.where(see, x, -np.inf)


i, j = np.arange(T)[:, None], np.arange(T)[None, :]
q, k, q2, k2 = (draw(H, T, D) for _ in range(4))
save('q.npy', q), save('k.npy', k), save('q2.npy', q2), save('k2.npy', k2)
QK = '-q q.npy -k k.npy'
S = logits(q, k)
W = softmax(S)
W2 = softmax(logits(q2, k))
save('w.npy', W), save('w2.npy', W2)

# Inputs.
row('--query', '-q q2.npy -k k.npy', QK, W2)
row('--key', '-q q.npy -k k2.npy', QK, softmax(logits(q, k2)))
row('--weights', '-w w2.npy', '-w w.npy', W2)
for rank in 0, 1:
    part = slice(2 * rank, 2 * rank + 2)
    save(f'q.{rank}.npy', q[:, part]), save(f'k.{rank}.npy', k[:, part]), save(f'other_q.{rank}.npy', q2[:, part])
row('--shard', '--shard other_q.{rank}.npy --shard k.{rank}.npy', '--shard q.{rank}.npy --shard k.{rank}.npy', W2)


def packed(x):
    return x.transpose(1, 0, 2).reshape(T, -1)


v = draw(H, T, D)
save('qkv.npy', np.concatenate([packed(q), packed(k), packed(v)], 1))
save('qkv2.npy', np.concatenate([packed(q2), packed(k), packed(v)], 1))
save('per_head.npy', np.stack([q2, k, v], 1).transpose(2, 0, 1, 3).reshape(T, -1))
row('--qkv', '--qkv qkv2.npy --heads-in 2', '--qkv qkv.npy --heads-in 2', W2)
row('--qkv-order', '--qkv per_head.npy --heads-in 2 --qkv-order per-head', '--qkv per_head.npy --heads-in 2 --qkv-order blocks', W2)
row('--input', '--input query=q2.npy -k k.npy', '--input query=q.npy -k k.npy', W2)
np.savez('names.npz', **{'enc.q': q.astype('f4'), 'enc.k': k.astype('f4'), 'dec.q': q2.astype('f4'), 'dec.k': k.astype('f4')})
row('--names', 'names.npz --names dec.*', 'names.npz --names enc.*', W2)
q4, k4 = draw(4, 4, D), draw(4, 4, D)
save('q4.npy', q4.transpose(1, 0, 2)), save('k4.npy', k4.transpose(1, 0, 2))
row('--layout', '-q q4.npy -k k4.npy --layout NHD', '-q q4.npy -k k4.npy --layout HND', softmax(logits(q4, k4)))
save('q_packed.npy', packed(q2)), save('k_packed.npy', packed(k))
row('--heads-in', '-q q_packed.npy -k k_packed.npy --heads-in 2', '-q q_packed.npy -k k_packed.npy --heads-in 4', W2)
save('q_long.npy', np.concatenate([q, q2], 1)), save('k_long.npy', np.concatenate([k, k], 1))
save('cu.npy', np.array([0, 4, 8]), '<i4'), save('cu_other.npy', np.array([0, 3, 7]), '<i4')
LONG = '-q q_long.npy -k k_long.npy --cu-seqlens'
row('--cu-seqlens', f'{LONG} cu.npy --sequence 1', f'{LONG} cu_other.npy --sequence 1', W2)
row('--sequence', f'{LONG} cu.npy --sequence 1', f'{LONG} cu.npy --sequence 0', W2)
bits = (q2.astype('f4').view('u4') >> 16)
save('q_bits.npy', bits, '<u2')
row('--dtype', '-q q_bits.npy -k k.npy --dtype bfloat16', '-q q_bits.npy -k k.npy --dtype stored', W2)

row('--layers-by', '-q L3_q.npy -k L7_k.npy --layers-by order', '-q L3_q.npy -k L7_k.npy', W)
np.savez('steps.npz', **{f'step{step}_{role}': a.astype('f4') for step, pair in enumerate([(q, k), (q2, k)]) for role, a in zip('qk', pair)})
row('--dump-step', 'steps.npz --dump-step 1', 'steps.npz --dump-step 0', W2)
np.savez('calls.npz', **{f'L{call}_{role}': a[:, 2 * call:2 * call + 2].astype('f4') for call in (0, 1) for role, a in zip('qk', (q2, k))})
row('--model-layers', 'calls.npz --model-layers 1', 'calls.npz', W2)

# Selection.
for layer, (a, b) in {3: (q, k), 7: (q2, k), 12: (q, k2)}.items():
    save(f'L{layer}_q.npy', a), save(f'L{layer}_k.npy', b)
for layer in 3, 7, 12:
    save(f'L{layer}_attn.npy', W2)
LAYERS = ' '.join(f'L{layer}_{role}.npy' for layer in (3, 7, 12) for role in 'qk')
row('--layer', f'{LAYERS} --layer 7', f'{LAYERS} --layer 3', W2, other='L*_attn.npy')
save('wb.npy', np.stack([W2, W2]))
save('qb.npy', np.stack([q, q2])), save('kb.npy', np.stack([k, k]))
row('--batch', '-q qb.npy -k kb.npy --batch 1', '-q qb.npy -k kb.npy --batch 0', W2, other='wb.npy')
save('wh.npy', np.stack([W[1], W[1]]))
row('--head', f'{QK} --head 1', f'{QK} --head 0', W[1:], other='wh.npy')

# Attention.
def linear(phi, eps=1e-6):
    raw = np.einsum('hnd,hmd->hnm', phi(q), phi(k))
    return raw / (raw.sum(-1, keepdims=True) + eps)


row('--attention', f'{QK} -a linear', QK, linear(lambda x: np.where(x > 0, x + 1, np.exp(np.minimum(x, 0)))))
row('--param', f'{QK} -a linear --param feature=exp', f'{QK} -a linear', linear(np.exp))
row('--scale-factor', f'{QK} --scale-factor 0.25', QK, softmax(S / 2))
row('--softcap', f'{QK} --softcap 0.75', QK, softmax(0.75 * np.tanh(S / 0.75)))
row('--stage', f'{QK} --stage scores', QK, S, ' --signed')
save('logits.npy', S), save('log.npy', np.log(W2)), save('log_other.npy', np.log(W))
row('--logits', '-w logits.npy --logits', '-w logits.npy --signed', W)
row('--log-weights', '-w log.npy --log-weights', '-w log.npy --signed', W2, other='log_other.npy')
signed = draw(H, T, T)
save('signed.npy', signed)
row('--signed', '-w signed.npy --signed', '-w signed.npy', signed, ' --signed')
row('--normalise', '-w signed.npy --signed --normalise abs-row', '-w signed.npy --signed --normalise abs',
    abs(signed) / abs(signed).sum(-1, keepdims=True))
hole = W2.copy()
hole[:, 1] = np.nan
save('hole.npy', hole)
row('--skip-nan', '-w hole.npy --skip-nan', '-w hole.npy', hole, ' --skip-nan')

# Masks.
row('--causal', f'{QK} --causal', QK, softmax(hidden(S, j <= i)))
save('q_last.npy', q[:, 2:])
LAST = '-q q_last.npy -k k.npy --causal'
row('--past', f'{LAST} --past 1', f'{LAST} --past 2', softmax(hidden(S[:, 2:], j <= np.array([[1], [2]]))))
row('--window', f'{QK} --window 1,0', f'{QK} --window 2,0', softmax(hidden(S, (j <= i) & (i - j <= 1))))
row('--chunk', f'{QK} --chunk 2', f'{QK} --chunk 3', softmax(hidden(S, i // 2 == j // 2)))
row('--keep-first', f'{QK} --window 0,0 --keep-first 1', f'{QK} --window 0,0', softmax(hidden(S, (i == j) | (j < 1))))
row('--key-begin', f'{QK} --key-begin 1', QK, softmax(hidden(S, (j >= 1) & (i >= 0))))
row('--key-lengths', f'{QK} --key-lengths 3', QK, softmax(hidden(S, (j < 3) & (i >= 0))))
row('--query-lengths', f'{QK} --query-lengths 3', QK, softmax(hidden(S, (i < 3) & (j >= 0))))
see = np.array([[1, 0, 1, 1], [1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 1, 0]], bool)
save('mask.npy', see, '?')
row('--mask', f'{QK} --mask mask.npy', QK, softmax(hidden(S, see)))
save('narrow.npy', see[:, :2] | (i == 2), '?')
both = see[:, :2] | (i == 2)
row('--mask-keys', f'{QK} --mask narrow.npy --mask-keys last', f'{QK} --mask narrow.npy --mask-keys first',
    softmax(hidden(S, np.concatenate([np.ones((T, 2), bool), both], 1))))
dead = see & (i != 1)
save('dead.npy', dead, '?')
uniform = softmax(hidden(S, dead))
uniform[:, 1] = 1 / T
row('--dead-rows', f'{QK} --mask dead.npy --dead-rows uniform', f'{QK} --mask dead.npy --dead-rows zero', uniform)


# Positions. Pairs of dims (k, k + r/2), as in Hugging Face's Llama; angles of position p: p times the frequencies.
def frequencies(base=10000.0, dims=D):
    return base ** (-np.arange(0, dims, 2) / dims)


def rotated(x, at, freq, interleaved=False, factor=1.0):
    r = 2 * len(freq)
    angle = np.outer(at, freq)
    c, s = np.cos(angle) * factor, np.sin(angle) * factor
    y = x.copy()
    a, b = (x[..., 0:r:2], x[..., 1:r:2]) if interleaved else (x[..., :r // 2], x[..., r // 2:r])
    first, second = a * c - b * s, a * s + b * c
    if interleaved:
        y[..., 0:r:2], y[..., 1:r:2] = first, second
    else:
        y[..., :r // 2], y[..., r // 2:r] = first, second
    return y


def rope(freq=None, qs=np.arange(T), ks=np.arange(T), interleaved=False, factor=1.0):
    freq = frequencies() if freq is None else freq
    return softmax(logits(rotated(q, qs, freq, interleaved, factor), rotated(k, ks, freq, interleaved, factor)))


ROPE = f'{QK} --rope half'
row('--rope', f'{QK} --rope interleaved', ROPE, rope(interleaved=True))
row('--rope-dims', f'{ROPE} --rope-dims 2', ROPE, rope(frequencies(dims=2)))
row('--rope-base', f'{ROPE} --rope-base 4', ROPE, rope(frequencies(4.0)))
row('--rope-scaling', f'{ROPE} --rope-scaling linear --rope-factor 2', ROPE, rope(frequencies() / 2))
row('--rope-factor', f'{ROPE} --rope-scaling linear --rope-factor 4', f'{ROPE} --rope-scaling linear --rope-factor 2', rope(frequencies() / 4))


def dynamic(original, factor, length):
    # Transformers, _compute_dynamic_ntk_parameters.
    base = 10.0 * ((factor * length / original) - (factor - 1)) ** (D / (D - 2))
    return frequencies(base)


DYNAMIC = f'{ROPE} --rope-base 10 --rope-scaling dynamic --rope-factor 2 --rope-original-length'
row('--rope-original-length', f'{DYNAMIC} 2', f'{DYNAMIC} 4', rope(dynamic(2, 2, T)))


def llama3(factor, low, high, original):
    # Transformers, _compute_llama3_parameters.
    out = []
    for f in frequencies():
        wave = 2 * math.pi / f
        smooth = (original / wave - low) / (high - low)
        out.append(f if wave < original / high else f / factor if wave > original / low else (1 - smooth) * f / factor + smooth * f)
    return np.array(out)


LLAMA = f'{ROPE} --rope-scaling llama3 --rope-factor 8 --rope-original-length 16'
row('--rope-low', f'{LLAMA} --rope-low 2 --rope-high 4', f'{LLAMA} --rope-low 1 --rope-high 4', rope(llama3(8, 2, 4, 16)))
row('--rope-high', f'{LLAMA} --rope-low 1 --rope-high 6', f'{LLAMA} --rope-low 1 --rope-high 4', rope(llama3(8, 1, 6, 16)))
row('--rope-attention-factor', f'{ROPE} --rope-attention-factor 1.25', ROPE, rope(factor=1.25))
inverse = np.array([0.5, 0.125])
save('inverse.npy', inverse)
row('--inv-freq', f'{ROPE} --inv-freq inverse.npy', ROPE, rope(inverse))
angle = np.outer(np.arange(T), [0.75, 0.25])
save('cos.npy', np.cos(angle)), save('sin.npy', np.sin(angle)), save('cos1.npy', np.ones((T, 2))), save('sin0.npy', np.zeros((T, 2)))


def table(c, s):
    def turn(x):
        a, b = x[..., :2], x[..., 2:]
        return np.concatenate([a * c - b * s, a * s + b * c], -1)
    return softmax(logits(turn(q), turn(k)))


row('--rope-cos', f'{ROPE} --rope-cos cos.npy --rope-sin sin0.npy', f'{ROPE} --rope-cos cos1.npy --rope-sin sin0.npy', table(np.cos(angle), 0))
row('--rope-sin', f'{ROPE} --rope-cos cos.npy --rope-sin sin.npy', f'{ROPE} --rope-cos cos.npy --rope-sin sin0.npy', table(np.cos(angle), np.sin(angle)))
at = np.array([0, 3, 5, 9])
save('at.npy', at, '<i4')
row('--query-positions', f'{ROPE} --query-positions at.npy', ROPE, rope(qs=at))
row('--key-positions', f'{ROPE} --key-positions at.npy', ROPE, rope(ks=at))
row('--query-offset', f'{ROPE} --query-offset 3', ROPE, rope(qs=np.arange(T) + 3))
row('--key-offset', f'{ROPE} --key-offset 2 --query-offset 0', f'{ROPE} --query-offset 0', rope(ks=np.arange(T) + 2))
slopes = np.array([2 ** -4, 2 ** -8]).reshape(-1, 1, 1)
row('--alibi', f'{QK} --alibi --causal', f'{QK} --causal', softmax(hidden(S - slopes * (i - j), j <= i)))
row('--alibi-slopes', f'{QK} --alibi-slopes 0.5,1.5 --causal', f'{QK} --alibi --causal',
    softmax(hidden(S - np.array([0.5, 1.5]).reshape(-1, 1, 1) * (i - j), j <= i)))
buckets = draw(8, H)
save('t5.npy', buckets), save('t5_other.npy', buckets[::-1])


def t5(far=128, both=True, count=8):
    # Transformers, T5Attention._relative_position_bucket.
    bias = np.zeros((H, T, T))
    for a in range(T):
        for b in range(T):
            n, distance, bucket = count, b - a, 0
            if both:
                n //= 2
                bucket += n if distance > 0 else 0
                distance = abs(distance)
            else:
                distance = max(-distance, 0)
            exact = n // 2
            if distance < exact:
                bucket += distance
            else:
                bucket += min(exact + int(math.log(distance / exact) / math.log(far / exact) * (n - exact)), n - 1)
            bias[:, a, b] = buckets[bucket]
    return bias


row('--t5-bias', f'{QK} --t5-bias t5.npy', f'{QK} --t5-bias t5_other.npy', softmax(S + t5()))
row('--t5-max-distance', f'{QK} --t5-bias t5.npy --t5-max-distance 4', f'{QK} --t5-bias t5.npy', softmax(S + t5(far=4)))
row('--t5-buckets', f'{QK} --t5-bias t5.npy --t5-buckets causal', f'{QK} --t5-bias t5.npy --t5-buckets bidirectional', softmax(S + t5(both=False)))
row('--bias-before-scale', f'{QK} --alibi-slopes 1,3 --bias-before-scale --causal', f'{QK} --alibi-slopes 1,3 --causal',
    softmax(hidden(S - 0.5 * np.array([1, 3]).reshape(-1, 1, 1) * (i - j), j <= i)))


def rms(x, epsilon=1e-6, weight=1.0):
    return x / np.sqrt((x ** 2).mean(-1, keepdims=True) + epsilon) * weight


row('--qk-norm', f'{QK} --qk-norm rms', f'{QK} --qk-norm l2', softmax(logits(rms(q), rms(k))))
row('--qk-norm-epsilon', f'{QK} --qk-norm rms --qk-norm-epsilon 1', f'{QK} --qk-norm rms', softmax(logits(rms(q, 1), rms(k, 1))))
weight = np.array([0.5, 2, 1, 0.25])
save('norm.npy', weight)
row('--query-norm', f'{QK} --qk-norm rms --query-norm norm.npy', f'{QK} --qk-norm rms', softmax(logits(rms(q, weight=weight), rms(k))))
# Weights that differ by head, as the same ones on the other side would give the same product.
save('norm_key.npy', weight[::-1])
row('--key-norm', f'{QK} --qk-norm rms --query-norm norm.npy --key-norm norm_key.npy', f'{QK} --qk-norm rms --query-norm norm.npy',
    softmax(logits(rms(q, weight=weight), rms(k, weight=weight[::-1]))))
row('--sink-logits', f'{QK} --sink-logits 0.5,-1', QK, softmax(S, np.array([0.5, -1])))


# Tokens, by the words and spans that they make: means over the queries of a group of the sums over its keys.
def grouped(w, queries, keys):
    return np.stack([[[w[h][np.ix_(a, b)].sum(1).mean() for b in keys] for a in queries] for h in range(H)])


open('ab.txt', 'w').write('a\n##b\nc\nd\n')
open('bc.txt', 'w').write('a\nb\n##c\nd\n')
open('special.txt', 'w').write('[CLS]\nb\nc\nd\n')
open('vocab.json', 'w').write(json.dumps({'a': 0, '##b': 1, 'c': 2, 'd': 3, 'b': 4, '##c': 5}) + '\n')
open('vocab_other.json', 'w').write(json.dumps({'a': 0, 'b': 1, '##c': 2, 'd': 3, '##b': 4, 'c': 5}) + '\n')
save('ids_ab.npy', [0, 1, 2, 3], '<i4'), save('ids_bc.npy', [0, 4, 5, 3], '<i4')
AB, BC, ONE = [[0, 1], [2], [3]], [[0], [1, 2], [3]], [[n] for n in range(T)]


def labels(queries, keys):
    return f' --query-tokens labels_{queries}.txt --key-tokens labels_{keys}.txt'


for name, words in {'ab': 'ab c d', 'bc': 'a bc d', 'bcd': 'b c d', 'halves': 'left right', 'thirds': 'left right'}.items():
    open(f'labels_{name}.txt', 'w').write(words.replace(' ', '\n') + '\n')
row('--tokens', f'{QK} --words -t ab.txt', f'{QK} --words -t bc.txt', grouped(W, AB, AB), labels('ab', 'ab'))
row('--query-tokens', f'{QK} --words --key-tokens bc.txt --query-tokens ab.txt', f'{QK} --words --key-tokens bc.txt --query-tokens bc.txt', grouped(W, AB, BC), labels('ab', 'bc'))
row('--key-tokens', f'{QK} --words --query-tokens bc.txt --key-tokens ab.txt', f'{QK} --words --query-tokens bc.txt --key-tokens bc.txt', grouped(W, BC, AB), labels('bc', 'ab'))
VOCAB = f'{QK} --words --vocab vocab.json'
row('--ids', f'{VOCAB} --ids ids_ab.npy', f'{VOCAB} --ids ids_bc.npy', grouped(W, AB, AB), labels('ab', 'ab'))
row('--query-ids', f'{VOCAB} --key-ids ids_bc.npy --query-ids ids_ab.npy', f'{VOCAB} --key-ids ids_bc.npy --query-ids ids_bc.npy', grouped(W, AB, BC), labels('ab', 'bc'))
row('--key-ids', f'{VOCAB} --query-ids ids_bc.npy --key-ids ids_ab.npy', f'{VOCAB} --query-ids ids_bc.npy --key-ids ids_bc.npy', grouped(W, BC, AB), labels('bc', 'ab'))
row('--vocab', f'{QK} --words --ids ids_ab.npy --vocab vocab.json', f'{QK} --words --ids ids_ab.npy --vocab vocab_other.json', grouped(W, AB, AB), labels('ab', 'ab'))
row('--words', f'{QK} -t ab.txt --words', f'{QK} -t ab.txt', grouped(W, AB, AB), labels('ab', 'ab'))
row('--hide', f'{QK} -t special.txt --hide special', f'{QK} -t special.txt --hide b', W[:, 1:, 1:], labels('bcd', 'bcd'))
open('halves.txt', 'w').write('left 0 2\nright 2 4\n')
open('thirds.txt', 'w').write('left 0 1\nright 1 4\n')
LR, LRR = [[0, 1], [2, 3]], [[0], [1, 2, 3]]
row('--spans', f'{QK} --by-span --spans halves.txt', f'{QK} --by-span --spans thirds.txt', grouped(W, LR, LR), labels('halves', 'halves'))
row('--query-spans', f'{QK} --by-span --key-spans thirds.txt --query-spans halves.txt', f'{QK} --by-span --key-spans thirds.txt --query-spans thirds.txt', grouped(W, LR, LRR), labels('halves', 'thirds'))
row('--key-spans', f'{QK} --by-span --query-spans thirds.txt --key-spans halves.txt', f'{QK} --by-span --query-spans thirds.txt --key-spans thirds.txt', grouped(W, LRR, LR), labels('thirds', 'halves'))
row('--by-span', f'{QK} --spans halves.txt --by-span', f'{QK} --spans halves.txt', grouped(W, LR, LR), labels('halves', 'halves'))
# Pictures of few cells, whose values can be told from each other.
save('cells.npy', [[[.125, .875], [.375, .625]], [[.25, .75], [.4375, .5625]]])
save('even.npy', np.full((2, 2, 2), 0.5))
save('maxima.npy', [[[[.125, .875], [.125, .875]], [[.25, .75], [.25, .75]]], [[[.375, .625], [.375, .625]], [[.5, .5], [.5, .5]]]])
save('fq.npy', [[[1], [2]], [[1], [2]]]), save('fk.npy', [[[1], [3]], [[2], [5]]])
# Rows of sixteenths, for the options of one command.
save('four.npy', [[.5, .25, .125, .125], [.0625, .75, .125, .0625], [.1875, .1875, .5, .125], [.3125, .0625, .25, .375]])
save('values.npy', [[[3, 4], [0, 1]], [[6, 8], [5, 12]]])
save('signs.npy', [[[1, -1], [0, 2]], [[1, 1], [-1, 0]]])


def plain_picture(name, level):
    def chunk(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    lines = (b'\0' + bytes([level]) * 8) * 8
    header = struct.pack('>IIBBBBB', 8, 8, 8, 0, 0, 0, 0)
    open(name, 'wb').write(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', header) + chunk(b'IDAT', zlib.compress(lines)) + chunk(b'IEND', b''))


plain_picture('white.png', 255), plain_picture('black.png', 0)
open('shared.txt', 'w').write('\n'.join(rows) + '\n')
