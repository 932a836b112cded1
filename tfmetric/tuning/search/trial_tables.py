"""The trials of a search as tables: on screen, and in trials.csv and best.json."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping

from tfmetric._files import replacing
from tfmetric.callbacks.collapse import ADVICE
from tfmetric.tuning.search.judgement import DRAWS
from tfmetric.tuning.search.ranges import label
from tfmetric.tuning.search.search_directory import BEST, TABLE, SearchDirectory
from tfmetric.tuning.search.trial import Trial, best_of, rank
from tfmetric.visualization._style import number_text

# A longer remark would break the table.
_REMARK = 80


def write_tables(files: SearchDirectory, trials, objective: str) -> Trial | None:
    """Writes trials.csv and best.json, and returns the best complete trial or None."""
    names = list(dict.fromkeys(name for trial in trials for name in trial.values))
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["trial", *names, objective, "status", "best_epoch", "seconds", "runs", "remark"]
    )
    for trial in trials:
        values = [label(trial.values[name]) if name in trial.values else "" for name in names]
        runs = " ".join(f"{run.best:.6g}" for run in trial.runs)
        writer.writerow(
            [
                trial.number,
                *values,
                trial.score,
                trial.status,
                trial.best_epoch,
                f"{trial.seconds:.2f}",
                runs,
                remark_on(trial),
            ]
        )
    with replacing(files.path(TABLE)) as new:
        new.write_text(text.getvalue(), encoding="utf-8")
    best = best_of(trials, none=True)
    if best is not None:
        files.write(
            BEST,
            {
                "trial": best.number,
                "objective": objective,
                "score": best.score,
                "values": dict(best.values),
                "settings": best.settings.to_dict(),
            },
        )
    return best


def score_of(trial: Trial) -> str:
    """Returns the score as text, with ~ before the estimate of a stopped trial."""
    return f"{'~' if trial.status == 'pruned' else ''}{trial.score:.4f}"


def remark_on(trial: Trial) -> str:
    """Returns why a trial was stopped, is worthless or looks collapsed; "" for all others."""
    if trial.status != "completed":
        return f"{trial.status}: {trial.reason}"
    return f"looks collapsed: {trial.sign}" if trial.sign else ""


def shown(values: Mapping) -> str:
    """Returns searched values as a line of text."""
    return ", ".join(f"{name} {_shown(value)}" for name, value in values.items())


def _shown(value):
    if isinstance(value, float):
        return number_text(value)
    return "×".join(map(_shown, value)) if isinstance(value, (tuple, list)) else label(value)


def table_lines(result) -> list[str]:
    """Returns the trials of a result as lines of a table, the best first."""
    names = result.searched
    rows = [["trial", *names, result.objective, "", "epoch", "time"]]
    for trial in sorted(result.trials, key=rank):
        values = [_shown(trial.values[name]) if name in trial.values else "-" for name in names]
        bests = [run.best for run in trial.runs]
        spread = f"{min(bests):.4f} to {max(bests):.4f}" if len(bests) > 1 else ""
        rows.append(
            [
                str(trial.number),
                *values,
                score_of(trial),
                spread,
                str(trial.best_epoch),
                f"{trial.seconds:.0f} s",
            ]
        )
        if remark := remark_on(trial):
            rows[-1].append(remark if len(remark) <= _REMARK else remark.partition(":")[0])
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(
            [
                *(cell.rjust(width) for cell, width in zip(row, widths, strict=False)),
                *row[len(widths) :],
            ]
        ).rstrip()
        for row in rows
    ]


def end_lines(result) -> list[str]:
    """Returns lines on how trials were judged, on the best trial, and on its test figures."""
    lines = [f"{len(result.trials)} trials, judged on {_validated_on(result.validation)}."]
    if best_of(result.trials, none=True) is None:
        return [*lines, "No trial went to its end."]
    lines.append(f"Best: trial {result.best.number}, {shown(result.best.values)}.")
    if result.best.sign:
        lines.append(f"The best trial looks collapsed: {result.best.sign}. {ADVICE}")
    lines += [
        f"{name} is at the {end} end of its range: there may be a better value beyond."
        for name, end in result.at_the_ends.items()
    ]
    if result.final is None:
        return [*lines, "Not yet trained on all training data."]
    lines += ["", *_judgement_lines(result)]
    lines += [
        f"The {name} setting, trained on all training data, looks collapsed: {j.sign}. {ADVICE}"
        for name, j in judged_columns(result)
        if j.sign
    ]
    if result.optimism is not None:
        judged = (
            "on the test data"
            if result.validation.get("by") == "examples"
            else "on as many classes that it never saw"
        )
        lines.append(
            f"Optimism: the search made {result.objective} look {abs(result.optimism):.4f} "
            f"{'higher' if result.optimism >= 0 else 'lower'} than it is {judged}."
        )
    return lines


def _validated_on(how):
    """Returns in words which part of the training data trials were judged on."""
    by = how.get("by", "classes")  # Searches of former versions were all by classes.
    part = f"{how['folds']} folds" if how["folds"] > 1 else "one part"
    size = f"{how['classes']} classes"
    if by == "examples":
        size = f"{how['examples']} new examples of {size}"
    elif "groups" in how:
        groups = f"{how['groups']} group{'s' if how['groups'] != 1 else ''}"
        size = f"{groups}, {size}"
    repeats = f", {how['repeats']} trainings each" if how["repeats"] > 1 else ""
    return f"{part} of the training {by} ({size}){repeats}"


def judgement_rows(result) -> list[tuple[str, list[float | None]]]:
    """Returns the figures of the best and the default setting, row by row.

    Args:
        result: The :class:`TuningResult`, judged on the test data.

    Returns:
        The name of each row and its values, in the order of :func:`judged_columns`.
    """
    judged = judged_columns(result)
    rows = [("validation", [j.validation for _, j in judged])]
    classes = result.final.classes
    if classes:
        if classes[1] < classes[0]:
            rows.append(
                (
                    f"test, {classes[1]} of its classes ({DRAWS} draws)",
                    [j.same_size for _, j in judged],
                )
            )
        figures = [j.figures.get(result.objective) for _, j in judged]
        rows.append((f"test, all {classes[0]} classes", figures))
    return rows


def judged_columns(result) -> list:
    """("best", its :class:`Judgement`) and, where it was judged, ("default", its own)."""
    columns = [("best", result.final), ("default", result.default)]
    return [(name, judgement) for name, judgement in columns if judgement is not None]


def _judgement_lines(result):
    columns = judged_columns(result)
    rows = [(result.objective, [name for name, _ in columns])]
    rows += [(name, list(map(_number, values))) for name, values in judgement_rows(result)]
    rows.append(("trained for", [f"{j.epochs} epochs" for _, j in columns]))
    width = max(len(name) for name, _ in rows)
    lines = [
        f"{name.ljust(width)}  {'  '.join(v.rjust(10) for v in values)}" for name, values in rows
    ]
    for name, value in result.final.baselines.items():
        lines.append(f"{f'test, {name}'.ljust(width)}  {value:10.4f}")
    return lines + [f"{name}: {j.reason}" for name, j in columns if j.reason]


def _number(value):
    return "-" if value is None else f"{value:.4f}"
