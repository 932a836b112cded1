"""Trains the best setting on all training data, judges it once, and writes the result."""

from __future__ import annotations

import dataclasses

from tfmetric._files import replacing
from tfmetric.datasets.fingerprint import fingerprint
from tfmetric.tuning.search.judgement import Judgement, judge, train_all
from tfmetric.tuning.search.search_directory import MODEL, RESULT, RETRAINED, SEARCH
from tfmetric.tuning.search.search_pictures import write_pictures
from tfmetric.tuning.search.search_result import TuningResult, read, read_trials
from tfmetric.tuning.search.trial import best_of


def judge_best(
    files, train, test, *, default, objective, seed, build_embedder, say
) -> TuningResult:
    """Trains the best setting on all training data, and judges it on the test data.

    The files of an earlier call for the same trials and test data are read, and not made again.

    Args:
        files: The search's directory, with finished trials.
        train: All training data; None to stop after the trials.
        test: The test data, or None.
        default: Settings to compare with, or None.
        objective: Name of the retrieval figure.
        seed: Seed of weights, batches and draws.
        build_embedder: As in :func:`tfmetric.training.prepare`.
        say: Called with a line of text before each training.

    Returns:
        The result with the judgement of the best and the default setting.
    """
    trials = read_trials(files)
    best = best_of(trials)
    if train is None:
        result = read(files.directory)
        write_pictures(result)
        return result
    about = {
        "trials": len(trials),
        "best": best.number,
        "test": None if test is None else fingerprint(test),
    }
    known = files.read(RESULT)
    if known and known["about"] == about and (default is None or known["default"]):
        return read(files.directory)
    how = files.read(SEARCH)["validation"]

    def judged(settings, epochs, validation, whole):
        training, words = train_all(train, settings, epochs, seed, build_embedder)
        if training is None:
            return Judgement(settings, epochs, validation, reason=words), None
        judgement = judge(training, train, test, objective, epochs, validation, how, seed, whole)
        return dataclasses.replace(judgement, settings=settings, sign=words), training.embedder

    done = files.read(RETRAINED)
    if done and done["about"] == about and files.path(MODEL).is_file():
        final, embedder = Judgement.from_dict(done["final"]), None
    else:
        say(f"Training trial {best.number} on all training data")
        final, embedder = judged(best.settings, best.best_epoch, best.score, True)
        if embedder is not None:
            with replacing(files.path(MODEL)) as new:
                embedder.save(new)
        files.write(RETRAINED, {"about": about, "final": final.to_dict()})
    other = None
    if default is not None:
        same = [trial for trial in trials if trial.settings.resolved() == default.resolved()]
        if best in same:
            other = final
        else:
            say("Training the default setting, to compare with")
            tried = best_of(same, none=True)
            epochs = tried.best_epoch if tried else default.epochs
            other, _ = judged(default, epochs, tried and tried.score, False)
    before = read(files.directory)
    result = dataclasses.replace(before, final=final, default=other, model=embedder)
    write_pictures(result)
    files.write(RESULT, {**result.to_dict(), "about": about})
    return result
