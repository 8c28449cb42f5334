"""A peer of the benchmark, no part of attnviz: softmax and entropy of every row, as fast as numpy or torch do it.

peer_entropy.py numpy|torch Q.npy K.npy full|causal

Every processor works, memory is reused from run to run and from head to head; the best of three computations is printed, without start-up,
imports and reading. Head by head is what both do fastest: one head's scores stay in memory that was touched before.
"""
import os
import sys
import time

library, query_file, key_file, mask = sys.argv[1:]
threads = len(os.sched_getaffinity(0))


def numpy_entropy(query, key, causal):
    from concurrent.futures import ThreadPoolExecutor

    heads, n, dim = query.shape
    query = query * np.float32(dim ** -0.5)
    later = np.triu(np.full((n, n), -1e30, np.float32), 1) if causal else None
    scratch = [(np.empty((n, n), np.float32), np.empty((n, n), np.float32)) for _ in range(threads)]
    entropy = np.empty((heads, n), np.float32)

    def work(thread):
        scores, weights = scratch[thread]
        for head in range(thread, heads, threads):
            np.matmul(query[head], key[head].T, out=scores)
            if causal:
                np.add(scores, later, out=scores)
            np.subtract(scores, scores.max(axis=1, keepdims=True), out=scores)
            np.exp(scores, out=weights)
            total = weights.sum(axis=1)
            entropy[head] = np.log(total) - np.einsum("ij,ij->i", weights, scores) / total

    def run():
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(work, range(threads)))
        return entropy

    return run


def torch_entropy(query, key, causal):
    heads, n, dim = query.shape
    query, key = torch.from_numpy(query) * dim ** -0.5, torch.from_numpy(key)
    torch.set_num_threads(threads)
    later = torch.ones(n, n, dtype=torch.bool).triu_(1) if causal else None
    scores, weights = torch.empty(n, n), torch.empty(n, n)
    entropy = torch.empty(heads, n)

    def run():
        for head in range(heads):
            torch.mm(query[head], key[head].T, out=scores)
            if causal:
                scores.masked_fill_(later, -1e30)
            torch.softmax(scores, 1, out=weights)
            # The log-sum-exp is the score of any key less the logarithm of its weight; the largest is safe.
            largest, place = scores.max(1)
            normaliser = largest - weights.gather(1, place[:, None])[:, 0].log()
            entropy[head] = normaliser - scores.mul_(weights).sum(1)
        return entropy

    return run


if library == "numpy":
    # One thread of BLAS in each of ours: its own threads would leave exp and the sums to one processor.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
import numpy as np

if library == "torch":
    import torch

    torch.set_grad_enabled(False)
run = {"numpy": numpy_entropy, "torch": torch_entropy}[library](np.load(query_file), np.load(key_file), mask == "causal")
best = float("inf")
for _ in range(3):
    start = time.perf_counter()
    run()
    best = min(best, time.perf_counter() - start)
print(library, (torch if library == "torch" else np).__version__, f"{best:.6f}")
