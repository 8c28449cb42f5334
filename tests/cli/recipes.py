# SPDX-License-Identifier: MIT
"""recipes.py MANUAL TITLE: run the recipe that stands under a title of attnviz-formats(7), as it stands there.

The libraries that it hooks are stand-ins that do what the real ones do at these places, over numpy. Left behind are what the recipe saves, truth.npy (the weights that
the stand-in computed, float64, by the definition) and command, which is what the recipe prints or what the manual says below it.
"""
import contextlib, io, json, os, re, sys, types
import numpy

rng = numpy.random.default_rng(5)
L, H, HK, N, D = 2, 4, 2, 12, 8


def read_recipe(manual, title):
    section = re.split(r"^\.S[sh] ", open(manual).read().split("\n.Sh EXAMPLES\n")[1], flags=re.M)
    body = next(s for s in section if s.split("\n", 1)[0] == title)
    code = re.search(r"^\.Bd -literal\n(.*?)^\.Ed", body, re.S | re.M).group(1)
    commands = re.findall(r"^\.Dl (attnviz .*)$", body, re.M)
    return code.replace("\\e", "\\"), commands[0] if commands else None


class Tensor(numpy.ndarray):
    """What the recipes call on a tensor."""
    float = lambda self: self.astype("f4")
    cpu = detach = lambda self: self
    numpy = lambda self: numpy.asarray(self)
    dtype = property(lambda self: torch.bool if self.numpy().dtype == bool else self.numpy().dtype)


def tensor(array):
    return numpy.asarray(array).view(Tensor)


def randn(*shape):
    return tensor(rng.normal(size=shape).astype("f4"))


torch = types.SimpleNamespace(
    no_grad=contextlib.nullcontext, bool="bool", tensor=tensor,
    stack=lambda list, dim=0: tensor(numpy.stack(list, dim)), cat=lambda list, dim=0: tensor(numpy.concatenate(list, dim)))
module = lambda name, **members: sys.modules.setdefault(name, types.ModuleType(name)).__dict__.update(members)
pad = lambda t, sides: tensor(numpy.pad(t, [(0, 0)] * (t.ndim - 1) + [tuple(sides)]))


def softmax(logits, sinks=None):
    top = logits.max(-1, keepdims=True)
    top = numpy.where(numpy.isfinite(top), top, 0)
    p = numpy.exp(logits - top)
    total = p.sum(-1, keepdims=True) + (0 if sinks is None else numpy.exp(sinks[:, None, None] - top))
    return p / total


def attend(q, k, scale, mask=None, sinks=None):
    """The weights of (.., H, N, D) and (.., HK, M, D), in double."""
    k = numpy.repeat(numpy.asarray(k, "f8"), q.shape[-3] // k.shape[-3], axis=-3)
    logits = numpy.asarray(q, "f8") @ numpy.swapaxes(k, -1, -2) * scale
    if mask is not None:
        logits = numpy.where(mask, logits, -numpy.inf) if numpy.asarray(mask).dtype == bool else logits + mask
    return softmax(logits, sinks)


def tril(n, m=None, offset=0):
    return numpy.tri(n, m or n, offset, dtype=bool)


truth = []


def hugging_face(masked, sinks):
    """Layers 0 and 1, called in the order in which models call them, with a scale of their own."""
    def sdpa(module, query, key, value, mask=None, scaling=None, **kwargs):
        truth.append(attend(query, key, scaling, tril(N) if mask is None else numpy.asarray(mask), kwargs.get("s_aux")))
        return query, None
    functions = {"sdpa": sdpa}
    padding = tensor((tril(N) & (numpy.arange(N) != 1) | numpy.eye(N, dtype=bool))[None, None]) if masked else None

    def model(use_cache, **ids):
        for layer in range(L):
            extra = {"s_aux": randn(H)} if sinks else {}
            functions["sdpa"](types.SimpleNamespace(layer_idx=layer), randn(1, H, N, D), randn(1, HK, N, D), None, padding, scaling=0.21, **extra)
    module("transformers"), module("transformers.modeling_utils", ALL_ATTENTION_FUNCTIONS=functions)
    return {"name": "x", "ids": {}, "AutoModelForCausalLM": types.SimpleNamespace(from_pretrained=lambda name, attn_implementation: model)}


def torch_sdpa(form):
    def sdpa(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, scale=None, **kwargs):
        mask = tril(query.shape[-2], key.shape[-2]) if is_causal else attn_mask
        truth.append(attend(query, key, scale or query.shape[-1] ** -0.5, None if mask is None else numpy.asarray(mask)))
        return query
    functional = types.ModuleType("torch.nn.functional")
    functional.scaled_dot_product_attention = sdpa
    module("torch"), module("torch.nn"), sys.modules.__setitem__("torch.nn.functional", functional)
    sys.modules["torch"].nn, sys.modules["torch.nn"].functional = sys.modules["torch.nn"], functional
    mask = {"bool": tensor(tril(N) | (rng.random((N, N)) < 0.3)), "float": randn(1, 1, N, N)}.get(form)

    def model(x):
        for _ in range(L):
            keys = N + 3 if form == "causal" else N      # torch aligns is_causal at the beginning
            functional.scaled_dot_product_attention(randn(1, H, N, D), randn(1, H, keys, D), None, attn_mask=mask, is_causal=form == "causal",
                                                    scale=0.3 if form != "bool" else None)
    return {"model": model, "x": None, "layers": L}


def hidden():
    folder = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "models", "llama")
    truth.extend(numpy.load(folder + "/attentions.npy")[:, None])
    states = tuple(tensor(state[None]) for state in numpy.load(folder + "/hidden_states.npy"))
    return {"ids": None, "model": lambda ids, output_hidden_states: types.SimpleNamespace(hidden_states=states), "DIR": folder}


def eager():
    steps = [tensor(attend(randn(1, H, N, D), randn(1, HK, N, D), 0.3, tril(N))) for _ in range(L)]
    truth.extend(steps)
    model = lambda output_attentions, **ids: types.SimpleNamespace(attentions=tuple(steps))
    ids = type("Ids", (dict,), {"input_ids": [list(range(N))]})()
    return {"name": "x", "text": "x", "tokenizer": tokenizer(ids), "AutoModelForCausalLM": types.SimpleNamespace(from_pretrained=lambda name, attn_implementation: model)}


def tokenizer(ids):
    call = lambda text, return_tensors: ids
    call.convert_ids_to_tokens = lambda ids: [f"t{int(i)}" for i in ids]
    call.decode = lambda ids: f"t{ids[0]}"
    call.sot_sequence, call.no_timestamps, call.eot = (1, 2, 3), 4, 5
    return call


def generation():
    whole = [attend(randn(1, H, N, D), randn(1, HK, N, D), 0.3, tril(N)) for _ in range(L)]
    truth.extend(whole)
    first = N - 4
    steps = [[tensor(w[:, :, :first, :first]) for w in whole]] + [[tensor(w[:, :, n:n + 1, :n + 1]) for w in whole] for n in range(first, N)]
    sequences = [numpy.arange(N + 1)]
    model = types.SimpleNamespace(generate=lambda **options: types.SimpleNamespace(attentions=steps, sequences=sequences))
    torch.nn = types.SimpleNamespace(functional=types.SimpleNamespace(pad=pad))
    return {"model": model, "ids": {}, "tokenizer": tokenizer(None)}


def multihead():
    class MultiheadAttention:
        def forward(self, x, *args, need_weights=True, average_attn_weights=True):
            weights = tensor(attend(randn(1, H, N, D), randn(1, H, N, D), 0.3))
            truth.append(weights)
            return x, (weights.mean(1) if average_attn_weights else weights) if need_weights else None
    torch.nn = types.SimpleNamespace(MultiheadAttention=MultiheadAttention)
    attention = [MultiheadAttention() for _ in range(L)]
    run = lambda x: [a.forward(x, x, x, need_weights=False) for a in attention]
    return {"model": types.SimpleNamespace(train=lambda mode: run), "x": 0}


def flash(causal, window, softcap):
    """Two sequences of 5 and N - 5 tokens; the second is what the manual looks at. Two passes, of which the first is wanted."""
    ends = tensor(numpy.array([0, 5, N], "i4"))

    def varlen(q, k, v, cu_seqlens_q, cu_seqlens_k, *args, softmax_scale=None, causal=False, window_size=(-1, -1), softcap=0.0):
        q, k = (numpy.swapaxes(t[5:], 0, 1) for t in (q, k))
        rows = numpy.arange(N - 5)[:, None] - numpy.arange(N - 5)
        mask = (rows >= 0 if causal else rows > -N) & ((rows <= window_size[0]) if window_size[0] >= 0 else True) & ((rows >= -window_size[1]) if window_size[1] >= 0 else True)
        scores = numpy.asarray(q, "f8") @ numpy.swapaxes(numpy.repeat(numpy.asarray(k, "f8"), H // HK, 0), 1, 2) * softmax_scale
        scores = softcap * numpy.tanh(scores / softcap) if softcap else scores
        if len(truth) < L:
            truth.append(softmax(numpy.where(mask, scores, -numpy.inf)))
        return q
    interface = types.ModuleType("flash_attn.flash_attn_interface")
    interface.flash_attn_varlen_func = varlen
    module("flash_attn", flash_attn_interface=interface), sys.modules.__setitem__("flash_attn.flash_attn_interface", interface)

    def model(x):
        for _ in range(2 * L):
            interface.flash_attn_varlen_func(randn(N, H, D), randn(N, HK, D), None, ends, ends, softmax_scale=0.3, causal=causal, window_size=window, softcap=softcap)
    return {"model": model, "x": 0, "layers": L}


def lens(rotary):
    cache = {}
    for layer in range(L):
        q, k = randn(1, N, H, D), randn(1, N, HK, D)
        cache[f"blocks.{layer}.attn.hook_q"], cache[f"blocks.{layer}.attn.hook_k"] = (randn(1, N, H, D), randn(1, N, HK, D)) if rotary else (q, k)
        if rotary:
            cache[f"blocks.{layer}.attn.hook_rot_q"], cache[f"blocks.{layer}.attn.hook_rot_k"] = q, k
        truth.append(attend(numpy.swapaxes(q, 1, 2), numpy.swapaxes(k, 1, 2), 1 / 4.5, tril(N)))
    model = types.SimpleNamespace(run_with_cache=lambda text: (None, cache), to_str_tokens=lambda text: [f"t{n}" for n in range(N)], cfg=types.SimpleNamespace(attn_scale=4.5))
    return {"model": model, "text": "x"}


def vllm(chunks):
    """The engine warms up before the hook is there, then takes the prompt in chunks."""
    class Attention:
        num_heads, num_kv_heads, impl = H, HK, types.SimpleNamespace(scale=0.37)

        def __init__(self, layer):
            self.layer_name = f"model.layers.{layer}.self_attn.attn"

        def forward(self, query, key, value):
            return query
    layers = [Attention(n) for n in range(L)]
    call = lambda tokens: [(q, k, a.forward(q, k, None)) for a in layers for q, k in [(randn(tokens, H * D), randn(tokens, HK * D))]]

    class LLM:
        def __init__(self, name, enforce_eager, enable_prefix_caching):
            assert enforce_eager and not enable_prefix_caching
            call(3)

        def generate(self, text, parameters):
            calls = [call(N // chunks) for _ in range(chunks)]
            for n in range(L):
                q = numpy.concatenate([c[n][0] for c in calls]).reshape(N, H, D).swapaxes(0, 1)
                k = numpy.concatenate([c[n][1] for c in calls]).reshape(N, HK, D).swapaxes(0, 1)
                truth.append(attend(q, k, 0.37, tril(N)))
    module("vllm"), module("vllm.attention", Attention=Attention)
    return {"LLM": LLM, "SamplingParams": lambda max_tokens: None, "name": "x", "text": "x"}


def whisper():
    blocks = []

    class Cross:
        def register_forward_hook(self, hook):
            self.hook = hook
    blocks = [types.SimpleNamespace(cross_attn=Cross()) for _ in range(L)]

    def model(mel, tokens):
        for block in blocks:
            qk = randn(1, H, tokens.shape[-1], 30)
            block.cross_attn.hook(block.cross_attn, None, (None, qk))
            truth.append(softmax(numpy.asarray(qk, "f8")))
    model.decoder = types.SimpleNamespace(blocks=blocks)
    package = types.SimpleNamespace(model=types.SimpleNamespace(MultiHeadAttention=types.SimpleNamespace(use_sdpa=True)))
    return {"whisper": package, "model": model, "mel": numpy.zeros(3), "tokenizer": tokenizer(None), "text_tokens": [7, 8, 9]}


def timm():
    class Drop:
        training = True

        def register_forward_hook(self, hook):
            self.hook = hook
    blocks = [types.SimpleNamespace(attn=types.SimpleNamespace(fused_attn=True, attn_drop=Drop())) for _ in range(L)]

    def model(x):
        for block in blocks:
            assert not block.attn.fused_attn
            weights = attend(randn(1, H, N, D), randn(1, H, N, D), 0.3)
            truth.append(weights)
            dropped = weights * (rng.random(weights.shape) < 0.5) if block.attn.attn_drop.training else weights
            block.attn.attn_drop.hook(None, None, tensor(dropped))
    model.blocks = blocks
    model.eval = lambda: [setattr(b.attn.attn_drop, "training", False) for b in blocks]
    return {"model": model, "image": numpy.zeros(3)}


STANDINS = {
    "hidden": (hidden,), "weights": (eager,), "sdpa": (hugging_face, False, False), "sdpa-mask": (hugging_face, True, False), "sdpa-sinks": (hugging_face, False, True),
    "torch": (torch_sdpa, "bool"), "torch-float": (torch_sdpa, "float"), "torch-causal": (torch_sdpa, "causal"), "torch-plain": (torch_sdpa, "plain"),
    "generation": (generation,), "multihead": (multihead,), "flash": (flash, True, (-1, -1), 0.0), "flash-window": (flash, False, (2, 1), 0.7),
    "lens": (lens, False), "lens-rotary": (lens, True), "vllm": (vllm, 1), "vllm-chunks": (vllm, 3), "whisper": (whisper,), "timm": (timm,),
}

if __name__ == "__main__":
    manual, title, standin = sys.argv[1:]
    code, command = read_recipe(manual, title)
    make, *arguments = STANDINS[standin]
    scope = {"torch": torch, "numpy": numpy, "json": json, **make(*arguments)}
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, title, "exec"), scope)
    numpy.save("truth.npy", numpy.stack(truth).astype("f4"))
    command = printed.getvalue() or command
    with open("command", "w") as f:
        f.write(command.strip().replace("DIR", scope.get("DIR", "DIR")) + "\n")
