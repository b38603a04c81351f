"""The half of ExchangeTest.java that is PyTorch's: optimizer state goes from one to the other and back.

Needs Python 3 with `torch==2.13.0` (the CPU build) and numpy. The test runs it, when told which Python has them:

    WARPSTEP_TEST_PYTHON=/path/to/python mvn test -Dtest=ExchangeTest

    exchange.py prepare DIR     trains every case of DIR/cases.txt 5 steps, saves, and goes on for 10
    exchange.py compare DIR     loads what Warpstep saved after its 5 steps and goes on for 10; compares with what
                                Warpstep did in these 10, and from PyTorch's state in its own 10
    exchange.py masters DIR     goes on for 10 from what Warpstep saved with master weights, and saves

A line of cases.txt is NAME OPTIMIZER DTYPE KEY=VALUE ...; parameters are raw numbers in NAME.SIDE.STEP.bin, state
is in NAME.SIDE.STEP.pt. Inputs are those of the golden numbers. The exit status tells whether all agree.
"""

import sys
import zipfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "golden"))
import generate  # noqa: E402  first: it sets what torch reads when it is imported
import numpy as np  # noqa: E402
import torch  # noqa: E402
from torch.utils.serialization import config  # noqa: E402

SHAPES = ((3, 5), (17,), (0, 4), (65,), (2, 2))
SECOND_GROUP = 3  # its tensors from here on, at half the rate
LATE = 1  # has no gradient before the exchange
BEFORE, AFTER = 5, 10
SEED = 7
SWITCHES = ("amsgrad", "maximize", "nesterov", "centered")
DTYPES = {"FLOAT32": torch.float32, "FLOAT16": torch.float16, "BFLOAT16": torch.bfloat16, "FLOAT64": torch.float64}
INPUTS = generate.Inputs(SEED)

# How far two computations of one trajectory may be apart, for every type alike: in roundings of the type, each of them
# half an ulp of the largest magnitude that the element had in these steps on PyTorch's side. That magnitude is at least
# half of any update, and averages and momentum carry an error on without enlarging it.
#
#   16   A step rounds a value at most 3 times on one side and not on the other (decay, gradient's share, sum), which
#        are 30 independent roundings: uniform ones have a standard deviation of sqrt(30 / 3), and this is 5 of them.
#    5   beta, 1 - beta and 1 - lr·weight_decay as fp32 numbers are off by up to half a rounding, in each step alike.
ROUNDINGS = 16 + 5
# Both compute bias corrections in fp64, and PyTorch rounds beta2**step before it subtracts it from 1: step t is off by
# 2^-53 / (1 - beta2^t), whose sum over 10 steps is about 2^-53 / (1 - beta2) · (1 + 1/2 + ... + 1/10) at most. The root
# halves it, an update is up to two magnitudes. Only fp64 sees it, where it is more than all other roundings.
CORRECTIONS = 3 * 2.0**-53


def initial(tensor, indices):
    """A quarter of the elements is 2^9 times smaller than another: there 16 bits show what a step does."""
    return np.ldexp(INPUTS.initial(tensor, indices), -3 * (indices % 4))


def gradient(dtype, tensor, step, indices):
    """For fp16 at least 1/4. Below, 0.001 g^2 is no normal number of fp16 and loses its bits, in the end all of them:
    which side is how far off then, says nothing of the exchange, and RMSprop's for-loop divides zero by zero."""
    drawn = INPUTS.wild(tensor, step, indices)
    if dtype != torch.float16:
        return drawn
    mantissa, exponent = np.frexp(drawn)
    return np.where(drawn == 0, 0.25, np.ldexp(mantissa, np.maximum(exponent, -1)))


class Case:
    def __init__(self, line):
        self.name, optimizer, dtype, *settings = line.split()
        self.dtype = DTYPES[dtype]
        options = {key: float(value) for key, value in (setting.split("=") for setting in settings)}
        options.update({key: bool(options[key]) for key in SWITCHES if key in options})
        if "beta1" in options:
            options["betas"] = (options.pop("beta1"), options.pop("beta2"))
        self.options, self.cls = options, getattr(torch.optim, optimizer)
        adam = optimizer.startswith("Adam")
        # Rounds once, as Warpstep does. RMSprop has no fused form, and SGD's is wrong: see generate_mixed.py.
        self.fused = adam and self.dtype.itemsize == 2
        self.corrections = CORRECTIONS / (1 - options.get("betas", (0.9, 0.999))[1]) if adam else 0.0

    def build(self, values):
        named = [(f"p{t}", torch.nn.Parameter(value)) for t, value in enumerate(values)]
        second = {"params": named[SECOND_GROUP:], "lr": self.options["lr"] / 2}
        return self.cls([{"params": named[:SECOND_GROUP]}, second], **self.options)

    def initial(self):
        return [
            torch.tensor(initial(t, np.arange(torch.Size(s).numel()))).to(self.dtype).reshape(s)
            for t, s in enumerate(SHAPES)
        ]

    def train(self, optimizer, first, steps):
        """Steps, and tells the largest magnitude of each element of each tensor on the way."""
        for group in optimizer.param_groups:
            group["fused"] = self.fused or None  # a load takes it from the file
        largest = {}
        note(largest, optimizer)
        for step in range(first, first + steps):
            for t, parameter in enumerate(parameters(optimizer)):
                drawn = torch.tensor(gradient(self.dtype, t, step, np.arange(parameter.numel())))
                parameter.grad = drawn.to(self.dtype).reshape(parameter.shape)
                if t == LATE and step <= BEFORE:
                    parameter.grad = None
            optimizer.step()
            note(largest, optimizer)
        return largest

    def save(self, folder, side, step, optimizer):
        raw = [p.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes() for p in parameters(optimizer)]
        (folder / f"{self.name}.{side}.{step}.bin").write_bytes(b"".join(raw))
        torch.save(optimizer.state_dict(), folder / f"{self.name}.{side}.{step}.pt")

    def values(self, folder, side, step):
        raw = (folder / f"{self.name}.{side}.{step}.bin").read_bytes()
        flat = torch.frombuffer(bytearray(raw), dtype=torch.uint8).view(self.dtype)
        sizes = [torch.Size(shape).numel() for shape in SHAPES]
        return [part.clone().reshape(shape) for part, shape in zip(flat.split(sizes), SHAPES, strict=True)]

    def load(self, folder, side, step):
        optimizer = self.build(self.values(folder, side, step))
        optimizer.load_state_dict(torch.load(folder / f"{self.name}.{side}.{step}.pt", weights_only=True))
        return optimizer


def parameters(optimizer):
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def tensors(optimizer):
    """Parameters and their state, by (number, name)."""
    for t, p in enumerate(parameters(optimizer)):
        yield (t, "param"), p.detach()
        yield from (((t, name), value) for name, value in optimizer.state.get(p, {}).items() if value is not None)


def note(largest, optimizer):
    for key, value in tensors(optimizer):
        largest[key] = torch.maximum(largest.get(key, value.abs()), value.abs())


def cases(folder):
    return [Case(line) for line in (folder / "cases.txt").read_text().splitlines()]


def prepare(folder):
    for case in cases(folder):
        optimizer = case.build(case.initial())
        case.train(optimizer, 1, BEFORE)
        case.save(folder, "theirs", BEFORE, optimizer)
        largest = case.train(optimizer, BEFORE + 1, AFTER)
        case.save(folder, "theirs", BEFORE + AFTER, optimizer)
        torch.save(largest, folder / f"{case.name}.largest.pt")


def difference(case, one, other, largest):
    """The largest difference of two optimizers' parameters and state, as a share of what is allowed, and where."""
    one, other = dict(tensors(one)), dict(tensors(other))
    if list(one) != list(other):
        raise AssertionError(f"{case.name}: has {list(one)}, not {list(other)}")
    worst, where = 0.0, "nowhere"
    for key, a in one.items():
        b = other[key]
        if a.shape != b.shape or a.dtype != b.dtype:
            raise AssertionError(f"{case.name}: {key} is {a.dtype} {a.shape}, not {b.dtype} {b.shape}")
        relative = ROUNDINGS * torch.finfo(a.dtype).eps / 2
        if key[1] == "param":
            relative += case.corrections
        off = (a.double() - b.double()).abs()
        share = torch.where(off == 0, 0.0, off / (relative * largest[key].double())).nan_to_num(nan=np.inf)
        if (share > worst).any():
            worst, where = share.max().item(), f"{key[1]} {key[0]}[{share.argmax()}]"
    return worst, where


def check_file(case, folder):
    """What PyTorch says of a file of Warpstep's beyond its values: container, settings, order of keys, names."""
    path = folder / f"{case.name}.ours.{BEFORE}.pt"
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
    plain = torch.load(path, weights_only=True)
    config.load.calculate_storage_offsets = True
    for other in (torch.load(path, weights_only=True, mmap=True), torch.load(path, weights_only=False)):
        assert repr(other) == repr(plain), path
    config.load.calculate_storage_offsets = False
    theirs = case.build(case.initial()).state_dict()["param_groups"]
    for group, expected in zip(plain["param_groups"], theirs, strict=True):
        assert group == expected, (group, expected)
    keys = torch.load(folder / f"{case.name}.theirs.{BEFORE}.pt", weights_only=True)["state"]
    assert {p: list(v) for p, v in plain["state"].items()} == {p: list(v) for p, v in keys.items()}


def compare(folder):
    failed = 0
    for case in cases(folder):
        check_file(case, folder)
        ours = case.load(folder, "ours", BEFORE)
        largest = case.train(ours, BEFORE + 1, AFTER)
        there = difference(case, ours, case.load(folder, "ours", BEFORE + AFTER), largest)
        theirs = case.load(folder, "theirs", BEFORE + AFTER)
        largest = torch.load(folder / f"{case.name}.largest.pt", weights_only=True)
        back = difference(case, case.load(folder, "returned", BEFORE + AFTER), theirs, largest)
        worst, where = max(there, back)
        failed += not worst <= 1
        shares = f"{there[0]:8.4f} {back[0]:8.4f} of what is allowed"
        print(f"{'ok    ' if worst <= 1 else 'FAILED'} {shares}, most in {where}: {case.name}")
    print(f"{len(cases(folder))} cases, {failed} failed")
    return failed


def masters(folder):
    """They are beside the state, fp32, and no part of what PyTorch loads, uses and saves."""
    (case,) = cases(folder)
    saved = torch.load(folder / f"{case.name}.ours.{BEFORE}.pt", weights_only=True)
    optimizer = case.load(folder, "ours", BEFORE)
    assert saved["master_params"].keys() == saved["state"].keys() == {*range(len(SHAPES))} - {LATE}
    for number, master in saved["master_params"].items():
        assert master.dtype == torch.float32
        assert torch.equal(master.to(case.dtype), parameters(optimizer)[number])
    case.train(optimizer, BEFORE + 1, AFTER)
    assert optimizer.state_dict().keys() == {"state", "param_groups"}
    assert all("master_param" not in state for state in optimizer.state.values())
    case.save(folder, "theirs", BEFORE + AFTER, optimizer)


if __name__ == "__main__":
    torch.set_num_threads(1)
    command, directory = sys.argv[1], Path(sys.argv[2])
    sys.exit(bool({"prepare": prepare, "compare": compare, "masters": masters}[command](directory)))
