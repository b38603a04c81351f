#!/usr/bin/env python3
"""Times PyTorch's optimizers on the CPU and prints one line of JSON per measurement.

  torch_cpu.py [rule=adam,rmsprop,sgd_momentum,adamw] [model=...] [way=forloop,foreach,fused,full] [threads=2] [samples=11]

Needs Python 3 with torch==2.13.0, the CPU build:

  python3 -m venv VENV && VENV/bin/pip install torch==2.13.0

Rules, settings, sizes, data and samples are those of PairedRun.java. `fused` is torch.optim.Adam(fused=True), which
calls torch._fused_adam_ for all tensors at once after it has counted the steps of each; both are part of what a user
waits for. `full` is a whole step after the backward pass, AdamW(fused=True) with what PyTorch offers for the rest: GradScaler's
unscale_, clip_grad_norm_, step and update, _foreach_lerp_ for the moving average, _foreach_zero_. Gradients are filled anew
before each step, untimed.
"""
import json
import statistics
import sys
import time

import torch

LR = 1e-3
WARM_UP_SECONDS = 1.5


def gpt2(d=768):
    sizes = [50257 * d, 1024 * d]
    for _ in range(12):
        sizes += [d, d, d * 3 * d, 3 * d, d * d, d, d, d, d * 4 * d, 4 * d, 4 * d * d, d]
    return sizes + [d, d]


def resnet50():
    sizes, channels = [64 * 3 * 49, 64, 64], 64
    for width, blocks in [(64, 3), (128, 4), (256, 6), (512, 3)]:
        for block in range(blocks):
            sizes += [channels * width, width, width, width * width * 9, width, width]
            sizes += [width * 4 * width, 4 * width, 4 * width]
            if block == 0:
                sizes += [channels * 4 * width, 4 * width, 4 * width]
            channels = 4 * width
    return sizes + [2048 * 1000, 1000]


MODELS = {
    "mlp_100k": [128 * 256, 256, 256 * 128, 128, 128 * 128, 128, 128 * 128, 128, 128 * 10, 10],
    "resnet50": resnet50(),
    "gpt2_124m": gpt2(),
}

# Class, settings, bytes that one pass moves per parameter, and what PyTorch offers.
RULES = {
    "adam": (torch.optim.Adam, {}, 28, ["forloop", "foreach", "fused"]),
    "rmsprop": (torch.optim.RMSprop, {}, 20, ["forloop", "foreach"]),
    "sgd_momentum": (torch.optim.SGD, {"momentum": 0.9}, 20, ["forloop", "foreach", "fused"]),
    "adamw": (torch.optim.AdamW, {}, 44, ["full"]),
}


def parameters(sizes):
    result = []
    for size in sizes:
        p = torch.nn.Parameter(torch.rand(size) - 0.5)
        p.grad = (torch.rand(size) + 0.5) * 1e-2 * torch.sign(torch.rand(size) - 0.5)
        result.append(p)
    return result


def measure(optimizer, params, samples, steps):
    end = time.perf_counter() + WARM_UP_SECONDS
    while time.perf_counter() < end:
        optimizer.step()
    millis = []
    for _ in range(samples):
        for p in params:
            p.grad.neg_()  # so that parameters do not drift away
        optimizer.step()
        begin = time.perf_counter()
        for _ in range(steps):
            optimizer.step()
        millis.append((time.perf_counter() - begin) * 1e3 / steps)
    return millis


def measure_full(optimizer, params, samples, steps):
    scaler = torch.amp.GradScaler("cpu")
    scaler.scale(torch.ones(1))
    averages = [p.detach().clone() for p in params]
    values = [p.detach() for p in params]
    gradients = [p.grad.clone() for p in params]
    millis = []
    end = time.perf_counter() + WARM_UP_SECONDS
    while len(millis) < samples * steps:
        torch._foreach_neg_(gradients)
        torch._foreach_copy_([p.grad for p in params], gradients)
        begin = time.perf_counter()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(params, 1.0)
        scaler.step(optimizer)
        scaler.update()
        torch._foreach_lerp_(averages, values, 0.001)
        torch._foreach_zero_([p.grad for p in params])
        if begin > end:
            millis.append((time.perf_counter() - begin) * 1e3)
    return millis


def main():
    options = {"rule": "adam,rmsprop,sgd_momentum", "model": ",".join(MODELS), "way": "forloop,foreach,fused,full", "threads": "2",
               "samples": "11"}
    for argument in sys.argv[1:]:
        key, _, value = argument.partition("=")
        if key not in options:
            sys.exit(__doc__)
        options[key] = value
    torch.manual_seed(42)
    torch.set_num_threads(int(options["threads"]))
    for rule in options["rule"].split(","):
        cls, settings, bytes_per_parameter, ways = RULES[rule]
        for model in options["model"].split(","):
            for way in [way for way in options["way"].split(",") if way in ways]:
                params = parameters(MODELS[model])
                count = sum(MODELS[model])
                flags = {"foreach": way == "foreach", **({"fused": True} if way in ("fused", "full") else {})}
                optimizer = cls(params, lr=LR, **settings, **flags)
                steps = max(1, min(200, 20_000_000 // count))
                measured = measure_full if way == "full" else measure
                millis = measured(optimizer, params, int(options["samples"]), steps)
                quartiles = statistics.quantiles(millis, n=4, method="inclusive")
                print(json.dumps({
                    "what": "step", "library": "torch", "version": torch.__version__, "way": "full step" if way == "full" else way, "rule": rule,
                    "model": model, "rows": "normal", "threads": torch.get_num_threads(),
                    "ms": statistics.median(millis), "ms_p25": quartiles[0], "ms_p75": quartiles[2],
                    "samples": len(millis), "steps_per_sample": 1 if way == "full" else steps, "parameters": count,
                    "bytes_per_parameter": bytes_per_parameter}), flush=True)


if __name__ == "__main__":
    main()
