# SPDX-License-Identifier: MIT
"""A peer of the benchmark, no part of attnviz: the usual script, a grid of heads from queries and keys.

peer_picture.py Q.npy K.npy OUT.png
"""
import sys

import numpy as np
import matplotlib
import matplotlib.pyplot as plt

query, key = np.load(sys.argv[1]), np.load(sys.argv[2])
logits = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
weights = np.exp(logits - logits.max(axis=-1, keepdims=True))
weights /= weights.sum(axis=-1, keepdims=True)
figure, axes = plt.subplots(3, 4, figsize=(16, 12))
for head, axis in enumerate(axes.flat):
    axis.imshow(weights[head], cmap="viridis")
    axis.set_title(f"head {head}")
figure.tight_layout()
figure.savefig(sys.argv[3])
print(f"numpy {np.__version__} and matplotlib {matplotlib.__version__}")
