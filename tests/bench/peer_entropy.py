# SPDX-License-Identifier: MIT
"""A peer of the benchmark, no part of attnviz: softmax and entropy of every row, as fast as numpy or torch do it.

peer_entropy.py numpy|torch batch|head Q.npy K.npy full|causal

batch is what people write, all heads in one tensor of scores; head takes one head after the other, for a fraction of the memory.
Either way every processor works, operations write into memory that was touched before, and the best computation of those that start within
four seconds, but at least three, is printed, without start-up, imports and reading. Some rows are then compared with float64.
"""
import os
import sys
import time

library, form, query_file, key_file, mask = sys.argv[1:]
threads = len(os.sched_getaffinity(0))


def numpy_entropy(query, key, causal):
    from concurrent.futures import ThreadPoolExecutor

    heads, n, dim = query.shape
    workers = min(threads, heads)
    together = -(-heads // workers) if form == "batch" else 1
    query, key = query * np.float32(dim ** -0.5), key.transpose(0, 2, 1)
    later = np.triu(np.full((n, n), -1e30, np.float32), 1) if causal else None
    # Apart, since exp from one half of an array to the other is 20 times slower where they lie a power of two from each other.
    shape = together, n, n
    scratch = [(np.empty(shape, np.float32), np.empty(shape, np.float32)) for _ in range(workers)]
    entropy = np.empty((heads, n), np.float32)

    def work(worker):
        for first in range(worker * together, heads, workers * together):
            some = slice(first, min(first + together, heads))
            scores, weights = (array[:some.stop - first] for array in scratch[worker])
            np.matmul(query[some], key[some], out=scores)
            if causal:
                np.add(scores, later, out=scores)
            np.subtract(scores, scores.max(axis=-1, keepdims=True), out=scores)
            np.exp(scores, out=weights)
            total = weights.sum(axis=-1)
            entropy[some] = np.log(total) - np.einsum("hij,hij->hi", weights, scores) / total

    def run():
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(work, range(workers)))
        return entropy

    return run


def torch_entropy(query, key, causal):
    heads, n, dim = query.shape
    together = heads if form == "batch" else 1
    query, key = torch.from_numpy(query) * dim ** -0.5, torch.from_numpy(key).transpose(1, 2)
    torch.set_num_threads(threads)
    later = torch.full((n, n), -1e30).triu_(1) if causal else None
    scores, weights = torch.empty(together, n, n), torch.empty(together, n, n)
    entropy = torch.empty(heads, n)

    def run():
        for first in range(0, heads, together):
            some = slice(first, first + together)
            torch.bmm(query[some], key[some], out=scores)
            if causal:
                scores.add_(later)
            torch.softmax(scores, -1, out=weights)
            # The log-sum-exp is the score of any key less the logarithm of its weight; the largest is safe.
            normaliser = scores.amax(-1) - weights.amax(-1).log_()
            entropy[some] = normaliser - scores.mul_(weights).sum(-1)
        return entropy.numpy()

    return run


def check(entropy, query, key, causal):
    heads, n, dim = query.shape
    for head in range(heads):
        for row in (0, n // 3, n - 1):
            seen = key[head, :row + 1 if causal else n].astype(np.float64)
            scores = seen @ query[head, row] * dim ** -0.5
            weights = np.exp(scores - scores.max())
            weights /= weights.sum()
            true = -(weights * np.log(weights)).sum()
            if not abs(entropy[head, row] - true) < 1e-4:
                sys.exit(f"head {head}, row {row}: entropy {entropy[head, row]} should be {true}")


if library == "numpy":
    # One thread of BLAS in each of ours: its own threads would leave exp and the sums to one processor.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

if library == "torch":
    import torch

    torch.set_grad_enabled(False)
query, key, causal = np.load(query_file), np.load(key_file), mask == "causal"
run = {"numpy": numpy_entropy, "torch": torch_entropy}[library](query, key, causal)
taken = []
while len(taken) < 3 or sum(taken) < 4:
    start = time.perf_counter()
    entropy = run()
    taken.append(time.perf_counter() - start)
check(entropy, query, key, causal)
print(library, (torch if library == "torch" else np).__version__, f"{min(taken):.6f}")
