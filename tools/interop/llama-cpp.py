"""llama.cpp and gguf-py beside Arena: reads one JSON request a line from stdin, answers one JSON line each. Started by llama-cpp.mjs.

Needs llama-cpp-python, gguf and numpy. Caches are float32 and attention is not fused, so that what differs is the model's.
"""
import json
import sys

import gguf
import llama_cpp
import numpy

llm = None
defaults = llama_cpp.llama_cpp.llama_model_default_params


def plain_params():
    # without repacked weights: ggml's AMX kernels, which a build for this machine has, end with SIGSEGV in some sandboxes, on any file
    params = defaults()
    params.use_extra_bufts = False
    return params


llama_cpp.llama_cpp.llama_model_default_params = plain_params


def versions(threads):
    llama_cpp.llama_backend_init()
    found = {"python": sys.version.split()[0], "llama_cpp": llama_cpp.__version__, "numpy": numpy.__version__, "threads": threads}
    found["gguf"] = __import__("importlib.metadata", fromlist=["version"]).version("gguf")
    return found


def open_model(path, threads, adapter=None, cache="f32"):
    global llm
    llm = None
    kind = {"f32": llama_cpp.GGML_TYPE_F32, "f16": llama_cpp.GGML_TYPE_F16}[cache]
    llm = llama_cpp.Llama(
        path, lora_path=adapter, embedding=True, pooling_type=llama_cpp.LLAMA_POOLING_TYPE_NONE, n_ctx=2048, n_threads=threads,
        n_threads_batch=threads, type_k=kind, type_v=kind, flash_attn=cache != "f32", verbose=False,
    )
    return {"tokens": llm.n_vocab(), "name": llm.metadata.get("general.name"), "type": llm.metadata.get("general.type")}


def cut(texts):
    """Token ids of texts given as stretches, with whether special tokens are read in each."""
    return [[t for text, special in parts for t in llm.tokenize(text.encode(), add_bos=False, special=special)] for parts in texts]


def states(row):
    llm.reset()
    llm.eval(row)
    return numpy.array(llama_cpp.llama_get_embeddings_ith(llm.ctx, -1)[: llm.n_embd()], dtype=numpy.float64)


def heads(rows, head):
    """Logits of a head over the state of each row's last token."""
    weight = numpy.array(head, dtype=numpy.float64)
    return [(weight @ states(row)).tolist() for row in rows]


def letters(rows, ids):
    """Of each row's next token: the logits of ids, and their log-probabilities among all tokens."""
    found = []
    for row in rows:
        llm.reset()
        llm.eval(row)
        logits = numpy.array(llama_cpp.llama_get_logits_ith(llm.ctx, -1)[: llm.n_vocab()], dtype=numpy.float64)
        top = logits.max()
        norm = top + numpy.log(numpy.exp(logits - top).sum())
        found.append({"logits": logits[ids].tolist(), "logprobs": (logits[ids] - norm).tolist()})
    return {"rows": found}


def blocks(floats, other):
    """Tensors of `other` whose bytes are not what gguf-py quantises the same tensors of `floats` to."""
    values = {tensor.name: tensor for tensor in gguf.GGUFReader(floats).tensors}
    reader = gguf.GGUFReader(other)
    odd = []
    for tensor in reader.tensors:
        source = values[tensor.name].data
        want = source if tensor.tensor_type == gguf.GGMLQuantizationType.F32 else gguf.quants.quantize(source, tensor.tensor_type)
        if want.tobytes() != tensor.data.tobytes():
            odd.append(tensor.name)
    return {"tensors": len(reader.tensors), "fields": len(reader.fields), "odd": odd}


REQUESTS = {one.__name__: one for one in (versions, open_model, cut, heads, letters, blocks)}

answers = sys.stdout
sys.stdout = sys.stderr  # what libraries print must not stand between the answers
for line in sys.stdin:
    request = json.loads(line)
    try:
        answer = REQUESTS[request.pop("do")](**request)
    except Exception as error:
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), file=answers, flush=True)
