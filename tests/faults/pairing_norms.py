# SPDX-License-Identifier: MIT
# Checkpoints with norms of several kinds, hidden states, and the entropies that attnviz must find, as shell variables. numpy, float64.
import numpy

rng = numpy.random.default_rng(11)
E, N, H = 8, 7, 2
states = (rng.normal(size=(4, 1, N, E)) * 2 + 0.3).astype("f4")
numpy.save("states.npy", states[:3])
numpy.save("one.npy", states[0])
for count in 1, 2, 3, 4, 5:
    numpy.save(f"states{count}.npy", numpy.concatenate([states, states])[:count])


def rms(x, w, eps):
    return x / numpy.sqrt((x * x).mean(-1, keepdims=True) + eps) * w


def layer(x, w, b, eps):
    return (x - x.mean(-1, keepdims=True)) / numpy.sqrt(x.var(-1, keepdims=True) + eps) * w + b


def entropies(x, wq, wk, bq, bk):
    q, k = x @ wq.T + bq, x @ wk.T + bk
    said = []
    for h in range(H):
        part = slice(h * E // H, (h + 1) * E // H)
        logits = q[:, part] @ k[:, part].T / numpy.sqrt(E // H)
        logits[numpy.triu_indices(N, 1)] = -numpy.inf
        p = numpy.exp(logits - logits.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        said.append(-(p * numpy.log(numpy.where(p > 0, p, 1))).sum(1).mean())
    return said


def checkpoint(name, kind, names, bias, extra, eps=1e-5):
    """names: of the norm, of q, of k (or of one fused conv1d weight), with {l} for the layer."""
    tensors, wanted = {}, []
    for l in range(2):
        wq, wk, wv = (rng.normal(size=(E, E)).astype("f4") * 0.6 for _ in range(3))
        bq, bk, bv = (rng.normal(size=E).astype("f4") * (1 if bias else 0) for _ in range(3))
        w, b = rng.normal(size=E).astype("f4") + 1, rng.normal(size=E).astype("f4")
        norm, *parts = (n.format(l=l) for n in names)
        tensors[norm + ".weight"] = w
        if kind == "layer":
            tensors[norm + ".bias"] = b
        if len(parts) == 1:
            tensors[parts[0] + ".weight"] = numpy.concatenate([wq.T, wk.T, wv.T], 1)
            tensors[parts[0] + ".bias"] = numpy.concatenate([bq, bk, bv])
        else:
            tensors[parts[0] + ".weight"], tensors[parts[1] + ".weight"] = wq, wk
            if bias:
                tensors[parts[0] + ".bias"], tensors[parts[1] + ".bias"] = bq, bk
        x = states[l, 0].astype("f8")
        x = {"rms": lambda: rms(x, w, eps), "gemma": lambda: rms(x, 1 + w.astype("f8"), eps), "layer": lambda: layer(x, w, b, eps),
             "nobias": lambda: layer(x, w, 0, eps)}[kind]()
        wanted += entropies(x, wq, wk, bq, bk)
    numpy.savez(name + ".npz", **tensors)
    print(f"entropy_{name}='{' '.join('%.9g' % v for v in wanted)}' extra_{name}='{extra}'")


checkpoint("gpt2", "layer", ("h.{l}.ln_1", "h.{l}.attn.c_attn"), True, "")
checkpoint("nanogpt", "nobias", ("transformer.h.{l}.ln_1", "transformer.h.{l}.attn.q_proj", "transformer.h.{l}.attn.k_proj"), False, "")
checkpoint("llama", "rms", ("model.layers.{l}.input_layernorm", "model.layers.{l}.self_attn.q_proj", "model.layers.{l}.self_attn.k_proj"), False,
           "--param norm-eps=0.01", 0.01)
checkpoint("gemma", "gemma", ("model.layers.{l}.input_layernorm", "model.layers.{l}.self_attn.q_proj", "model.layers.{l}.self_attn.k_proj"), False,
           "--param norm=rms1p --param norm-eps=1e-6", 1e-6)
checkpoint("vit", "layer", ("vit.encoder.layer.{l}.layernorm_before", "vit.encoder.layer.{l}.attention.attention.query", "vit.encoder.layer.{l}.attention.attention.key"), True,
           "--param norm-eps=1e-12", 1e-12)
weight = rng.normal(size=(3 * E, E)).astype("f4")
numpy.savez("torch.npz", **{f"layers.{l}.{n}": t for l in range(2) for n, t in
                            {"self_attn.q_proj.weight": weight[:E], "self_attn.k_proj.weight": weight[E:2 * E], "norm1.weight": weight[0]}.items()})
numpy.savez("three.npz", **{f"h.{l}.attn.{n}": t for l in range(3) for n, t in {"q_proj.weight": weight[:E], "k_proj.weight": weight[E:2 * E]}.items()})
numpy.savez("qwen.npz", **{f"model.layers.{l}.self_attn.{n}": t for l in range(2) for n, t in
                           {"q_proj.weight": weight[:E], "k_proj.weight": weight[E:2 * E], "q_norm.weight": weight[0][:E // H]}.items()})
