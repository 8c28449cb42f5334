#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Write what the real torch and numpy make of one set of tensors: good-real*.pt and good-real*.pkl, and good-real.npz with the same numbers under the paths by which
attnviz names them (float32 for the types that numpy lacks). write_real.py FOLDER; tests/unit/test_torch.c runs it where torch is installed."""
import collections, os, pickle, sys
import numpy as np
import torch

Pair = collections.namedtuple("Pair", "a b")


class Cache:
    pass


class Output(collections.OrderedDict):
    pass


torch.manual_seed(1)
base = torch.randn(3, 4, 2)
cache = Cache()
cache.key_cache, cache.value_cache = [base, base.half()], (base.bfloat16(), base.double() / 3)
output = Output(attentions=(base.softmax(-1), base[:1]), loss=torch.tensor(3.5))
things = {
    "q": base, "layers": [{"q": base[1:, ::2], "k": base.transpose(0, 2)}, {"q": base.permute(1, 2, 0), "k": base[:, 1]}],
    "pair": Pair(base * 2, base[2]), "cache": cache, "output": output,
    "i8": torch.arange(-3, 3).to(torch.int8), "u8": torch.arange(250, 256).to(torch.uint8), "b": torch.tensor([True, False]),
    "i16": torch.arange(4).short() * -9999, "i32": torch.arange(4).int() << 29, "i64": torch.arange(4) << 51,
    "parameter": torch.nn.Parameter(base), "expanded": torch.arange(3.0).expand(2, 4, 3), "empty": torch.zeros(0, 4), "scalar": torch.tensor(2.5),
    "ordered": collections.OrderedDict([(1, base[0]), ("x.y", base[1])]), (0, "k"): base[:, :, 1:],
    "special": torch.tensor([float("inf"), -0.0, 1e-40, -float("inf")]),
    "array": np.arange(6.0).reshape(2, 3) / 7, "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3) / 7), "swapped": np.arange(5, dtype=">f4") / 7,
    "half": np.arange(4, dtype=np.float16) / 7, "objects": np.array([np.arange(3.0), np.ones((2, 2), np.int16)], dtype=object),
    "plain": [[1, 2, 3], [4, 5, 6.5]], "ids": [1, 2, 3], "name": "gpt2", "none": None, "size": torch.Size((2, 3)), "dtype": torch.float16,
    "device": torch.device("cpu"), "set": {1, 2}, "complex": torch.ones(2, dtype=torch.complex64), "sparse": torch.eye(2).to_sparse(),
}
paths = {
    "q": base, "layers.0.q": base[1:, ::2], "layers.0.k": base.transpose(0, 2), "layers.1.q": base.permute(1, 2, 0), "layers.1.k": base[:, 1],
    "pair.0": base * 2, "pair.1": base[2], "cache.key_cache.0": base, "cache.key_cache.1": base.half(), "cache.value_cache.0": base.bfloat16(),
    "cache.value_cache.1": base.double() / 3, "output.attentions.0": base.softmax(-1), "output.attentions.1": base[:1], "output.loss": output["loss"],
    "ordered.1": base[0], "ordered.x.y": base[1], "0_k": base[:, :, 1:], "objects.0": things["objects"][0], "objects.1": things["objects"][1],
    "plain": np.array(things["plain"]), "ids": np.array(things["ids"]),
}
paths.update({name: things[name] for name in ("i8 u8 b i16 i32 i64 parameter expanded empty scalar special array fortran swapped half").split()})


def as_numpy(thing):
    if isinstance(thing, torch.Tensor):
        thing = thing.detach()
        return (thing.float() if thing.dtype == torch.bfloat16 else thing).contiguous().numpy()
    return np.ascontiguousarray(thing)


folder = sys.argv[1]
for name in ("torch", "pickle"):
    os.makedirs(os.path.join(folder, name), exist_ok=True)
np.savez_compressed(os.path.join(folder, "torch/good-real.npz"), **{path: as_numpy(thing) for path, thing in paths.items()})
torch.save(things, os.path.join(folder, "torch/good-real.pt"))
torch.save(things, os.path.join(folder, "torch/good-real-stream.pt"), _use_new_zipfile_serialization=False)
for protocol in (0, 2, 4, 5):
    with open(os.path.join(folder, "pickle/good-real-%d.pkl" % protocol), "wb") as f:
        pickle.dump(things, f, protocol)
