"""The half of ExchangeTest.java that is PyTorch's: optimizer state goes from one to the other and back.

Needs Python 3 with `torch==2.13.0` (the CPU build) and numpy. The test runs it, when told which Python has them:

    WARPSTEP_TEST_PYTHON=/path/to/python mvn test -Dtest=ExchangeTest

    exchange.py prepare DIR     trains every case of DIR/cases.txt 5 steps, saves, and goes on for 10
    exchange.py compare DIR     loads what Warpstep saved after its 5 steps and goes on for 10; compares with what
                                Warpstep did in these 10, and from PyTorch's state in its own 10

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
# Two computations of one trajectory, some ten roundings a step; see GoldenTest.Tolerance. For each dtype: what a value
# may be off by, as (absolute, relative) pairs of which the smaller one holds.
TOLERANCES = {torch.float32: ((1e-6, 1e-5), (1e-5, 1e-6))}
INPUTS = generate.Inputs(SEED)


class Case:
    def __init__(self, line):
        self.name, optimizer, dtype, *settings = line.split()
        self.dtype = DTYPES[dtype]
        options = {key: float(value) for key, value in (setting.split("=") for setting in settings)}
        options.update({key: bool(options[key]) for key in SWITCHES if key in options})
        if "beta1" in options:
            options["betas"] = (options.pop("beta1"), options.pop("beta2"))
        self.options, self.cls = options, getattr(torch.optim, optimizer)

    def build(self, values):
        named = [(f"p{t}", torch.nn.Parameter(value)) for t, value in enumerate(values)]
        second = {"params": named[SECOND_GROUP:], "lr": self.options["lr"] / 2}
        return self.cls([{"params": named[:SECOND_GROUP]}, second], **self.options)

    def initial(self):
        return [
            torch.tensor(INPUTS.initial(t, np.arange(int(np.prod(s)))), dtype=self.dtype).reshape(s)
            for t, s in enumerate(SHAPES)
        ]

    def train(self, optimizer, first, steps):
        for step in range(first, first + steps):
            for t, parameter in enumerate(parameters(optimizer)):
                drawn = INPUTS.wild(t, step, np.arange(parameter.numel()))
                parameter.grad = torch.tensor(drawn).to(torch.float32).to(self.dtype).reshape(parameter.shape)
                if t == LATE and step <= BEFORE:
                    parameter.grad = None
            optimizer.step()

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


def cases(folder):
    return [Case(line) for line in (folder / "cases.txt").read_text().splitlines()]


def prepare(folder):
    for case in cases(folder):
        optimizer = case.build(case.initial())
        case.train(optimizer, 1, BEFORE)
        case.save(folder, "theirs", BEFORE, optimizer)
        case.train(optimizer, BEFORE + 1, AFTER)
        case.save(folder, "theirs", BEFORE + AFTER, optimizer)


def difference(case, one, other):
    """The largest difference of two optimizers' parameters and state, as a share of what is allowed."""
    worst = 0.0
    for p, q in zip(parameters(one), parameters(other), strict=True):
        state, expected = one.state.get(p, {}), other.state.get(q, {})
        if state.keys() != expected.keys():
            raise AssertionError(f"{case.name}: state {list(state)} is not {list(expected)}")
        for key, a, b in (("param", p, q), *((k, state[k], expected[k]) for k in state)):
            if a is None and b is None:
                continue
            if a.shape != b.shape or a.dtype != b.dtype:
                raise AssertionError(f"{case.name}: {key} is {a.dtype} {a.shape}, not {b.dtype} {b.shape}")
            a, b = a.detach().double(), b.detach().double()
            allowed = torch.stack([fixed + share * b.abs() for fixed, share in TOLERANCES[case.dtype]]).amin(0)
            share = ((a - b).abs() / allowed).max().item() if a.numel() else 0.0
            worst = max(worst, share if share == share else float("inf"))
    return worst


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
        case.train(ours, BEFORE + 1, AFTER)
        there = difference(case, ours, case.load(folder, "ours", BEFORE + AFTER))
        theirs = case.load(folder, "theirs", BEFORE + AFTER)
        back = difference(case, case.load(folder, "returned", BEFORE + AFTER), theirs)
        worst = max(there, back)
        failed += not worst <= 1
        print(f"{'ok    ' if worst <= 1 else 'FAILED'} {there:8.4f} {back:8.4f} of what is allowed: {case.name}")
    print(f"{len(cases(folder))} cases, {failed} failed")
    return failed


if __name__ == "__main__":
    torch.set_num_threads(1)
    command, directory = sys.argv[1], Path(sys.argv[2])
    sys.exit(bool({"prepare": prepare, "compare": compare}[command](directory)))
