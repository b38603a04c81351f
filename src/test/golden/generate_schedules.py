"""Writes the golden numbers of learning rate schedules: torch.optim.lr_scheduler and torch.optim.swa_utils.SWALR.

Needs `torch==2.13.0` (the CPU build):

    python src/test/golden/generate_schedules.py

rewrites schedules.txt in src/test/resources/dev/warpstep/golden. Running it twice gives identical files.

The line format, read by GoldenSchedulesTest.java; numbers are Python's repr, which is exact:

    case N OPTIMIZER LR ...                  the optimizer's class and the lr of each group
    schedule DEPTH CLASS KEY=VALUE ...       what was made, in this order; parts come after the schedule they are in, one
                                             deeper; a value may be a list, as 1,2,3; a function has one of the names in
                                             `FUNCTIONS`; everything else is PyTorch's default
    metrics M ...                            what ReduceLROnPlateau saw, an epoch each
    epochs E ...                             what step was given, a call each; `-` is step() without an epoch
    lr G VALUES                              of group G after the constructor and after each step
    momentum G VALUES, beta1 G VALUES        the same, where it is cycled
    end

VALUES are numbers, and `*N` repeats the one before N times.
"""

import itertools
import math
import warnings

import generate  # first: it sets what torch reads when it is imported
import torch
from torch.optim import lr_scheduler, swa_utils

EPOCHS = 60
LRS = {1: (0.05,), 2: (0.1, 0.003), 3: (0.3, 1e-3, 7e-6)}


def warmup_cosine(warmup, total):
    """Hugging Face's get_cosine_schedule_with_warmup."""

    def factor(epoch):
        if epoch < warmup:
            return epoch / max(1, warmup)
        progress = (epoch - warmup) / max(1, total - warmup)
        return max(0.0, 0.5 * (1 + math.cos(math.pi * min(1.0, progress))))

    return factor


FUNCTIONS = {
    "decay": lambda epoch: 0.95**epoch,
    "inverse": lambda epoch: 1 / (1 + epoch),
    "stairs": lambda epoch: 0.5 ** (epoch // 7),
    "warmup_cosine_10_50": warmup_cosine(10, 50),
    "warmup_cosine_0_60": warmup_cosine(0, 60),
    "constant": lambda epoch: 0.9,
    "alternate": lambda epoch: 1.1 if epoch % 3 == 0 else 0.93,
    "third": lambda cycle: 1 / cycle,
    "slow": lambda epoch: 1 / (1 + 0.01 * epoch),
}


# ---------------------------------------------------------------------------------------------------------------------
# The cases: (optimizer, number of groups, schedule[, calls]); a schedule is (class, options, parts)
# ---------------------------------------------------------------------------------------------------------------------


def of(name, *parts, **options):
    return name, options, parts


def grid(name, **choices):
    for values in itertools.product(*choices.values()):
        yield of(name, **dict(zip(choices, values)))


def factors():
    yield from grid("StepLR", step_size=[1, 7, 20, 100], gamma=[0.1, 0.5, 0.97])
    yield of("StepLR", step_size=10, gamma=1.3)
    yield from grid("MultiStepLR", milestones=[(30, 45), (5, 5, 40), (0, 3), (59, 60, 61), (12,)], gamma=[0.1, 0.7])
    yield of("ConstantLR")
    yield from grid("ConstantLR", factor=[0.1, 0.3, 1.0], total_iters=[1, 40])
    yield of("LinearLR")
    yield from grid("LinearLR", start_factor=[0.01, 1.0], end_factor=[0.0, 0.2, 1.0], total_iters=[1, 13, 60, 90])
    yield from grid("ExponentialLR", gamma=[0.5, 0.9, 0.999, 1.0, 1.01])
    yield of("PolynomialLR")
    yield from grid("PolynomialLR", total_iters=[1, 30, 60, 77], power=[0.5, 0.9, 1.0, 2.0])
    yield from grid("CosineAnnealingLR", T_max=[1, 7, 50, 60, 1000], eta_min=[0.0, 1e-6])
    yield of("CosineAnnealingLR", T_max=15, eta_min=5e-6)
    yield from grid("CosineAnnealingWarmRestarts", T_0=[1, 10, 17], T_mult=[1, 2, 3], eta_min=[0.0, 1e-5])
    yield from (of("LambdaLR", lr_lambda=name) for name in ("decay", "inverse", "stairs"))
    yield from (of("LambdaLR", lr_lambda=name) for name in ("warmup_cosine_10_50", "warmup_cosine_0_60"))
    yield from (of("MultiplicativeLR", lr_lambda=name) for name in ("constant", "alternate"))
    yield from grid("SWALR", swa_lr=[0.05, 1e-5], anneal_epochs=[0, 1, 10, 50], anneal_strategy=["cos", "linear"])
    yield of("SWALR", swa_lr=0.01)


def per_group():
    yield of("LambdaLR", lr_lambda=("decay", "stairs"))
    yield of("MultiplicativeLR", lr_lambda=("constant", "alternate"))
    yield of("SWALR", swa_lr=(0.02, 0.001), anneal_epochs=20)
    yield of("CyclicLR", base_lr=(0.001, 0.0001), max_lr=(0.1, 0.01), step_size_up=9)
    yield of(
        "OneCycleLR", max_lr=(0.1, 0.01), total_steps=70, base_momentum=(0.8, 0.7), max_momentum=(0.95, 0.9)
    )


def cyclic():
    sizes = [{"step_size_up": 8}, {"step_size_up": 5, "step_size_down": 12}, {}]
    modes = [{"mode": "triangular"}, {"mode": "triangular2"}, {"mode": "exp_range", "gamma": 0.97}]
    for size, mode in itertools.product(sizes, modes):
        yield of("CyclicLR", base_lr=0.001, max_lr=0.1, **size, **mode)
    yield of("CyclicLR", base_lr=0.0, max_lr=0.1, step_size_up=7, scale_fn="third", scale_mode="cycle")
    yield of("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7, scale_fn="slow", scale_mode="iterations")
    yield of("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7, base_momentum=0.5, max_momentum=0.99)
    yield of("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=7, cycle_momentum=False)


def one_cycle():
    strategies, phases = ["cos", "linear"], [False, True]
    yield from grid("OneCycleLR", max_lr=[0.1], total_steps=[61, 200], anneal_strategy=strategies, three_phase=phases)
    yield from grid("OneCycleLR", max_lr=[0.1], total_steps=[80], pct_start=[0.0, 0.1, 0.5], three_phase=phases)
    yield of("OneCycleLR", max_lr=0.1, epochs=8, steps_per_epoch=10)
    yield of("OneCycleLR", max_lr=0.1, total_steps=75, div_factor=10.0, final_div_factor=100.0)
    yield of("OneCycleLR", max_lr=0.1, total_steps=75, base_momentum=0.4, max_momentum=0.7)
    yield of("OneCycleLR", max_lr=0.1, total_steps=75, cycle_momentum=False)


def plateau():
    yield from grid("ReduceLROnPlateau", mode=["min", "max"], threshold_mode=["rel", "abs"], patience=[0, 4])
    yield of("ReduceLROnPlateau", factor=0.5, patience=2, cooldown=5)
    yield of("ReduceLROnPlateau", factor=0.3, patience=1, min_lr=0.001)
    yield of("ReduceLROnPlateau", factor=0.3, patience=1, min_lr=(0.01, 0.0001), threshold=0.05)
    yield of("ReduceLROnPlateau", factor=0.9, patience=0, eps=0.002)


def composed():
    linear = of("LinearLR", start_factor=0.01, total_iters=5)
    constant = of("ConstantLR", factor=0.1, total_iters=20)
    exponential = of("ExponentialLR", gamma=0.9)
    cosine = of("CosineAnnealingLR", T_max=55)
    floored = of("CosineAnnealingLR", T_max=12, eta_min=1e-4)
    step = of("StepLR", step_size=10)
    yield of("SequentialLR", linear, cosine, milestones=(5,))
    yield of("SequentialLR", constant, exponential, milestones=(20,))
    yield of("SequentialLR", linear, step, exponential, milestones=(5, 30))
    yield of("SequentialLR", linear, floored, milestones=(5,))
    yield of("SequentialLR", exponential, linear, milestones=(0,))
    yield of("SequentialLR", of("LambdaLR", lr_lambda="decay"), of("PolynomialLR", total_iters=30), milestones=(20,))
    yield of("SequentialLR", of("CosineAnnealingWarmRestarts", T_0=7, T_mult=2), exponential, milestones=(30,))
    yield of("SequentialLR", linear, of("CosineAnnealingWarmRestarts", T_0=7, T_mult=2), milestones=(9,))
    yield of("SequentialLR", exponential, of("MultiplicativeLR", lr_lambda="alternate"), milestones=(11,))
    yield of("SequentialLR", of("MultiplicativeLR", lr_lambda="alternate"), exponential, milestones=(11,))
    yield of("SequentialLR", exponential, of("SWALR", swa_lr=0.01, anneal_epochs=6), milestones=(33,))
    yield of("SequentialLR", linear, of("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=6), milestones=(8,))
    yield of("SequentialLR", linear, of("OneCycleLR", max_lr=0.1, total_steps=70), milestones=(4,))
    yield of("SequentialLR", of("MultiStepLR", milestones=(3, 8)), constant, milestones=(12,))
    yield of("ChainedScheduler", constant, exponential)
    yield of("ChainedScheduler", exponential, step, linear)
    yield of("ChainedScheduler", cosine, exponential)
    yield of("ChainedScheduler", exponential, floored)
    yield of("ChainedScheduler", linear, floored)
    yield of("ChainedScheduler", of("PolynomialLR", total_iters=40, power=2.0), step)
    yield of("ChainedScheduler", of("MultiStepLR", milestones=(20, 30)), of("MultiplicativeLR", lr_lambda="alternate"))
    yield of("ChainedScheduler", of("LambdaLR", lr_lambda="inverse"), exponential)
    yield of("ChainedScheduler", of("CyclicLR", base_lr=0.01, max_lr=0.1, step_size_up=6), exponential)
    yield of("ChainedScheduler", exponential, of("SWALR", swa_lr=0.01, anneal_epochs=30))


def batches(step):
    """An epoch of seven batches: scheduler.step(epoch + i / iters)."""
    return step / 7


def jumps(step):
    """Forwards, back, and on by whole epochs."""
    return None if step % 3 else (step * 37 % 101) / 4


def interleaved(step):
    return None if step % 2 else 0.7 * step


CALLS = {"batches": batches, "jumps": jumps, "interleaved": interleaved}


def fractional():
    for calls in CALLS:
        for schedule in grid("CosineAnnealingWarmRestarts", T_0=[1, 3, 10], T_mult=[1, 2, 3], eta_min=[1e-5]):
            yield schedule, calls


def cases():
    groups = itertools.cycle((2, 1, 2, 3))
    for schedule in factors():
        yield "SGD", next(groups), schedule
    for schedule in per_group():
        yield "Adam", 2, schedule
    optimizers = itertools.cycle(("SGD", "Adam", "RMSprop", "AdamW"))
    for schedule in itertools.chain(cyclic(), one_cycle()):
        yield next(optimizers), 1, schedule
    for schedule in itertools.chain(plateau(), composed()):
        yield "SGD", 2, schedule
    for schedule, calls in fractional():
        yield "SGD", 2, schedule, calls


# ---------------------------------------------------------------------------------------------------------------------
# Running and writing
# ---------------------------------------------------------------------------------------------------------------------


def build(optimizer, schedule):
    name, options, parts = schedule
    options = {key: list(value) if isinstance(value, tuple) else value for key, value in options.items()}
    for key in ("lr_lambda", "scale_fn"):
        if key in options:
            names = options[key]
            options[key] = [FUNCTIONS[n] for n in names] if isinstance(names, list) else FUNCTIONS[names]
    cls = getattr(lr_scheduler, name, None) or getattr(swa_utils, name)
    built = [build(optimizer, part) for part in parts]
    if name == "SequentialLR":
        return cls(optimizer, built, **options)
    if name == "ChainedScheduler":
        return cls(built, optimizer)
    return cls(optimizer, **options)


def text(value):
    return ",".join(map(text, value)) if isinstance(value, tuple) else value if isinstance(value, str) else repr(value)


def schedule_lines(schedule, depth=0):
    name, options, parts = schedule
    yield " ".join(["schedule", str(depth), name, *(f"{key}={text(value)}" for key, value in options.items())])
    for part in parts:
        yield from schedule_lines(part, depth + 1)


def values(numbers):
    out = []
    for number, run in itertools.groupby(numbers):
        again = len(list(run)) - 1
        out += [repr(float(number)), *([f"*{again}"] if again else [])]
    return " ".join(out)


def metric(epoch, mode):
    """Improves, then stays, with noise; and NaN once."""
    noise = ((epoch * 7919) % 101) / 101 * 0.02
    level = 2.0 * 0.8 ** min(epoch, 15) + noise + (0.3 if 30 <= epoch < 33 else 0.0)
    return math.nan if epoch == 27 else level if mode == "min" else 1 - level


def cycles(schedule):
    name, options, parts = schedule
    own = name in ("CyclicLR", "OneCycleLR") and options.get("cycle_momentum", True)
    return own or any(map(cycles, parts))


def run(number, optimizer_name, count, schedule, calls=None):
    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": lr} for lr in LRS[count]]
    momentum = {"momentum": 0.9} if optimizer_name in ("SGD", "RMSprop") else {}
    optimizer = getattr(torch.optim, optimizer_name)(groups, **momentum)
    name, options, _ = schedule
    scheduler = build(optimizer, schedule)
    second = "momentum" if momentum else "beta1"
    metrics = [metric(epoch, options.get("mode", "min")) for epoch in range(EPOCHS)]
    epochs = [CALLS[calls](step) for step in range(1, EPOCHS + 1)] if calls else None
    rows = []
    for epoch in range(EPOCHS + 1):
        rows.append([(g["lr"], g["momentum"] if momentum else g["betas"][0]) for g in optimizer.param_groups])
        if epoch == EPOCHS:
            break
        optimizer.step()
        if calls:
            scheduler.step(epochs[epoch])
        else:
            scheduler.step(*([metrics[epoch]] if name == "ReduceLROnPlateau" else []))
    yield " ".join([f"case {number} {optimizer_name}", *map(repr, LRS[count])])
    yield from schedule_lines(schedule)
    if name == "ReduceLROnPlateau":
        yield " ".join(["metrics", *map(repr, metrics)])
    if calls:
        yield " ".join(["epochs", *("-" if epoch is None else repr(epoch) for epoch in epochs)])
    for g in range(count):
        yield f"lr {g} {values(row[g][0] for row in rows)}"
        if cycles(schedule):
            yield f"{second} {g} {values(row[g][1] for row in rows)}"
    yield "end"


def main():
    generate.prepare()
    warnings.simplefilter("error")
    lines = [line for number, case in enumerate(cases(), 1) for line in run(number, *case)]
    generate.write("schedules.txt", "Schedules of torch.optim.lr_scheduler.", lines, "generate_schedules.py")


if __name__ == "__main__":
    main()
