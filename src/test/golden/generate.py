"""Writes the golden numbers: trajectories of torch.optim.SGD, RMSprop, Adam and AdamW.

Needs Python 3 with `torch==2.13.0` (the CPU build) and numpy:

    python src/test/golden/generate.py

rewrites every file in src/test/resources/dev/warpstep/golden. Running it twice gives identical files.

What is computed is PyTorch's for-loop (foreach=False, fused=False), once in float32 and once in float64, on one
thread and without vector instructions (ATEN_CPU_CAPABILITY=default): the vector kernels contract some products and
sums and not others, by the machine and by the position in the tensor, so their last bits are nobody's reference.

Inputs are never stored. Initial parameters and gradients come from the hash in `Inputs`, whose twin is
GoldenInputs.java; inputs.txt holds a few of its values so that a drift of either side is seen. Of a tensor with more
than 64 elements only the elements of `sample_indices` are stored, with the sums over all of it.

The line format, read by GoldenCases.java; numbers are hexadecimal floats, exact in both dtypes:

    case NAME                                a trajectory; its optimizer and dtype are those of the file
    seed N                                   of the inputs
    gradient wild|vanishing|bowl             which gradient, see `Inputs`
    steps N
    group G KEY=VALUE ...                    the options the case sets; everything else is PyTorch's default
    tensor T group=G size=N                  T is also the index of the parameter in state_dict()
    missing T FIRST LAST                     tensor T has no gradient in steps FIRST to LAST
    change STEP group=G KEY=VALUE ...        options set before that step
    after STEP                               what follows is recorded after that step
    param T VALUES                           values: N numbers, or "sampled SUM ABS_SUM", then the numbers
    state T NAME VALUES                      in the order of state_dict()
    saved_group G KEY=TYPE:VALUE ...         state_dict()["param_groups"][G], after the last step
    end
"""

import inspect
import os
import zlib
from pathlib import Path

os.environ["ATEN_CPU_CAPABILITY"] = "default"  # read when torch is imported

import numpy as np  # noqa: E402
import torch  # noqa: E402

TORCH_VERSION = "2.13.0"
OUT = Path(__file__).resolve().parents[1] / "resources/dev/warpstep/golden"
OPTIMIZERS = (torch.optim.SGD, torch.optim.RMSprop, torch.optim.Adam, torch.optim.AdamW)
DTYPES = {"float32": (torch.float32, np.float32), "float64": (torch.float64, np.float64)}


# ---------------------------------------------------------------------------------------------------------------------
# Inputs: the twin of GoldenInputs.java
# ---------------------------------------------------------------------------------------------------------------------


class Inputs:
    """Initial parameters and gradients as a function of (seed, tensor, step, index).

    Every value but the bowl's gradient is exact in float32, hence the same number in both dtypes; the bowl's takes
    one rounding per operation in the working dtype.
    """

    GAMMA = np.uint64(0x9E3779B97F4A7C15)
    INITIAL, SCALE, GRADIENT, SLOPE, CENTRE = range(5)
    LAST_VANISHING_STEP = 20

    def __init__(self, seed):
        self.seed = np.uint64(seed & 0xFFFFFFFFFFFFFFFF)

    @staticmethod
    def mix(z):
        """The finaliser of SplitMix64."""
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))

    def bits(self, stream, tensor, step, indices):
        with np.errstate(over="ignore"):
            key = self.mix(self.seed + self.GAMMA * np.uint64(stream + 1))
            key = self.mix(key + self.GAMMA * np.uint64(tensor + 1))
            key = self.mix(key + self.GAMMA * np.uint64(step + 1))
            return self.mix(key + self.GAMMA * (indices.astype(np.uint64) + np.uint64(1)))

    def initial(self, tensor, indices):
        """Uniform in [-2, 2), a multiple of 2^-22."""
        mantissa = (self.bits(self.INITIAL, tensor, 0, indices) >> np.uint64(40)).astype(np.int64) - (1 << 23)
        return np.ldexp(mantissa.astype(np.float64), -22)

    def wild(self, tensor, step, indices):
        """A sign, 24 bits and an exponent: 2^-19 <= |g| < 16.

        2^15 of that range belongs to the element for good (so that some second moments are near eps), 2^7 to the
        step. One element in 16 is always zero, of the others one value in 16.
        """
        scale = self.bits(self.SCALE, tensor, 0, indices)
        drawn = self.bits(self.GRADIENT, tensor, step, indices)
        exponent = (scale & np.uint64(15)) + ((drawn >> np.uint64(4)) & np.uint64(7))
        mantissa = (np.uint64(1 << 23) | (drawn >> np.uint64(41))).astype(np.float64)
        magnitude = np.ldexp(mantissa, -20 - exponent.astype(np.int64))
        signed = np.where((drawn >> np.uint64(8)) & np.uint64(1), -magnitude, magnitude)
        zero = ((scale >> np.uint64(4)) & np.uint64(15) == 0) | (drawn & np.uint64(15) == 0)
        return np.where(zero, 0.0, signed)

    def vanishing(self, tensor, step, indices):
        """Wild up to step 20, then exactly zero: the state decays, in the end below the normal numbers."""
        if step > self.LAST_VANISHING_STEP:
            return np.zeros(len(indices))
        return self.wild(tensor, step, indices)

    def slope(self, tensor, indices):
        """Uniform in [1/4, 1), a multiple of 2^-24 from 22 bits above 2^-2."""
        drawn = self.bits(self.SLOPE, tensor, 0, indices) >> np.uint64(42)
        return np.ldexp((np.uint64(1 << 22) + np.uint64(3) * drawn).astype(np.float64), -24)

    def centre(self, tensor, indices):
        """4 <= |c| < 8: never close to an initial parameter."""
        drawn = self.bits(self.CENTRE, tensor, 0, indices)
        magnitude = np.ldexp((np.uint64(1 << 22) + (drawn >> np.uint64(42))).astype(np.float64), -20)
        return np.where(drawn & np.uint64(1), -magnitude, magnitude)

    def bowl(self, tensor, parameter, indices):
        """slope * (p - centre), in the dtype of the parameter."""
        dtype = parameter.dtype.type
        return self.slope(tensor, indices).astype(dtype) * (parameter - self.centre(tensor, indices).astype(dtype))

    def gradient(self, kind, tensor, step, parameter):
        indices = np.arange(len(parameter))
        if kind == "bowl":
            return self.bowl(tensor, parameter, indices)
        return {"wild": self.wild, "vanishing": self.vanishing}[kind](tensor, step, indices).astype(parameter.dtype)


def sample_indices(size):
    """All of a small tensor; of a larger one the first 8, the last 16 and 40 spread evenly between."""
    if size <= 64:
        return list(range(size))
    return [*range(8), *(8 + (size - 24) * j // 40 for j in range(40)), *range(size - 16, size)]


# ---------------------------------------------------------------------------------------------------------------------
# The cases
# ---------------------------------------------------------------------------------------------------------------------

SIZES = (0, 1, 3, 17, 1025)
ALL_SIZES = (0, 1, 3, 17, 1023, 1024, 1025, 65537)


class Case:
    def __init__(self, name, *groups, sizes=SIZES, steps=7, gradient="wild", changes=(), missing=()):
        """groups: dicts of options; the tensors are dealt to them in contiguous runs.
        changes: (step, group, options); missing: (tensor, first step, last step)."""
        self.name, self.groups, self.steps, self.gradient = name, groups or ({},), steps, gradient
        self.sizes, self.changes, self.missing = sizes, changes, missing
        self.group_of = [t * len(self.groups) // len(sizes) for t in range(len(sizes))]


def long(name, *groups, **rest):
    return Case(f"{name}_1000_steps", *groups, steps=1000, **rest)


THREE_GROUPS_SIZES = (17, 3, 1, 0, 1025, 17)
# A first step without it, a gap, an end without it, and one that never has a gradient.
MISSING = ((1, 1, 1), (2, 3, 5), (3, 7, 7), (4, 2, 2), (4, 4, 4), (5, 1, 7))
MISSING_SIZES = (17, 17, 3, 17, 1025, 3)
LONG_MISSING = ((1, 1, 3), (2, 100, 600), (3, 999, 1000), (4, 500, 500))


def lr_changes(*rates):
    return [(step, 0, {"lr": lr}) for step, lr in zip((2, 4, 5, 7), rates, strict=True)]


LR_CHANGES = lr_changes(0.03, 0.0, 0.5, 1e-5)
SMALL_LR_CHANGES = lr_changes(3e-3, 0.0, 0.1, 1e-5)

SGD = [
    Case("defaults"),
    Case("plain", {"lr": 0.1}, sizes=ALL_SIZES),
    Case("lr_zero", {"lr": 0.0, "momentum": 0.9}),
    Case("momentum", {"lr": 0.1, "momentum": 0.9}, sizes=ALL_SIZES),
    Case("momentum_above_one", {"lr": 0.01, "momentum": 1.5}),
    Case("dampening", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3}),
    Case("dampening_one", {"lr": 0.1, "momentum": 0.9, "dampening": 1.0}),
    Case("dampening_negative", {"lr": 0.1, "momentum": 0.9, "dampening": -0.5}),
    Case("dampening_without_momentum", {"lr": 0.1, "dampening": 0.3}),
    Case("nesterov", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, sizes=ALL_SIZES),
    Case("weight_decay", {"lr": 0.1, "weight_decay": 0.01}),
    Case("maximize", {"lr": 0.1, "maximize": True}),
    Case("maximize_momentum", {"lr": 0.1, "momentum": 0.9, "maximize": True}),
    Case("maximize_weight_decay", {"lr": 0.1, "weight_decay": 0.2, "maximize": True}),
    Case("momentum_weight_decay", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}),
    Case("nesterov_weight_decay", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": True}),
    Case(
        "nesterov_weight_decay_maximize",
        {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.2, "nesterov": True, "maximize": True},
    ),
    Case(
        "momentum_dampening_weight_decay_maximize",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.2, "maximize": True},
        sizes=ALL_SIZES,
    ),
    Case("lr_changes", {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01}, changes=LR_CHANGES),
    Case("momentum_switched_on", {"lr": 0.1, "dampening": 0.3}, changes=[(4, 0, {"momentum": 0.9})]),
    Case(
        "momentum_switched_off_and_on",
        {"lr": 0.1, "momentum": 0.9},
        changes=[(3, 0, {"momentum": 0.0}), (6, 0, {"momentum": 0.8})],
    ),
    Case(
        "options_change",
        {"lr": 0.1, "momentum": 0.9},
        changes=[
            (2, 0, {"weight_decay": 0.1}),
            (3, 0, {"momentum": 0.5, "dampening": 0.5}),
            (5, 0, {"dampening": 0.0, "nesterov": True}),
            (6, 0, {"maximize": True, "lr": 0.02}),
        ],
    ),
    Case(
        "three_groups",
        {"lr": 0.1},
        {"lr": 0.05, "momentum": 0.9, "weight_decay": 0.01},
        {"lr": 0.01, "momentum": 0.5, "nesterov": True, "maximize": True},
        sizes=THREE_GROUPS_SIZES,
        changes=[(3, 1, {"lr": 0.2}), (5, 2, {"lr": 0.3}), (5, 0, {"lr": 0.4})],
    ),
    Case("missing_gradients", {"lr": 0.1}, sizes=MISSING_SIZES, missing=MISSING),
    Case(
        "missing_gradients_momentum",
        {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.01},
        {"lr": 0.02, "momentum": 0.9, "nesterov": True},
        sizes=MISSING_SIZES,
        missing=MISSING,
    ),
    Case("bowl", {"lr": 0.1, "momentum": 0.9, "nesterov": True}, gradient="bowl"),
    long("plain", {"lr": 0.01}),
    long("momentum_weight_decay", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}),
    long("nesterov_missing_gradients", {"lr": 0.01, "momentum": 0.9, "nesterov": True}, missing=LONG_MISSING),
    long("momentum_vanishing", {"lr": 0.1, "momentum": 0.9}, gradient="vanishing"),
    long("bowl_plain", {"lr": 0.001}, gradient="bowl"),
    long("bowl_momentum", {"lr": 1e-4, "momentum": 0.9, "weight_decay": 0.01}, gradient="bowl"),
]

RMSPROP = [
    Case("defaults", sizes=ALL_SIZES),
    Case("lr_zero", {"lr": 0.0}),
    Case("alpha", {"alpha": 0.9}),
    Case("alpha_small", {"alpha": 0.3}),
    Case("alpha_zero", {"alpha": 0.0}),
    Case("eps", {"eps": 1e-3}),
    Case("eps_large", {"lr": 1.0, "eps": 10.0}),
    Case("centered", {"centered": True}, sizes=ALL_SIZES),
    Case("centered_alpha_small", {"centered": True, "alpha": 0.3}),
    Case("momentum", {"momentum": 0.9}, sizes=ALL_SIZES),
    Case("weight_decay", {"weight_decay": 0.01}),
    Case("maximize", {"maximize": True}),
    Case("maximize_weight_decay", {"weight_decay": 0.2, "maximize": True}),
    Case("momentum_weight_decay", {"momentum": 0.9, "weight_decay": 0.01}),
    Case("momentum_maximize", {"momentum": 0.9, "maximize": True}),
    Case("centered_momentum", {"momentum": 0.9, "centered": True}),
    Case("centered_weight_decay", {"centered": True, "weight_decay": 0.01}),
    Case(
        "centered_momentum_weight_decay",
        {"alpha": 0.95, "eps": 1e-6, "momentum": 0.9, "centered": True, "weight_decay": 0.01},
        sizes=ALL_SIZES,
    ),
    Case(
        "centered_momentum_weight_decay_maximize",
        {"alpha": 0.95, "momentum": 0.9, "centered": True, "weight_decay": 0.2, "maximize": True},
    ),
    Case("lr_changes", {"lr": 0.01, "weight_decay": 0.01}, changes=SMALL_LR_CHANGES),
    Case("lr_changes_momentum", {"lr": 0.01, "momentum": 0.9}, changes=SMALL_LR_CHANGES),
    Case(
        "options_change",
        {"momentum": 0.9},
        changes=[
            (2, 0, {"alpha": 0.9, "weight_decay": 0.1}),
            (3, 0, {"momentum": 0.0}),
            (5, 0, {"momentum": 0.5, "eps": 1e-4}),
            (6, 0, {"maximize": True, "lr": 0.02}),
        ],
    ),
    Case(
        "three_groups",
        {"lr": 0.001, "alpha": 0.9},
        {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01},
        {"lr": 0.02, "eps": 1e-6, "centered": True, "maximize": True},
        sizes=THREE_GROUPS_SIZES,
        changes=[(3, 1, {"lr": 0.002}), (5, 2, {"lr": 0.003}), (5, 0, {"lr": 0.004})],
    ),
    Case("missing_gradients", sizes=MISSING_SIZES, missing=MISSING),
    Case(
        "missing_gradients_momentum",
        {"momentum": 0.9, "weight_decay": 0.01},
        {"momentum": 0.5, "centered": True},
        sizes=MISSING_SIZES,
        missing=MISSING,
    ),
    Case("bowl", {"momentum": 0.9}, gradient="bowl"),
    long("defaults", {"lr": 0.001}),
    long("centered", {"lr": 0.001, "centered": True, "alpha": 0.9}),
    # No weight decay here: an element without gradients would see weight_decay * p, all but constant, and its variance
    # would be the rounding errors of two nearly equal numbers.
    long("centered_momentum", {"lr": 0.001, "momentum": 0.9, "centered": True}),
    long("missing_gradients", {"lr": 0.001, "momentum": 0.9}, missing=LONG_MISSING),
    long("centered_vanishing", {"lr": 0.001, "momentum": 0.9, "centered": True, "alpha": 0.9}, gradient="vanishing"),
    long("bowl", {"lr": 0.001, "weight_decay": 0.01}, gradient="bowl"),
]


def adam_family(decay):
    """The cases of Adam and of AdamW; `decay` is a weight decay that shows in seven steps."""
    return [
        Case("defaults", sizes=ALL_SIZES),
        Case("lr_zero", {"lr": 0.0}),
        Case("no_weight_decay", {"weight_decay": 0.0}),
        Case("betas", {"betas": (0.8, 0.95)}),
        Case("betas_below_half", {"betas": (0.3, 0.4)}),
        Case("beta1_below_beta2_above_half", {"betas": (0.2, 0.999)}),
        Case("beta1_above_beta2_below_half", {"betas": (0.95, 0.3)}),
        Case("beta1_half", {"betas": (0.5, 0.5)}),
        Case("beta1_zero", {"betas": (0.0, 0.999)}),
        Case("beta2_zero", {"betas": (0.9, 0.0)}),
        Case("betas_zero", {"betas": (0.0, 0.0)}),
        Case("betas_near_one", {"betas": (0.999, 0.99999)}),
        Case("eps", {"eps": 1e-3}),
        Case("eps_large", {"lr": 0.1, "eps": 10.0}),
        Case("eps_zero", {"eps": 0.0}, gradient="bowl"),
        Case("weight_decay", {"lr": 0.01, "weight_decay": decay}, sizes=ALL_SIZES),
        Case("amsgrad", {"amsgrad": True, "betas": (0.9, 0.9)}, sizes=ALL_SIZES),
        Case("maximize", {"maximize": True}),
        Case("maximize_weight_decay", {"lr": 0.01, "weight_decay": decay, "maximize": True}),
        Case("amsgrad_maximize", {"amsgrad": True, "maximize": True, "betas": (0.9, 0.7)}),
        Case("amsgrad_weight_decay", {"lr": 0.01, "weight_decay": decay, "amsgrad": True}),
        Case(
            "amsgrad_weight_decay_maximize",
            {
                "lr": 0.01,
                "betas": (0.7, 0.9),
                "eps": 1e-6,
                "weight_decay": decay,
                "amsgrad": True,
                "maximize": True,
            },
            sizes=ALL_SIZES,
        ),
        Case("lr_changes", {"lr": 0.01, "weight_decay": decay}, changes=SMALL_LR_CHANGES),
        Case("lr_changes_amsgrad", {"lr": 0.01, "amsgrad": True}, changes=SMALL_LR_CHANGES),
        Case(
            "options_change",
            {"lr": 0.01},
            changes=[
                (2, 0, {"weight_decay": decay}),
                (3, 0, {"betas": (0.8, 0.99)}),
                (5, 0, {"eps": 1e-4}),
                (6, 0, {"maximize": True, "lr": 0.02}),
            ],
        ),
        Case(
            "three_groups",
            {"lr": 0.001, "betas": (0.8, 0.9)},
            {"lr": 0.01, "weight_decay": decay, "amsgrad": True},
            {"lr": 0.02, "eps": 1e-6, "maximize": True},
            sizes=THREE_GROUPS_SIZES,
            changes=[(3, 1, {"lr": 0.002}), (5, 2, {"lr": 0.003}), (5, 0, {"lr": 0.004})],
        ),
        Case("missing_gradients", sizes=MISSING_SIZES, missing=MISSING),
        Case(
            "missing_gradients_amsgrad",
            {"lr": 0.01, "weight_decay": decay},
            {"lr": 0.01, "weight_decay": decay, "amsgrad": True},
            sizes=MISSING_SIZES,
            missing=MISSING,
        ),
        Case("bowl", {"lr": 0.01, "weight_decay": decay}, gradient="bowl"),
        long("defaults"),
        long("weight_decay", {"weight_decay": decay}),
        long("amsgrad_weight_decay_missing_gradients", {"weight_decay": decay, "amsgrad": True}, missing=LONG_MISSING),
        long("vanishing", gradient="vanishing"),
        long("bowl", gradient="bowl"),
        long("bowl_amsgrad_weight_decay", {"weight_decay": decay, "amsgrad": True}, gradient="bowl"),
    ]


CASES = {"SGD": SGD, "RMSprop": RMSPROP, "Adam": adam_family(0.1), "AdamW": adam_family(0.5)}


# ---------------------------------------------------------------------------------------------------------------------
# Writing
# ---------------------------------------------------------------------------------------------------------------------


def hex_float(value):
    """float.hex without trailing zeros: 0x1.8p+1, as Java's Double.parseDouble reads it."""
    value = float(value)
    assert np.isfinite(value), value
    mantissa, exponent = value.hex().split("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}p{int(exponent)}"


def values(tensor):
    flat = tensor.detach().numpy().reshape(-1).astype(np.float64)
    if len(flat) <= 64:
        return " ".join([str(len(flat)), *map(hex_float, flat)])
    # cumsum adds one by one from the left, as a loop does; numpy's sum does not.
    sums = (np.cumsum(flat)[-1], np.cumsum(np.abs(flat))[-1])
    return " ".join(["sampled", *map(hex_float, sums), *(hex_float(flat[i]) for i in sample_indices(len(flat)))])


def plain_options(options):
    """betas as beta1 and beta2, flags in lower case, numbers as their shortest decimal, which is exact."""
    flat = {}
    for key, value in options.items():
        if key == "betas":
            flat["beta1"], flat["beta2"] = value
        else:
            flat[key] = value
    return "".join(f" {key}={str(v).lower() if isinstance(v, bool) else repr(v)}" for key, v in flat.items())


def typed(value):
    """TYPE:VALUE without blanks."""
    text = str(value).replace(" ", "")
    return f"{type(value).__name__}:{text}"


def run(optimizer_class, case, dtype_name):
    torch_dtype, numpy_dtype = DTYPES[dtype_name]
    seed = zlib.crc32(f"{optimizer_class.__name__}/{case.name}".encode())
    inputs = Inputs(seed)
    lines = [f"case {case.name}", f"seed {seed}", f"gradient {case.gradient}", f"steps {case.steps}"]
    lines += [f"group {g}{plain_options(options)}" for g, options in enumerate(case.groups)]
    lines += [f"tensor {t} group={case.group_of[t]} size={size}" for t, size in enumerate(case.sizes)]
    lines += [f"missing {t} {first} {last}" for t, first, last in case.missing]
    lines += [f"change {step} group={g}{plain_options(options)}" for step, g, options in case.changes]

    parameters = [
        torch.nn.Parameter(torch.from_numpy(inputs.initial(t, np.arange(size)).astype(numpy_dtype)))
        for t, size in enumerate(case.sizes)
    ]
    groups = [
        {"params": [p for t, p in enumerate(parameters) if case.group_of[t] == g], **options}
        for g, options in enumerate(case.groups)
    ]
    accepted = inspect.signature(optimizer_class).parameters
    loop = {key: False for key in ("foreach", "fused") if key in accepted}
    optimizer = optimizer_class(groups, **loop)

    for step in range(1, case.steps + 1):
        for at, g, options in case.changes:
            if at == step:
                optimizer.param_groups[g].update(options)
        for t, p in enumerate(parameters):
            absent = any(tensor == t and first <= step <= last for tensor, first, last in case.missing)
            p.grad = None if absent else torch.from_numpy(inputs.gradient(case.gradient, t, step, p.detach().numpy()))
            assert absent or p.grad.dtype == torch_dtype
        optimizer.step()
        if step == case.steps or (step == 1 and case.steps < 1000):
            lines += [f"after {step}", *recorded(parameters, optimizer.state_dict()["state"])]

    for g, group in enumerate(optimizer.state_dict()["param_groups"]):
        lines.append(f"saved_group {g}" + "".join(f" {key}={typed(value)}" for key, value in group.items()))
    return [*lines, "end", ""]


def recorded(parameters, state):
    for t, p in enumerate(parameters):
        yield f"param {t} {values(p)}"
        for name, value in state.get(t, {}).items():
            yield f"state {t} {name} {values(value)}"


def defaults():
    """The constructor arguments but `params`, with PyTorch's own defaults."""
    for optimizer_class in OPTIMIZERS:
        parameters = inspect.signature(optimizer_class).parameters
        pairs = [f"{name}={typed(p.default)}" for name, p in parameters.items() if name != "params"]
        yield " ".join(["defaults", optimizer_class.__name__, *pairs])


def inputs_sample():
    """Values of `Inputs` for GoldenInputsTest."""
    for seed in (0, 1, -1, 3735928559, -0x7FFFFFFFFFFFFFFF):
        inputs = Inputs(seed)
        for tensor in (0, 5):
            indices = np.array([*range(24), 65536, (1 << 31) + 7, 1 << 40])
            for name, drawn in (
                ("initial", inputs.initial(tensor, indices)),
                ("slope", inputs.slope(tensor, indices)),
                ("centre", inputs.centre(tensor, indices)),
            ):
                yield from (f"{name} {seed} {tensor} {i} {hex_float(x)}" for i, x in zip(indices, drawn))
            for kind, step in (("wild", 1), ("wild", 1000), ("vanishing", 20), ("vanishing", 21)):
                drawn = getattr(inputs, kind)(tensor, step, indices)
                yield from (f"{kind} {seed} {tensor} {step} {i} {hex_float(x)}" for i, x in zip(indices, drawn))
            for dtype_name, (_, numpy_dtype) in DTYPES.items():
                parameter = (inputs.initial(tensor, indices) / 3).astype(numpy_dtype)
                for i, p, g in zip(indices, parameter, inputs.bowl(tensor, parameter, indices)):
                    yield f"bowl {dtype_name} {seed} {tensor} {i} {hex_float(p)} {hex_float(g)}"
    for size in (0, 1, 64, 65, 1023, 1025, 65537):
        yield " ".join(["sample", str(size), *map(str, sample_indices(size))])


def write(name, first_line, lines, script="generate.py"):
    (OUT / name).write_text("\n".join([f"# {first_line} Written by {script}; do not edit.", *lines]).rstrip() + "\n")


def prepare():
    """Checks that this is the PyTorch whose numbers count, and makes it compute the same on every machine."""
    version = torch.__version__.split("+")[0]
    assert version == TORCH_VERSION, f"needs torch {TORCH_VERSION}, was {version}"
    assert torch.backends.cpu.get_cpu_capability() == "DEFAULT"
    torch.set_num_threads(1)
    torch.set_flush_denormal(False)
    OUT.mkdir(parents=True, exist_ok=True)


def main():
    prepare()
    write("torch.txt", "The PyTorch that wrote the numbers, and its defaults.", [f"torch {TORCH_VERSION}", *defaults()])
    write("inputs.txt", "Values of the input generator.", inputs_sample())
    for optimizer_class in OPTIMIZERS:
        name = optimizer_class.__name__
        for dtype_name in DTYPES:
            lines = [line for case in CASES[name] for line in run(optimizer_class, case, dtype_name)]
            write(f"{name.lower()}-{dtype_name}.txt", f"Trajectories of torch.optim.{name} in {dtype_name}.", lines)


if __name__ == "__main__":
    main()
