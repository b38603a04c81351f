"""Writes the golden numbers of the full step: what a training loop does around optimizer.step().

Needs what generate.py needs:

    python src/test/golden/generate_full_step.py

rewrites full-step-float32.txt and full-step-float64.txt in src/test/resources/dev/warpstep/golden. Running it twice
gives identical files.

A step is PyTorch's own calls, in this order; a case has some of them:

    GradScaler.scale(gradient)               real gradients come from a scaled loss
    GradScaler.unscale_(optimizer)           or gradient.div_(gradient_scale), for a scale that never changes
    clip_grad_norm_(...)                     if nothing is clipped by norm, get_total_norm(...)
    clip_grad_value_(...)
    GradScaler.step(optimizer), update()     or optimizer.step()
    AveragedModel.update_parameters(...)     only if the step was not skipped
    optimizer.zero_grad(set_to_none=False)

The gradient of a step is that of `Inputs`, times the step's power of two (`exponents`): some norms are above max_norm
and some below. An equal average in float64 is computed by get_swa_avg_fn and not by get_swa_multi_avg_fn: the latter
rounds its weight 1 / (n + 1) to float32, whatever the dtype of the parameters.

The line format, read by FullStepCases.java; numbers are hexadecimal floats, `nan`, `inf` or `-inf`:

    case NAME
    optimizer CLASS                          in torch.optim
    seed N                                   of the inputs
    gradient wild|vanishing|bowl             which gradient, see `Inputs`
    steps N
    exponents E ...                          the gradient of step s is times 2^E, with E number (s - 1) % count
    group G KEY=VALUE ...                    the options the case sets; everything else is PyTorch's default
    tensor T group=G size=N
    missing T FIRST LAST                     tensor T has no gradient in steps FIRST to LAST
    inject STEP T ELEMENT VALUE              an element of the gradient in that step
    around KEY=VALUE ...                     max_norm, norm_type (2.0 or inf), clip_value, gradient_scale, zero_grad
    scaler KEY=VALUE ...                     the arguments of GradScaler
    average ema decay=VALUE | average swa
    step N norm=N skipped=BOOL [scale=N next_scale=N tracker=N]
                                             norm: of the unscaled gradients; scale: used; the others: after update()
    after STEP                               what follows is recorded after that step
    param T VALUES                           values: N numbers, or "sampled SUM ABS_SUM", then the numbers
    averaged N                               AveragedModel.n_averaged
    average_of T VALUES
    end
"""

import math
import zlib

import generate  # first: it sets what torch reads when it is imported
import numpy as np
import torch
from generate import DTYPES, Inputs, plain_options
from torch.nn.utils import clip_grad_norm_, clip_grad_value_, get_total_norm
from torch.optim import swa_utils

INF, NAN = math.inf, math.nan
STEPS = 30
RECORDED = (1, 2, 7, 30)
TILE = 8192  # elements that the norm adds up as one

# ---------------------------------------------------------------------------------------------------------------------
# The cases
# ---------------------------------------------------------------------------------------------------------------------

SIZES = (17, 0, 1025, 3, 8193, 1)
ALL_SIZES = (0, 1, 3, 17, 1023, 1025, 8192, 8193, 20000)
SIZES_INF = (17, 2, 1025, 3, 8193, 1)  # PyTorch refuses the infinity norm of an empty tensor
SMALL_SIZES = (17, 3, 1, 130)
EXPONENTS = (0, -9, -3, -6, -11)
RULES = {
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd_momentum": ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}),
    "rmsprop": ("RMSprop", {"lr": 0.003}),
    "adam": ("Adam", {"lr": 0.01}),
    "adamw": ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    "adamw_amsgrad": ("AdamW", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
}


class Case:
    def __init__(
        self,
        name,
        rule,
        sizes=None,
        groups=1,
        gradient="wild",
        exponents=EXPONENTS,
        missing=(),
        inject=(),
        scaler=None,
        average=None,
        **around,
    ):
        """missing: (tensor, first step, last step); inject: (step, tensor, element, value); scaler: arguments of
        GradScaler; average: the decay of an EMA, or "swa". The second of two groups has three times the lr."""
        self.name = f"{name}/{rule}"
        self.optimizer, options = RULES[rule]
        self.groups = [{**options, "lr": options["lr"] * 3**g} for g in range(groups)]
        self.sizes = sizes or (SIZES_INF if around.get("norm_type") == INF else SIZES)
        self.group_of = [t * groups // len(self.sizes) for t in range(len(self.sizes))]
        self.gradient, self.exponents = gradient, exponents
        self.missing, self.inject, self.scaler, self.average = missing, inject, scaler, average
        self.around = around


# Early and late, first and last elements, a tensor of one element, an element of the second tile, two in a row.
OVERFLOWS = ((2, 0, 0, INF), (7, 4, 8192, -INF), (8, 2, 1024, NAN), (16, 5, 0, INF), (16, 3, 1, NAN), (27, 0, 16, -INF))
ALL_OVERFLOWS = ((1, 3, 16, INF), (9, 8, 19999, NAN), (10, 7, 8192, -INF), (21, 1, 0, INF), (21, 6, 8191, -INF))
# Tensors come and go; in step 4 none has a gradient.
MISSING = ((0, 1, 1), (2, 3, 6), (3, 1, 30), (0, 4, 4), (1, 4, 4), (4, 4, 4), (5, 4, 4), (4, 20, 29))
SCALER = {"init_scale": 1024.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 4}
ODD_SCALER = {"init_scale": 1000.0, "growth_factor": 1.7, "backoff_factor": 0.3, "growth_interval": 3}
LARGEST_SCALER = {"init_scale": 2.0**120, "growth_factor": 4.0, "backoff_factor": 0.0625, "growth_interval": 1}


def cases():
    for rule in RULES:
        yield Case("max_norm", rule, sizes=ALL_SIZES if "adamw" in rule else SIZES, max_norm=10.0)
    for rule in ("sgd", "adam", "adamw_amsgrad"):
        yield Case("max_norm_inf", rule, max_norm=0.5, norm_type=INF)
    # Norms about as large as the 1e-6 that clip_grad_norm_ adds to them, gradients about as large as Adam's eps.
    yield Case("max_norm_tiny", "adam", exponents=(-27, -24, -30), max_norm=5e-7)
    for rule in ("sgd_momentum", "adamw"):
        yield Case("max_norm_zero", rule, sizes=SMALL_SIZES, max_norm=0.0)
    yield Case("max_norm_zero_inf", "rmsprop", sizes=SMALL_SIZES, max_norm=0.0, norm_type=INF)
    for rule in ("sgd_momentum", "adamw"):
        yield Case("max_norm_missing", rule, groups=2, missing=MISSING, max_norm=10.0)
    yield Case("max_norm_inf_missing", "adam", groups=2, missing=MISSING, max_norm=0.5, norm_type=INF)

    # Without a scaler nothing skips: an infinite norm makes the coefficient 0, hence 0 of a number and NaN of an
    # infinity; a norm that is NaN makes everything NaN. Infinities are clipped by value as any number.
    infinite = ((5, 0, 16, INF), (12, 1, 2, -INF))
    for rule in ("sgd_momentum", "adam"):
        yield Case("infinite_norm", rule, sizes=SMALL_SIZES, inject=infinite, max_norm=10.0)
    yield Case("infinite_norm_inf", "adam", sizes=SMALL_SIZES, inject=infinite, max_norm=0.5, norm_type=INF)
    yield Case("nan_norm", "sgd", sizes=SMALL_SIZES, inject=((5, 0, 16, NAN),), max_norm=10.0)
    yield Case("nan_norm_inf", "sgd", sizes=SMALL_SIZES, inject=((5, 0, 16, NAN),), max_norm=0.5, norm_type=INF)
    yield Case("infinite_value", "adamw", sizes=SMALL_SIZES, inject=(*infinite, (9, 0, 3, NAN)), clip_value=0.25)
    yield Case("infinite_norm_value", "adam", sizes=SMALL_SIZES, inject=infinite, max_norm=10.0, clip_value=0.25)

    for rule in ("sgd", "rmsprop", "adam"):
        yield Case("clip_value", rule, clip_value=0.25)
    for rule in RULES:
        yield Case("max_norm_clip_value", rule, max_norm=10.0, clip_value=0.25)
    yield Case("max_norm_inf_clip_value", "sgd_momentum", max_norm=0.5, norm_type=INF, clip_value=0.03125)
    yield Case("clip_value_zero", "adamw", sizes=SMALL_SIZES, clip_value=0.0)

    yield Case("gradient_scale", "adam", gradient_scale=1024.0)
    yield Case("gradient_scale_odd", "sgd_momentum", gradient_scale=3.0, max_norm=10.0)
    yield Case("gradient_scale_below_one", "adamw", gradient_scale=0.125, clip_value=0.25)

    for rule in RULES:
        yield Case("scaler", rule, inject=OVERFLOWS, scaler=SCALER)
    for rule in ("sgd_momentum", "adam", "adamw_amsgrad"):
        yield Case("scaler_max_norm", rule, inject=OVERFLOWS, scaler=SCALER, max_norm=10.0)
    yield Case("scaler_max_norm_inf", "rmsprop", inject=OVERFLOWS, scaler=SCALER, max_norm=0.5, norm_type=INF)
    yield Case("scaler_clip_value", "adamw", inject=OVERFLOWS, scaler=SCALER, clip_value=0.25)
    yield Case("scaler_missing", "adam", inject=OVERFLOWS, missing=((4, 7, 9), (0, 2, 3)), scaler=SCALER, max_norm=10.0)
    for rule in ("sgd", "adam"):
        yield Case("scaler_odd", rule, inject=OVERFLOWS, scaler=ODD_SCALER, max_norm=10.0)
    # In float32 the scaled gradients themselves overflow; zero from step 21 on, they let the scale grow until float32
    # cannot hold it.
    yield Case(
        "scaler_largest", "adam", gradient="vanishing", exponents=(0, -1, -2, -3), scaler=LARGEST_SCALER, max_norm=10.0
    )

    for decay in (0.0, 0.3, 0.9, 0.999, 1.0):
        yield Case(f"ema_{decay}", "adam", average=decay)
    yield Case("ema_0.3", "sgd", average=0.3)
    for rule in ("sgd_momentum", "adamw"):
        yield Case("swa", rule, average="swa")
    yield Case("ema_missing", "rmsprop", groups=2, missing=MISSING, average=0.9)
    yield Case("swa_scaler", "sgd", inject=OVERFLOWS, scaler=SCALER, average="swa")
    yield Case("zero", "sgd_momentum", sizes=SMALL_SIZES, zero_grad=True)

    everything = {"groups": 2, "scaler": SCALER, "zero_grad": True}
    for rule in RULES:
        whole = {"sizes": ALL_SIZES, "inject": ALL_OVERFLOWS} if "adamw" in rule else {"inject": OVERFLOWS}
        yield Case("everything", rule, **everything, **whole, max_norm=10.0, average=0.9)
    yield Case(
        "everything_clip_value",
        "adamw",
        **everything,
        inject=OVERFLOWS,
        max_norm=10.0,
        clip_value=0.25,
        average=0.999,
    )
    yield Case(
        "everything_inf_swa", "adam", **everything, inject=OVERFLOWS, max_norm=0.5, norm_type=INF, average="swa"
    )
    yield Case(
        "everything_missing", "adamw", **everything, inject=OVERFLOWS, missing=((2, 8, 12),), max_norm=10.0, average=0.9
    )
    yield Case(
        "everything_bowl", "adamw_amsgrad", **everything, inject=OVERFLOWS, gradient="bowl", max_norm=10.0, average=0.9
    )


# ---------------------------------------------------------------------------------------------------------------------
# Running and writing
# ---------------------------------------------------------------------------------------------------------------------


def sample_indices(size):
    """All of a small tensor; of a larger one the first and last 4, 4 between, and the ends of each tile."""
    if size <= 24:
        return list(range(size))
    ends = [i for tile in range(TILE, size, TILE) for i in (tile - 1, tile)]
    return sorted({*range(4), *(size * j // 5 for j in range(1, 5)), *ends, *range(size - 4, size)})


def number(value):
    value = float(value)
    return generate.hex_float(value) if math.isfinite(value) else str(value)


def values(tensor):
    flat = tensor.detach().numpy().astype(np.float64)
    indices = sample_indices(len(flat))
    numbers = [number(flat[i]) for i in indices]
    if len(indices) == len(flat):
        return " ".join([str(len(flat)), *numbers])
    # cumsum adds one by one from the left, as a loop does; numpy's sum does not.
    return " ".join(["sampled", number(np.cumsum(flat)[-1]), number(np.cumsum(np.abs(flat))[-1]), *numbers])


def header(case, seed):
    yield from (f"case {case.name}", f"optimizer {case.optimizer}", f"seed {seed}", f"gradient {case.gradient}")
    yield from (f"steps {STEPS}", " ".join(["exponents", *map(str, case.exponents)]))
    yield from (f"group {g}{plain_options(options)}" for g, options in enumerate(case.groups))
    yield from (f"tensor {t} group={case.group_of[t]} size={size}" for t, size in enumerate(case.sizes))
    yield from (f"missing {t} {first} {last}" for t, first, last in case.missing)
    yield from (f"inject {step} {t} {element} {number(value)}" for step, t, element, value in case.inject)
    if case.around:
        yield f"around{plain_options(case.around)}"
    if case.scaler:
        yield f"scaler{plain_options(case.scaler)}"
    if case.average is not None:
        yield "average swa" if case.average == "swa" else f"average ema decay={case.average!r}"


class Run:
    """One case in one dtype."""

    def __init__(self, case, dtype_name):
        self.case = case
        self.torch_dtype, self.numpy_dtype = DTYPES[dtype_name]
        self.seed = zlib.crc32(case.name.encode())
        self.inputs = Inputs(self.seed)
        self.parameters = torch.nn.ParameterList(
            torch.from_numpy(self.inputs.initial(t, np.arange(size)).astype(self.numpy_dtype))
            for t, size in enumerate(case.sizes)
        )
        groups = [
            {"params": [p for t, p in enumerate(self.parameters) if case.group_of[t] == g], **options}
            for g, options in enumerate(case.groups)
        ]
        self.optimizer = getattr(torch.optim, case.optimizer)(groups, foreach=False)
        self.applied = 0
        self.optimizer.register_step_post_hook(self.count)
        self.scaler = torch.amp.GradScaler("cpu", **case.scaler) if case.scaler else None
        self.average = self.averaged_model()

    def count(self, *_):
        self.applied += 1

    def averaged_model(self):
        if self.case.average is None:
            return None
        if self.case.average != "swa":
            function = {"multi_avg_fn": swa_utils.get_ema_multi_avg_fn(self.case.average)}
        elif self.torch_dtype == torch.float32:
            function = {"multi_avg_fn": swa_utils.get_swa_multi_avg_fn()}
        else:
            function = {"avg_fn": swa_utils.get_swa_avg_fn()}
        return swa_utils.AveragedModel(self.parameters, **function)

    def lines(self):
        yield from header(self.case, self.seed)
        after = []
        for step in range(1, STEPS + 1):
            yield self.step(step)
            if step in RECORDED:
                after += [f"after {step}", *self.recorded()]
        yield from (*after, "end", "")

    def recorded(self):
        yield from (f"param {t} {values(p)}" for t, p in enumerate(self.parameters))
        if self.average:
            yield f"averaged {int(self.average.n_averaged)}"
            yield from (f"average_of {t} {values(p)}" for t, p in enumerate(self.average.parameters()))

    def step(self, step):
        around, before = self.case.around, self.applied
        for t, p in enumerate(self.parameters):
            p.grad = self.gradient(t, step)
            assert p.grad is None or p.grad.dtype == self.torch_dtype
        if self.scaler:
            scale = self.scaler.get_scale()
            self.scaler.unscale_(self.optimizer)
        norm = self.clip()
        if self.scaler:
            self.scaler.step(self.optimizer)
            self.scaler.update()
        else:
            self.optimizer.step()
        skipped = self.applied == before
        if self.average and not skipped:
            self.average.update_parameters(self.parameters)
        if around.get("zero_grad"):
            self.optimizer.zero_grad(set_to_none=False)
        line = f"step {step} norm={number(norm)} skipped={str(skipped).lower()}"
        if not self.scaler:
            return line
        next_scale, tracker = self.scaler.get_scale(), self.scaler._get_growth_tracker()
        return f"{line} scale={number(scale)} next_scale={number(next_scale)} tracker={tracker}"

    def gradient(self, tensor, step):
        """The gradient as backward() would leave it: of a scaled loss if there is a scale."""
        case = self.case
        if any(t == tensor and first <= step <= last for t, first, last in case.missing):
            return None
        drawn = self.inputs.gradient(case.gradient, tensor, step, self.parameters[tensor].detach().numpy())
        drawn = np.ldexp(drawn, case.exponents[(step - 1) % len(case.exponents)])
        for at, t, element, value in case.inject:
            if (at, t) == (step, tensor):
                drawn[element] = value
        gradient = torch.from_numpy(drawn)
        if "gradient_scale" in case.around:
            gradient *= case.around["gradient_scale"]
        return self.scaler.scale(gradient) if self.scaler else gradient

    def clip(self):
        """Clips as the case says; the norm of the unscaled gradients."""
        around, present = self.case.around, [p for p in self.parameters if p.grad is not None]
        if "gradient_scale" in around:
            for p in present:
                p.grad.div_(around["gradient_scale"])
        norm_type = around.get("norm_type", 2.0)
        if "max_norm" in around:
            norm = clip_grad_norm_(self.parameters, around["max_norm"], norm_type, foreach=False)
        else:
            norm = get_total_norm([p.grad for p in present], norm_type, foreach=False)
        if "clip_value" in around:
            clip_grad_value_(self.parameters, around["clip_value"], foreach=False)
        return norm


def main():
    generate.prepare()
    for dtype_name in DTYPES:
        lines = [line for case in cases() for line in Run(case, dtype_name).lines()]
        generate.write(
            f"full-step-{dtype_name}.txt",
            f"Full steps of torch.optim's optimizers in {dtype_name}.",
            lines,
            "generate_full_step.py",
        )


if __name__ == "__main__":
    main()
