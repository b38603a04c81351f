"""Writes optimizer state as torch.save does, and what is in it as text.

Needs `torch==2.13.0` (the CPU build):

    python src/test/golden/generate_torch_files.py

rewrites every file in src/test/resources/dev/warpstep/checkpoint/torch. Running it twice gives identical files.

The line format of expected.txt, read by TorchFiles.java; numbers are hexadecimal floats, exact in every dtype:

    file NAME OPTIMIZER [KEY]                NAME.pt; the key of the state dict in it, if it is not the file itself
    group G KEY=VALUE ...                    settings that Warpstep has; a switch is 0 or 1
    names G NAME,...                         of the parameters
    initial_lr G VALUE                       if it is there
    dropped G KEY,...                        settings that Warpstep has no use for
    step NAME N                              of a parameter
    tensor NAME STATE DTYPE SHAPE VALUES     of a parameter; SHAPE is 2x3, or - of a scalar
    end
"""

import io
import shutil
import zipfile
from pathlib import Path

import torch

OUT = Path(__file__).resolve().parents[1] / "resources/dev/warpstep/checkpoint/torch"
SHAPES = {"layer.weight": (2, 3), "layer.bias": (4,), "scale": (), "empty": (0, 3)}
SWITCHES = ("amsgrad", "maximize", "nesterov", "centered", "decoupled_weight_decay")
SETTINGS = ("lr", "momentum", "dampening", "weight_decay", "alpha", "eps", *SWITCHES)
DTYPES = {torch.float32: "FLOAT32", torch.float16: "FLOAT16", torch.bfloat16: "BFLOAT16", torch.float64: "FLOAT64"}
SGD, RMSprop, Adam, AdamW = torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adam, torch.optim.AdamW

lines = []


def parameters(dtype=torch.float32, shapes=SHAPES):
    named = {}
    for i, (name, shape) in enumerate(shapes.items()):
        count = torch.Size(shape).numel()
        values = torch.arange(count, dtype=torch.float64) / 8 - i
        named[name] = torch.nn.Parameter(values.reshape(shape).to(dtype))
    return named


def train(optimizer, steps=3, skipped=()):
    for step in range(steps):
        for group in optimizer.param_groups:
            for i, parameter in enumerate(group["params"]):
                count = parameter.numel()
                grad = torch.sin(torch.arange(count, dtype=torch.float64) + 10 * step + i).reshape(parameter.shape)
                parameter.grad = None if (step, i) in skipped else grad.to(parameter.dtype)
        optimizer.step()
    return optimizer


def number(value):
    return float(value.item() if isinstance(value, torch.Tensor) else value).hex()


def expect(name, optimizer, state, key="", names=None):
    """What a file has in it, taken from the state dict that went into it."""
    lines.append(f"file {name} {optimizer.upper()} {key}".rstrip())
    numbered = {}
    for g, group in enumerate(state["param_groups"]):
        settings = {k: number(group[k]) for k in SETTINGS if k in group}
        if "betas" in group:
            settings["beta1"], settings["beta2"] = (number(beta) for beta in group["betas"])
        settings.setdefault("maximize", number(0))
        if "betas" in group:
            settings.setdefault("decoupled_weight_decay", number(optimizer == "AdamW"))
        lines.append(f"group {g} " + " ".join(f"{k}={v}" for k, v in settings.items()))
        named = group.get("param_names") or names[g]
        numbered.update(zip(group["params"], named, strict=True))
        lines.append(f"names {g} " + ",".join(named))
        if "initial_lr" in group:
            lines.append(f"initial_lr {g} {number(group['initial_lr'])}")
        known = (*SETTINGS, "betas", "params", "param_names", "initial_lr")
        if dropped := [k for k in group if k not in known]:
            lines.append(f"dropped {g} " + ",".join(dropped))
    for p, values in state["state"].items():
        if "step" in values and values["step"] == 0:
            continue
        for k, value in values.items():
            if k == "step":
                lines.append(f"step {numbered[p]} {int(value)}")
            elif value is not None:
                shape = "x".join(str(size) for size in value.shape) or "-"
                flat = " ".join(x.hex() for x in value.to(torch.float64).reshape(-1).tolist())
                lines.append(f"tensor {numbered[p]} {k} {DTYPES[value.dtype]} {shape} {flat}".rstrip())
    lines.append("end")


def save(name, optimizer, state, content=None, key="", names=None, **options):
    torch.save(state if content is None else content, OUT / f"{name}.pt", **options)
    expect(name, optimizer, state, key, names)


def plain(name, cls, dtype=torch.float32, **options):
    save(name, cls.__name__, train(cls(parameters(dtype).items(), **options)).state_dict())


def options_and_dtypes():
    plain("sgd", SGD)
    plain("sgd_momentum", SGD, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01)
    plain("sgd_nesterov", SGD, lr=0.1, momentum=0.9, nesterov=True, maximize=True, foreach=True)
    plain("rmsprop", RMSprop)
    plain("rmsprop_momentum", RMSprop, momentum=0.9, weight_decay=0.1, maximize=True)
    plain("rmsprop_centered", RMSprop, centered=True, alpha=0.9, eps=1e-6, capturable=False, differentiable=False)
    plain("rmsprop_centered_momentum", RMSprop, centered=True, momentum=0.5)
    plain("adam", Adam)
    plain("adam_amsgrad", Adam, amsgrad=True, betas=(0.8, 0.95), eps=1e-6, weight_decay=0.1)
    plain("adam_fused", Adam, fused=True, maximize=True)
    plain("adam_tensor_lr", Adam, lr=torch.tensor(0.0625), foreach=False)
    plain("adamw", AdamW)
    plain("adamw_amsgrad", AdamW, amsgrad=True, maximize=True, weight_decay=0.5)
    for dtype, suffix in ((torch.float16, "fp16"), (torch.bfloat16, "bf16"), (torch.float64, "fp64")):
        plain(f"sgd_momentum_{suffix}", SGD, dtype, lr=0.1, momentum=0.9)
        plain(f"rmsprop_centered_momentum_{suffix}", RMSprop, dtype, centered=True, momentum=0.5, eps=1e-3)
        plain(f"adam_amsgrad_{suffix}", Adam, dtype, amsgrad=True, eps=1e-3)
        plain(f"adamw_{suffix}", AdamW, dtype, eps=1e-3)


def groups():
    named = parameters()
    halves = [[(n, named[n]) for n in list(named)[:1]], [(n, named[n]) for n in list(named)[1:]]]
    optimizer = AdamW([{"params": halves[0], "lr": 0.25, "name": "head"}, {"params": halves[1], "amsgrad": True}])
    save("two_groups", "AdamW", train(optimizer, skipped={(0, 0), (0, 2), (1, 2), (2, 2)}).state_dict())

    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    for i, parameter in enumerate(model.parameters()):
        parameter.data.fill_(i)
    optimizer = SGD(model.named_parameters(), lr=0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2, 5, 5])
    train(optimizer)
    scheduler.step()
    state = optimizer.state_dict()
    content = {"model": model.state_dict(), "optimizer": state, "scheduler": scheduler.state_dict(), "epoch": 3}
    save("training", "SGD", state, content, key="optimizer")

    optimizer = SGD(parameters().items(), lr=0.1, momentum=0.9)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.5, total_steps=10)
    train(optimizer, 1)
    schedule.step()
    save("one_cycle", "SGD", optimizer.state_dict())


def old():
    """State dicts as they were before PyTorch 1.11: a step that is an int, fewer settings, no names, no byte order."""
    names = [list(SHAPES)]

    def older(cls, shapes=SHAPES, **options):
        state = train(cls(list(parameters(shapes=shapes).values()), **options)).state_dict()
        for group in state["param_groups"]:
            for key in ("foreach", "maximize", "capturable", "differentiable", "fused", "decoupled_weight_decay"):
                group.pop(key, None)
        for values in state["state"].values():
            if "step" in values:
                values["step"] = int(values["step"])
        return state

    for name, cls, options in (
        ("old_adam", Adam, {"amsgrad": True}),
        ("old_adamw", AdamW, {}),
        ("old_rmsprop", RMSprop, {"momentum": 0.9}),
        ("old_sgd", SGD, {"momentum": 0.9}),
    ):
        save(name, cls.__name__, older(cls, **options), names=names, _disable_byteorder_record=True)
    linear = {"weight": (2, 3), "bias": (2,)}
    save("old_adam_linear", "Adam", older(Adam, linear), names=[list(linear)], _disable_byteorder_record=True)
    state = older(SGD)
    for i in range(len(SHAPES)):
        state["state"][i] = {"momentum_buffer": None}
    save("old_sgd_none", "SGD", state, names=names, _disable_byteorder_record=True)


def unusual():
    adam = train(Adam(parameters().items()))
    save("protocol_4", "Adam", adam.state_dict(), pickle_protocol=4)

    # Views: transposed, of one flat storage, expanded, of few elements far apart.
    state = train(Adam(parameters(shapes={"t": (3, 2), "f": (2, 2), "e": (3,), "s": (2,)}).items())).state_dict()
    moments = [state["state"][p] for p in range(4)]
    for values in moments:
        flat = torch.arange(1, 41, dtype=torch.float32) / 16
        values["exp_avg"], values["exp_avg_sq"] = flat, flat
    moments[0]["exp_avg"] = torch.arange(6, dtype=torch.float32).reshape(2, 3).t()
    moments[0]["exp_avg_sq"] = torch.arange(60, dtype=torch.float32).reshape(3, 5, 4).permute(2, 0, 1)[1, :, 1:5:3]
    flat = torch.arange(1, 41, dtype=torch.float32) / 16
    moments[1]["exp_avg"], moments[1]["exp_avg_sq"] = flat[7:11].view(2, 2), flat[20:24].view(2, 2)
    moments[2]["exp_avg"], moments[2]["exp_avg_sq"] = torch.tensor(2.5).expand(3), torch.ones(1).expand(3)
    moments[3]["exp_avg"], moments[3]["exp_avg_sq"] = flat[::30], flat[5:40:17][:2]
    save("views", "Adam", state)

    # Before the first step that a GradScaler let through.
    state = train(Adam(parameters().items()), 1).state_dict()
    for p in (0, 2):
        for value in state["state"][p].values():
            value.zero_()
    save("skipped", "Adam", state)

    # As a machine with the other byte order writes it, and packed by another program.
    state = train(RMSprop(parameters(torch.float64).items())).state_dict()
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(OUT / "big_endian.pt", "w") as target:
        for info in source.infolist():
            data = source.read(info)
            if info.filename.endswith("/byteorder"):
                data = b"big"
            elif "/data/" in info.filename:
                width = 4 if len(data) == 4 else 8
                data = b"".join(data[i : i + width][::-1] for i in range(0, len(data), width))
            target.writestr(zipfile.ZipInfo(info.filename), data)
    expect("big_endian", "RMSprop", state)


if __name__ == "__main__":
    if torch.__version__.split("+")[0] != "2.13.0":
        raise SystemExit(f"needs torch 2.13.0, found {torch.__version__}")
    torch.set_num_threads(1)
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    options_and_dtypes()
    groups()
    old()
    unusual()
    (OUT / "expected.txt").write_text("\n".join(lines) + "\n")
