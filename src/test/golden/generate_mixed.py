"""Writes the golden numbers of 16-bit training: fp16 and bf16 parameters, pure and with fp32 master weights.

Needs what generate.py needs:

    python src/test/golden/generate_mixed.py

rewrites mixed-float16.txt and mixed-bfloat16.txt in src/test/resources/dev/warpstep/golden. Running it twice gives
identical files. Numbers of float64 are those of generate.py and generate_full_step.py.

What counts is PyTorch's fused form: 16-bit numbers are read as fp32, the step is computed in fp32, and each result is
rounded once. SGD, Adam and AdamW are fused=True on the 16-bit parameters themselves; SGD in pieces of 15 elements, since
the vector loop of its 16-bit CPU kernel reads the buffer as fp32 and does not write the parameter, and only the loop for
the rest is right. RMSprop has no fused form; its for-loop steps on fp32 copies, which are rounded to 16 bits after each
step. `check_widened` makes sure that for the other rules both ways end within one ulp.

Three kinds of cases:

    single    one step from inputs that both sides compute: see `SingleInputs`; the steps 1, 2, 10 and 1000
    sequence  30 steps with what a training loop does around them; parameters, state and average of every step are
              recorded, so that another implementation can start each step from PyTorch's values
    master    an fp32 optimizer steps on fp32 copies with the 16-bit gradients, the parameter is the copy rounded

The norm of a sequence is that of the gradients as fp32 numbers, and scale and clip coefficient enter the fused kernels
as their grad_scale. Clipped in place, 16-bit gradients would be rounded twice more, and the norm to 8 or 11 bits:
`check_norm` makes sure that it is the same norm but for that. The average is an AveragedModel of the parameters as fp32
numbers, for the same reason: with a decay of 0.999, one of bf16 numbers stands still.

The line format, read by MixedCases.java; 16-bit values are 4 and fp32 values 8 hexadecimal digits each, their bits:

    case NAME
    kind single|sequence|master
    optimizer CLASS                          in torch.optim
    seed N                                   of the inputs
    options KEY=VALUE ...                    those the case sets; everything else is PyTorch's default
    sizes N ...                              of the tensors
    exponents E ...                          the gradient of step s is times 2^E, with E number (s - 1) % count
    inject STEP T ELEMENT VALUE              an element of the gradient in that step
    around KEY=VALUE ...                     max_norm, clip_value
    scaler KEY=VALUE ...                     the arguments of GradScaler
    average ema decay=VALUE | average swa
    step N norm=N skipped=BOOL [scale=N next_scale=N tracker=N]
                                             norm: of the unscaled gradients; scale: used; the others: after update()
    after STEP                               what follows is recorded after that step; a skipped one changes nothing
    param T BITS                             16-bit
    state T NAME BITS                        16-bit; of a master case fp32
    master T BITS                            fp32
    averaged N                               AveragedModel.n_averaged
    average_of T BITS                        fp32
    end
"""

import math
import zlib

import generate  # first: it sets what torch reads when it is imported
import numpy as np
import torch
from generate import Inputs, plain_options
from generate_full_step import number
from torch.nn.utils import clip_grad_value_, get_total_norm
from torch.optim import swa_utils

INF, NAN = math.inf, math.nan
DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}

# ---------------------------------------------------------------------------------------------------------------------
# The cases
# ---------------------------------------------------------------------------------------------------------------------

SINGLE_SIZE = 70  # four vectors and a rest
SCALAR_PIECE = 15  # less than a vector
SINGLE_STEPS = (1, 2, 10, 1000)
MASTER_SIZES = (70, 1, 3)
SEQUENCE_SIZES = (17, 1, 3)
SEQUENCE_STEPS = 30
# The first is small: fused SGD whose very first step is skipped takes uninitialised memory for its momentum.
EXPONENTS = (-9, 0, -3, -6, -11)
# In fp16 gradients above 4 overflow at the first scale; in bf16 nothing does.
SCALER = {"init_scale": 16384.0, "growth_factor": 2.0, "backoff_factor": 0.5, "growth_interval": 4}
ODD_SCALER = {"init_scale": 10000.0, "growth_factor": 1.7, "backoff_factor": 0.3, "growth_interval": 3}
OVERFLOWS = ((7, 0, 16, -INF), (8, 2, 1, NAN), (16, 1, 0, INF), (27, 0, 0, INF))
RULES = {
    "sgd": ("SGD", {"lr": 0.01}),
    "sgd_momentum": ("SGD", {"lr": 0.01, "momentum": 0.9, "weight_decay": 0.01}),
    "rmsprop": ("RMSprop", {"lr": 0.003}),
    "rmsprop_momentum": ("RMSprop", {"lr": 0.003, "momentum": 0.9}),
    "adam": ("Adam", {"lr": 0.01}),
    "adamw": ("AdamW", {"lr": 0.01, "weight_decay": 0.1}),
    "adamw_amsgrad": ("AdamW", {"lr": 0.01, "weight_decay": 0.1, "amsgrad": True}),
}


class Case:
    def __init__(
        self,
        kind,
        name,
        optimizer,
        options,
        sizes,
        exponents=(0,),
        inject=(),
        scaler=None,
        average=None,
        **around,
    ):
        """inject: (step, tensor, element, value); scaler: arguments of GradScaler; average: the decay of an EMA, or
        "swa"; around: max_norm, clip_value."""
        self.kind, self.name, self.optimizer, self.options, self.sizes = kind, name, optimizer, options, sizes
        self.exponents, self.inject, self.scaler, self.average, self.around = exponents, inject, scaler, average, around


def singles():
    """Every set of options of generate.py that does not change on the way."""
    for optimizer, cases in generate.CASES.items():
        for case in cases:
            varies = len(case.groups) > 1 or case.changes or case.missing
            if not varies and case.steps == 7 and case.gradient == "wild":
                yield Case("single", f"{optimizer}/{case.name}", optimizer, case.groups[0], (SINGLE_SIZE,))


def sequence(name, rule, **rest):
    optimizer, options = RULES[rule]
    return Case("sequence", f"{name}/{rule}", optimizer, options, SEQUENCE_SIZES, EXPONENTS, **rest)


def sequences():
    """None is centered: PyTorch's variance of 16-bit averages soon is negative, and its root NaN."""
    scaled = {"scaler": SCALER, "inject": OVERFLOWS}
    for rule in ("sgd_momentum", "rmsprop", "adam"):
        yield sequence("plain", rule)
    for rule in ("sgd_momentum", "adamw"):
        yield sequence("scaler", rule, **scaled)
    yield sequence("scaler_odd", "adam", scaler=ODD_SCALER, inject=OVERFLOWS)
    for rule in ("sgd", "rmsprop_momentum", "adam"):
        yield sequence("max_norm", rule, max_norm=1.0)
    yield sequence("clip_value", "adamw", clip_value=0.25)
    yield sequence("ema_0.999", "adam", average=0.999)
    yield sequence("swa", "sgd_momentum", average="swa")
    for rule in ("sgd_momentum", "rmsprop", "adam", "adamw_amsgrad"):
        yield sequence("everything", rule, **scaled, max_norm=1.0, average=0.9)


def masters():
    for optimizer, names in {
        "SGD": ("plain", "momentum_weight_decay", "nesterov_weight_decay_maximize"),
        "RMSprop": ("defaults", "momentum_weight_decay", "centered_momentum_weight_decay_maximize"),
        "Adam": ("defaults", "weight_decay", "amsgrad_weight_decay_maximize"),
        "AdamW": ("defaults", "weight_decay", "amsgrad_weight_decay_maximize"),
    }.items():
        for case in generate.CASES[optimizer]:
            if case.name in names:
                yield Case("master", f"{optimizer}/{case.name}", optimizer, case.groups[0], MASTER_SIZES)
    for rule in ("sgd_momentum", "rmsprop", "adamw"):
        optimizer, options = RULES[rule]
        rest = {"scaler": SCALER, "inject": OVERFLOWS, "max_norm": 1.0}
        yield Case("master", f"everything/{rule}", optimizer, options, MASTER_SIZES, EXPONENTS, **rest)


def cases():
    yield from singles()
    yield from sequences()
    yield from masters()


# ---------------------------------------------------------------------------------------------------------------------
# Inputs of a single step: the twin is stateBefore of MixedCase.java
# ---------------------------------------------------------------------------------------------------------------------


class SingleInputs:
    """State before a step: drawn as gradients are, in steps that no case takes, so that an element's state is of the
    size of its gradients. Everything is rounded to 16 bits once, from an exact float64."""

    FIRST_MOMENT, SECOND_MOMENT, LARGEST_SECOND_MOMENT, MOMENTUM = 2001, 2002, 2003, 2004

    def __init__(self, inputs, options):
        self.inputs, self.centered = inputs, options.get("centered", False)

    def drawn(self, step):
        return self.inputs.wild(0, step, np.arange(SINGLE_SIZE))

    def state(self, name):
        if name == "momentum_buffer":
            return self.drawn(self.MOMENTUM)
        if name in ("exp_avg", "grad_avg"):
            return self.drawn(self.FIRST_MOMENT)
        if name == "max_exp_avg_sq":
            return self.drawn(self.LARGEST_SECOND_MOMENT) ** 2
        squares = self.drawn(self.SECOND_MOMENT) ** 2
        if self.centered:
            # A variance that rounding cannot make negative: then PyTorch computes NaN.
            squares = squares + 1.25 * self.drawn(self.FIRST_MOMENT) ** 2 + 2.0**-13
        return squares


def rounded(values, dtype):
    """Float64 values that are exact in float32, or whose rounding to it is part of the definition."""
    return torch.from_numpy(np.asarray(values, dtype=np.float64).astype(np.float32)).to(dtype)


# ---------------------------------------------------------------------------------------------------------------------
# Steps
# ---------------------------------------------------------------------------------------------------------------------


class Fused:
    """An optimizer with fused=True over parameters of any dtype."""

    def __init__(self, case, parameters):
        narrow = parameters[0].dtype != torch.float32
        self.piece = SCALAR_PIECE if narrow and case.optimizer == "SGD" else 1 << 20
        self.counts = [len(p.split(self.piece)) for p in parameters]
        self.pieces = torch.nn.ParameterList(piece.clone() for p in parameters for piece in p.split(self.piece))
        self.optimizer = getattr(torch.optim, case.optimizer)(self.pieces, fused=True, **case.options)

    def set_state(self, steps, states):
        """states: of each tensor arrays by name, as after that many steps."""
        for name in states[0]:
            for p, piece in zip(self.pieces, self.split(state[name] for state in states)):
                self.optimizer.state[p][name] = piece.clone()
        if not isinstance(self.optimizer, torch.optim.SGD):
            for p in self.pieces:
                self.optimizer.state[p]["step"] = torch.tensor(float(steps))

    def step(self, gradients, scaler, clip):
        """clip: what gradients are divided by besides the scale, a tensor."""
        for p, gradient in zip(self.pieces, self.split(gradients)):
            p.grad = gradient.clone()
        self.optimizer.grad_scale = clip
        if scaler:
            scaler.step(self.optimizer)
        else:
            self.optimizer.found_inf = torch.tensor(0.0)
            self.optimizer.step()
            del self.optimizer.grad_scale, self.optimizer.found_inf

    def split(self, tensors):
        return [piece for tensor in tensors for piece in tensor.split(self.piece)]

    def joined(self, pieces):
        pieces = iter(pieces)
        return [torch.cat([next(pieces) for _ in range(count)]) for count in self.counts]

    def values(self):
        return self.joined(p.detach() for p in self.pieces)

    def states(self):
        states = [self.optimizer.state[p] for p in self.pieces]
        names = [name for name, value in states[0].items() if name != "step" and value is not None]
        joined = {name: self.joined(state[name] for state in states) for name in names}
        return [{name: joined[name][t] for name in names} for t in range(len(self.counts))]


class Widened:
    """An optimizer over fp32 copies of 16-bit parameters; what it wrote is rounded after each step."""

    def __init__(self, case, parameters):
        self.dtype = parameters[0].dtype
        self.parameters = torch.nn.ParameterList(p.float() for p in parameters)
        loop = {"foreach": False} if case.optimizer == "RMSprop" else {"fused": True}
        self.optimizer = getattr(torch.optim, case.optimizer)(self.parameters, **loop, **case.options)

    def set_state(self, steps, states):
        for p, state in zip(self.parameters, states):
            self.optimizer.state[p] = {name: value.float() for name, value in state.items()}
            if not isinstance(self.optimizer, torch.optim.SGD):
                self.optimizer.state[p]["step"] = torch.tensor(float(steps))

    def step(self, gradients, scaler, clip):
        for p, gradient in zip(self.parameters, gradients):
            p.grad = gradient.float() / clip
        if scaler:
            scaler.step(self.optimizer)
        else:
            self.optimizer.step()
        with torch.no_grad():
            for p, state in zip(self.parameters, self.wide_states()):
                for tensor in (p, *state.values()):
                    tensor.copy_(tensor.to(self.dtype))

    def values(self):
        return [p.detach().to(self.dtype) for p in self.parameters]

    def wide_states(self):
        return [
            {k: v for k, v in self.optimizer.state[p].items() if k != "step" and v is not None}
            for p in self.parameters
        ]

    def states(self):
        return [{k: v.to(self.dtype) for k, v in state.items()} for state in self.wide_states()]


class Looped(Widened):
    """The for-loop over fp32 parameters, for RMSprop with master weights."""

    def __init__(self, case, parameters):
        super().__init__(case, parameters)
        assert self.dtype == torch.float32


def stepper(case, parameters):
    if case.optimizer != "RMSprop":
        return Fused(case, parameters)
    return Looped(case, parameters) if parameters[0].dtype == torch.float32 else Widened(case, parameters)


def bits(tensor):
    flat = tensor.detach().contiguous()
    if flat.dtype == torch.float32:
        return "".join(f"{x:08x}" for x in flat.view(torch.int32).numpy().view(np.uint32))
    return "".join(f"{x:04x}" for x in flat.view(torch.int16).numpy().view(np.uint16))


def ordered(tensor):
    """Consecutive integers for consecutive numbers; 0 for both zeros."""
    pattern = tensor.contiguous().view(torch.int16).to(torch.int64)
    return torch.where(pattern < 0, -(pattern + 32768), pattern)


class Run:
    """One case in one dtype."""

    def __init__(self, case, dtype_name):
        self.case, self.dtype = case, DTYPES[dtype_name]
        self.seed = zlib.crc32(f"{case.kind}/{case.name}".encode())
        self.inputs = Inputs(self.seed)

    def lines(self):
        case = self.case
        yield from (f"case {case.name}", f"kind {case.kind}", f"optimizer {case.optimizer}", f"seed {self.seed}")
        yield f"options{plain_options(case.options)}"
        yield " ".join(["sizes", *map(str, case.sizes)])
        yield " ".join(["exponents", *map(str, case.exponents)])
        yield from (f"inject {step} {t} {element} {number(value)}" for step, t, element, value in case.inject)
        if case.around:
            yield f"around{plain_options(case.around)}"
        if case.scaler:
            yield f"scaler{plain_options(case.scaler)}"
        if case.average is not None:
            yield "average swa" if case.average == "swa" else f"average ema decay={case.average!r}"
        yield from {"single": self.singles, "sequence": self.sequence, "master": self.master}[case.kind]()
        yield from ("end", "")

    def initial(self, dtype):
        return [rounded(self.inputs.initial(t, np.arange(size)), dtype) for t, size in enumerate(self.case.sizes)]

    def gradient(self, tensor, step, scale):
        """The gradient as backward() of a scaled loss leaves it: in 16 bits."""
        case = self.case
        drawn = self.inputs.wild(tensor, step, np.arange(case.sizes[tensor])).astype(np.float32)
        drawn = np.ldexp(drawn, case.exponents[(step - 1) % len(case.exponents)]) * np.float32(scale)
        for at, t, element, value in case.inject:
            if (at, t) == (step, tensor):
                drawn[element] = value
        return torch.from_numpy(drawn).to(self.dtype)

    # -- single steps

    def singles(self):
        for step in SINGLE_STEPS:
            if step <= 2 or self.case.optimizer != "SGD":  # SGD does not count
                ways = [stepper(self.case, self.initial(self.dtype)), Widened(self.case, self.initial(self.dtype))]
                for way in ways:
                    self.single(way, step)
                self.check_widened(*ways)
                yield from (f"after {step}", *recorded(ways[0]))

    def single(self, way, step):
        if step > 1:
            before = SingleInputs(self.inputs, self.case.options)
            state = {name: rounded(before.state(name), self.dtype) for name in self.state_names()}
            way.set_state(step - 1, [state])
        way.step([self.gradient(0, step, 1)], None, torch.tensor(1.0))

    def state_names(self):
        options = self.case.options
        momentum = ["momentum_buffer"] if options.get("momentum", 0) else []
        if self.case.optimizer == "SGD":
            return momentum
        if self.case.optimizer == "RMSprop":
            return ["square_avg", *momentum, *(["grad_avg"] if options.get("centered") else [])]
        return ["exp_avg", "exp_avg_sq", *(["max_exp_avg_sq"] if options.get("amsgrad") else [])]

    def check_widened(self, fused, widened):
        states = zip(fused.states(), widened.states())
        pairs = [*zip(fused.values(), widened.values()), *((a[name], b[name]) for a, b in states for name in a)]
        for a, b in pairs:
            worst = (ordered(a) - ordered(b)).abs().max()
            assert worst <= 1, (self.case.name, self.dtype, worst)

    # -- sequences

    def sequence(self):
        way = stepper(self.case, self.initial(self.dtype))
        scaler = self.scaler()
        trained = torch.nn.ParameterList(p.float() for p in self.initial(self.dtype))
        average = self.averaged_model(trained)
        for step in range(1, SEQUENCE_STEPS + 1):
            line, skipped = self.step(way, scaler, step)
            yield line
            if skipped:
                continue
            assert all(value.isfinite().all() for value in way.values()), (self.case.name, step)
            yield from (f"after {step}", *recorded(way))
            if average:
                with torch.no_grad():
                    for p, value in zip(trained, way.values()):
                        p.copy_(value)
                average.update_parameters(trained)
                yield f"averaged {int(average.n_averaged)}"
                yield from (f"average_of {t} {bits(p)}" for t, p in enumerate(average.parameters()))

    def scaler(self):
        if not self.case.scaler:
            return None
        scaler = torch.amp.GradScaler("cpu", **self.case.scaler)
        scaler.scale(torch.zeros(()))  # until then it has no scale
        return scaler

    def averaged_model(self, parameters):
        if self.case.average is None:
            return None
        if self.case.average == "swa":
            return swa_utils.AveragedModel(parameters, multi_avg_fn=swa_utils.get_swa_multi_avg_fn())
        return swa_utils.AveragedModel(parameters, multi_avg_fn=swa_utils.get_ema_multi_avg_fn(self.case.average))

    def step(self, way, scaler, step, widened=False):
        """Steps, and tells what became of it: a line, and whether it was skipped."""
        scale = scaler.get_scale() if scaler else 1.0
        gradients = [self.gradient(t, step, scale) for t in range(len(self.case.sizes))]
        unscaled = [g.float() / scale for g in gradients]
        norm = get_total_norm(unscaled, 2.0, foreach=False)
        self.check_norm(gradients, scale, norm)
        # As clip_grads_with_norm_ computes the coefficient.
        max_norm = self.case.around.get("max_norm", INF)
        clip = torch.clamp(max_norm / (norm + 1e-6), max=1.0).reciprocal()
        if "clip_value" in self.case.around:
            holder = torch.nn.ParameterList(g.clone() for g in gradients)
            for p in holder:
                p.grad = p.detach().clone()
            clip_grad_value_(holder, self.case.around["clip_value"], foreach=False)
            gradients = [p.grad for p in holder]
        if widened:
            gradients = [g.float() for g in gradients]
        skipped = bool(scaler) and not math.isfinite(norm)
        way.step(gradients, scaler, torch.tensor(1.0) if skipped else clip)
        line = f"step {step} norm={number(norm)} skipped={str(skipped).lower()}"
        if not scaler:
            return line, skipped
        scaler.update()
        assert skipped == (scaler.get_scale() < scale), (self.case.name, step)
        next_scale, tracker = number(scaler.get_scale()), scaler._get_growth_tracker()
        return f"{line} scale={number(scale)} next_scale={next_scale} tracker={tracker}", skipped

    def check_norm(self, gradients, scale, norm):
        """PyTorch rounds the norm of each 16-bit tensor and of all, and gradients when it unscales them."""
        if math.isfinite(norm):
            narrow = get_total_norm(gradients, 2.0, foreach=False).float() / scale
            precision = torch.finfo(self.dtype).eps
            assert narrow.isinf() or abs(narrow - norm) <= 2 * precision * norm, (self.case.name, norm, narrow)

    # -- master weights

    def master(self):
        way = stepper(self.case, self.initial(torch.float32))
        scaler = self.scaler()
        steps, at = (SEQUENCE_STEPS, (7, SEQUENCE_STEPS)) if scaler else (7, (1, 7))
        for step in range(1, steps + 1):
            line, _ = self.step(way, scaler, step, widened=True)
            if scaler:
                yield line
            if step in at:
                yield f"after {step}"
                yield from (f"param {t} {bits(value.to(self.dtype))}" for t, value in enumerate(way.values()))
                yield from (f"master {t} {bits(value)}" for t, value in enumerate(way.values()))
                yield from recorded_states(way)


def recorded(way):
    yield from (f"param {t} {bits(value)}" for t, value in enumerate(way.values()))
    yield from recorded_states(way)


def recorded_states(way):
    for t, state in enumerate(way.states()):
        yield from (f"state {t} {name} {bits(value)}" for name, value in state.items())


def main():
    generate.prepare()
    for dtype_name in DTYPES:
        lines = [line for case in cases() for line in Run(case, dtype_name).lines()]
        first = f"Steps of torch.optim's optimizers with {dtype_name} parameters."
        generate.write(f"mixed-{dtype_name}.txt", first, lines, "generate_mixed.py")


if __name__ == "__main__":
    main()
