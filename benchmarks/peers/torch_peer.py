#!/usr/bin/env python3
"""Times PyTorch's optimizers and prints one line of JSON per measurement.

  torch_peer.py [device=cpu|cuda] [rule=adam,rmsprop,sgd_momentum,adamw] [model=...] [way=forloop,foreach,fused,full]
                [threads=2] [samples=11]

Needs Python 3 with torch==2.13.0: the CPU build is enough for device=cpu, device=cuda needs one for the machine's driver and a
GPU:

  python3 -m venv VENV && VENV/bin/pip install torch==2.13.0

Rules, settings, sizes, data and samples are those of PairedRun.java. `fused` is torch.optim.Adam(fused=True), which
calls torch._fused_adam_ for all tensors at once after it has counted the steps of each; both are part of what a user
waits for. `full` is a whole step after the backward pass, AdamW(fused=True) with what PyTorch offers for the rest: GradScaler's
unscale_, clip_grad_norm_, step and update, _foreach_lerp_ for the moving average, _foreach_zero_. Gradients are filled anew
before each step, untimed.

Temporaries larger than 32 MB come from the system and go back to it in every step, and where a new page is slow to get, as in
many virtual machines, that is most of the time. GLIBC_TUNABLES=glibc.malloc.trim_threshold=... keeps them, as other allocators
do; the lines then say `memory kept`.

On a GPU times are those between two events, and a model that the second-level cache could hold is there several times, each
step taking the next. host_ms is how long a step keeps the caller when the device has nothing to do.
"""
import itertools
import json
import os
import pathlib
import statistics
import sys
import time

import torch

LR = 1e-3
WARM_UP_SECONDS = 1.5
KEEPS_MEMORY = "glibc.malloc.trim_threshold" in os.environ.get("GLIBC_TUNABLES", "")


def models(names):
    """Tensor sizes by the names of Model.java, which prints them: shapes.json beside this script."""
    with open(pathlib.Path(__file__).with_name("shapes.json")) as file:
        shapes = json.load(file)
    return {name: [size for size, count in shapes[name] for _ in range(count)] for name in names}


# Class, settings, bytes that one pass moves per parameter, and what PyTorch offers.
RULES = {
    "adam": (torch.optim.Adam, {}, 28, ["forloop", "foreach", "fused"]),
    "rmsprop": (torch.optim.RMSprop, {}, 20, ["forloop", "foreach"]),
    "sgd_momentum": (torch.optim.SGD, {"momentum": 0.9}, 20, ["forloop", "foreach", "fused"]),
    "adamw": (torch.optim.AdamW, {}, 44, ["full"]),
}


class Clock:
    """Milliseconds of work: wall clock on the CPU, events on a GPU."""

    def __init__(self, device):
        self.cuda = device == "cuda"
        if self.cuda:
            self.begin, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def time(self, work):
        if not self.cuda:
            begin = time.perf_counter()
            work()
            return (time.perf_counter() - begin) * 1e3
        self.begin.record()
        work()
        self.end.record()
        self.end.synchronize()
        return self.begin.elapsed_time(self.end)

    def host(self, work):
        if self.cuda:
            torch.cuda.synchronize()
        begin = time.perf_counter()
        work()
        host = (time.perf_counter() - begin) * 1e3
        if self.cuda:
            torch.cuda.synchronize()
        return host


def copies(sizes, device):
    """So many that twice the second-level cache comes round before the first again, as CudaPlace.java has it."""
    if device == "cpu":
        return 1
    return min(256, -(-2 * torch.cuda.get_device_properties(0).L2_cache_size // (12 * sum(sizes))) + 1)


def parameters(sizes, device):
    result = []
    for size in sizes:
        p = torch.nn.Parameter(torch.rand(size, device=device) - 0.5)
        p.grad = (torch.rand(size, device=device) + 0.5) * 1e-2 * torch.sign(torch.rand(size, device=device) - 0.5)
        result.append(p)
    return result


def measure(sets, clock, samples, steps):
    """Milliseconds of a step, sample by sample; sets are (optimizer, parameters)."""
    turn = itertools.cycle(sets)

    def several(count):
        for _ in range(count):
            next(turn)[0].step()

    end = time.perf_counter() + WARM_UP_SECONDS
    while time.perf_counter() < end:
        clock.time(lambda: several(len(sets)))
    millis = []
    for _ in range(samples):
        for _, params in sets:
            torch._foreach_neg_([p.grad for p in params])  # so that parameters do not drift away
        several(1)
        millis.append(clock.time(lambda: several(steps)) / steps)
    return millis, statistics.median(clock.host(lambda: several(1)) for _ in range(samples))


def measure_full(sets, clock, samples, steps):
    device = sets[0][1][0].device
    scaler = torch.amp.GradScaler(device.type)
    scaler.scale(torch.ones(1, device=device))
    prepared = [(optimizer, params, [p.detach().clone() for p in params], [p.detach() for p in params],
                 [p.grad.clone() for p in params]) for optimizer, params in sets]

    def full(optimizer, params, averages, values, _):
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        scaler.step(optimizer)
        scaler.update()
        torch._foreach_lerp_(averages, values, 0.001)
        torch._foreach_zero_([p.grad for p in params])

    millis, turn = [], itertools.cycle(prepared)
    end = time.perf_counter() + WARM_UP_SECONDS
    while len(millis) < samples * steps:
        one = next(turn)
        torch._foreach_neg_(one[4])
        torch._foreach_copy_([p.grad for p in one[1]], one[4])
        taken = clock.time(lambda: full(*one))
        if time.perf_counter() > end:
            millis.append(taken)
    return millis, None


def main():
    options = {"device": "cpu", "rule": "adam,rmsprop,sgd_momentum", "model": "mlp_100k,resnet50,gpt2_124m",
               "way": "forloop,foreach,fused,full", "threads": "2", "samples": "11"}
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        if key not in options:
            sys.exit(__doc__)
        options[key] = value
    torch.manual_seed(42)
    torch.set_num_threads(int(options["threads"]))
    device = options["device"]
    clock = Clock(device)
    shapes = models(options["model"].split(","))
    for rule in options["rule"].split(","):
        cls, settings, bytes_per_parameter, ways = RULES[rule]
        for model, sizes in shapes.items():
            for way in [way for way in options["way"].split(",") if way in ways]:
                count = sum(sizes)
                flags = {"foreach": way == "foreach", **({"fused": True} if way in ("fused", "full") else {})}
                sets = []
                for _ in range(copies(sizes, device)):
                    params = parameters(sizes, device)
                    sets.append((cls(params, lr=LR, **settings, **flags), params))
                steps = max(1, min(200, 20_000_000 // count))
                measured = measure_full if way == "full" else measure
                millis, host = measured(sets, clock, int(options["samples"]), steps)
                quartiles = statistics.quantiles(millis, n=4, method="inclusive")
                name = ("full step" if way == "full" else way) + (", memory kept" if KEEPS_MEMORY else "")
                line = {
                    "what": "step", "library": "torch", "version": torch.__version__,
                    "way": name, "rule": rule, "model": model, "dtype": "fp32",
                    "device": "cuda:0" if device == "cuda" else "cpu", "rows": "normal",
                    "threads": 0 if device == "cuda" else torch.get_num_threads(),
                    "ms": statistics.median(millis), "ms_p25": quartiles[0], "ms_p75": quartiles[2],
                    "samples": len(millis), "steps_per_sample": 1 if way == "full" else steps, "parameters": count,
                    "bytes_per_parameter": bytes_per_parameter}
                if host is not None:
                    line["host_ms"] = host
                print(json.dumps(line), flush=True)
                del sets, params


if __name__ == "__main__":
    main()
