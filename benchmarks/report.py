#!/usr/bin/env python3
"""Turns lines of JSON (standard input, or files) into Markdown. Standard library only.

  report.py [FILE ...] > results/NAME.md

What is not JSON is skipped, so that the output of whole programs can be given. Kinds of lines:

  what=machine  CPU, memory, OS, JDK, date; `command` where a script adds it
  what=step     ms: median over the samples of one run; ms_p25, ms_p75; bytes_per_parameter; allocated_bytes_per_step
  what=pair     ratio: median over the pairs of one run; ratio_p25, ratio_p75
  what=jmh      us, us_error (or ns, ns_error), bytes_per_op, gigabytesPerSecond, shareOfProbe

The same line from several runs (A B A B ...) becomes one row with the median. `it/ours` divides the times that a
library and Warpstep took in the same round, and is the median over the rounds, with the smallest and the largest in brackets:
above 1, Warpstep was faster.
"""
import collections
import json
import statistics
import sys

FIGURES = {
    "share_of_probe": "Bandwidth of the step / bandwidth of the probe (1 is the memory's limit)",
    "speedup_over_unfused": "Time of one pass per operation / time of the fused step",
    "slowdown_by_rows": "Time with these rows / time with normal rows (1 is no difference)",
}


def lines():
    for stream in [open(name) for name in sys.argv[1:]] or [sys.stdin]:
        for text in stream:
            if '{"what"' in text:
                yield json.loads(text[text.index('{"what"'):text.rindex("}") + 1])


def grouped(rows, *keys):
    groups = collections.OrderedDict()
    for row in rows:
        groups.setdefault(tuple(row.get(key, "") for key in keys), []).append(row)
    return groups


def median(rows, key):
    return statistics.median(row[key] for row in rows)


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}" if value < 100 else f"{value:.0f}"


def milliseconds(value):
    return f"{value * 1e3:.1f} µs" if value < 1 else f"{value:.1f} ms"


def ratios(values):
    text = f"{statistics.median(values):.2f}"
    return text if len(values) == 1 else f"{text} [{min(values):.2f}, {max(values):.2f}]"


def table(header, rows):
    print("| " + " | ".join(header) + " |\n|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def machine(rows):
    fields = collections.OrderedDict()
    for row in rows:
        for key, value in row.items():
            if key != "what":
                fields.setdefault(key, [])
                if value not in fields[key]:
                    fields[key].append(value)
    for key, values in fields.items():
        shown = values if len(values) < 3 else [values[0], "…", values[-1]]
        print(f"- {key}: " + (", ".join(f"`{v}`" for v in shown) if key == "command" else ", ".join(map(str, shown))))
    print()


def allocated(rows):
    if "allocated_bytes_per_step" not in rows[0]:
        return ""
    at_most = max(row["allocated_bytes_at_most"] for row in rows)
    steady = median(rows, "allocated_bytes_per_step")
    return f"{steady:.0f} B" + (f" (at most {at_most} B in {rows[0]['steps_per_sample']} steps)" if at_most else "")


def steps(rows):
    print("## Steps\n")
    for (rule, model, threads), group in grouped(rows, "rule", "model", "threads").items():
        print(f"### {rule}, {model} ({group[0]['parameters']:,} parameters), {threads} threads\n")
        ways = grouped(group, "library", "way", "rows")
        ours = next((of for (library, way, kind), of in ways.items()
                     if library == "warpstep" and way in ("native", "full step") and kind == "normal"), None)
        out = []
        for (library, way, kind), of in ways.items():
            moved = of[0]["bytes_per_parameter"] * of[0]["parameters"]
            against = ""
            if ours and library not in ("warpstep", "probe"):
                against = ratios([it["ms"] / our["ms"] for our, it in zip(ours, of)])
            out.append([f"{library} {of[0].get('version', '')}".strip(), way, kind, milliseconds(median(of, "ms")),
                        f"{milliseconds(median(of, 'ms_p25'))} to {milliseconds(median(of, 'ms_p75'))}",
                        f"{moved / 1e6:,.1f}", f"{moved / median(of, 'ms') / 1e6:.1f}", against, allocated(of),
                        str(len(of))])
        table(["library", "way", "rows", "step", "quartiles", "MB moved", "GB/s", "it/ours", "heap per step", "runs"],
              out)


def pairs(rows):
    print("## Pairs\n")
    for (figure,), group in grouped(rows, "figure").items():
        print(f"### {FIGURES.get(figure, figure)}\n")
        table(["rule", "model", "threads", "memory", "rows", "ratio", "quartiles", "pairs", "runs"],
              [[rule, model, str(threads), way, kind, ratios([row["ratio"] for row in of]),
                f"{median(of, 'ratio_p25'):.2f} to {median(of, 'ratio_p75'):.2f}", str(of[0]["pairs"]), str(len(of))]
               for (rule, model, threads, way, kind), of in
               grouped(group, "rule", "model", "threads", "way", "rows").items()])


def jmh(rows):
    print("## JMH\n")
    for (benchmark,), group in grouped(rows, "benchmark").items():
        print(f"### {benchmark}\n")
        parameters = [key for key in ("rule", "model", "memory", "rows", "threads", "launcher", "current", "tensors", "way")
                      if key in group[0]]
        unit = "ns" if "ns" in group[0] else "us"
        table(parameters + [unit.replace("u", "µ"), "± 99.9 %", "MB moved", "GB/s", "share of probe", "B per step"],
              [[str(row[key]) for key in parameters] + [number(row[unit]), number(row[unit + "_error"])]
               + [f"{row[key]:.{digits}f}" if key in row else "" for key, digits in
                  (("megabytes", 1), ("gigabytesPerSecond", 1), ("shareOfProbe", 2), ("bytes_per_op", 3))]
               for row in group])


def main():
    kinds = grouped(lines(), "what")
    for kind, show in (("machine", machine), ("pair", pairs), ("step", steps), ("jmh", jmh)):
        if (kind,) in kinds:
            show(kinds[(kind,)])


if __name__ == "__main__":
    main()
