"""The installed command itself: piped, in a terminal, interrupted; and what all commands share."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

import tfmetric as tm
from tfmetric.cli import _Commands, cli

ROOT = Path(__file__).parents[2]
SCRIPT = Path(sys.executable).with_name("tfmetric")
COMMAND = [str(SCRIPT)] if SCRIPT.is_file() else [sys.executable, "-m", "tfmetric"]
POSIX = pytest.mark.skipif(os.name != "posix", reason="pipes and terminals of POSIX")


def environment(*before):
    """With the project, and what is to come before all else, where Python looks for modules."""
    paths = [*map(str, before), str(ROOT), os.environ.get("PYTHONPATH", "")]
    found = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    # Some package sets it in this process; a user's shell does not.
    found.pop("TF_CPP_MIN_LOG_LEVEL", None)
    return found


def run(*arguments, command=COMMAND, before=(), **options):
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.run(
        [*command, *map(str, arguments)],
        text=True,
        timeout=300,
        env=environment(*before),
        **options,
    )


@pytest.fixture(scope="module")
def no_keras(tmp_path_factory):
    """A directory that makes importing Keras, TensorFlow or NumPy an error."""
    directory = tmp_path_factory.mktemp("blocked")
    for name in ("keras", "tensorflow", "numpy"):
        (directory / f"{name}.py").write_text("raise ImportError('blocked')")
    return directory


EVERY_COMMAND = """
import json, sys
for name in ("keras", "tensorflow", "numpy", "matplotlib"):
    sys.modules[name] = None
sys.argv = ["tfmetric"]
import click
from click.testing import CliRunner
from tfmetric.cli import cli

def walk(command, path):
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from walk(inner, (*path, name))

said = {}
for path in walk(cli, ()):
    helped, wrong = (CliRunner().invoke(cli, [*path, option]) for option in ("--help", "--no-such"))
    said[" ".join(path)] = [helped.exit_code, helped.output, wrong.exit_code, wrong.output]
for words in ("losses list", "losses show arcface", "losses show arcfac", "completion bash"):
    done = CliRunner().invoke(cli, words.split())
    said[words + "!"] = [done.exit_code, done.output]
print(json.dumps(said))
"""


def test_help_and_usage_errors_of_every_command_start_nothing_heavy():
    done = run(command=[sys.executable, "-c", EVERY_COMMAND])
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    for name in ("", "quickstart", "train", "evaluate", "losses show", "datasets sheet", "doctor"):
        assert name in said
    for name, answer in said.items():
        if name.endswith("!"):
            assert answer[0] == (2 if "arcfac!" in name else 0), (name, answer)
            continue
        code, text, wrong_code, wrong = answer
        assert (code, wrong_code) == (0, 2), (name, text, wrong)
        assert text.startswith(f"Usage: cli {name}".strip())
        assert "No such option" in wrong
        assert max(map(len, text.splitlines())) <= 80, name
    for code in (0, 1, 2, 3, 130, 141):
        assert re.search(rf"^    {code} +\w", said[""][1], re.MULTILINE)


@pytest.mark.parametrize(
    "options", [["-m", "tfmetric"], ["-X", "dev", "-W", "error", "-m", "tfmetric"], ["-Bmtfmetric"]]
)
def test_python_itself_may_have_options_too(options, no_keras):
    done = run("--version", command=[sys.executable, *options], before=[no_keras])
    assert done.stdout == f"tfmetric, version {tm.__version__}\n", done.stderr


@pytest.mark.parametrize("options", [["-c", "import tfmetric"], ["-m", "other", "-m", "tfmetric"]])
def test_any_other_program_has_all_of_tfmetric_at_once(options, no_keras):
    (no_keras / "other").mkdir(exist_ok=True)
    (no_keras / "other/__init__.py").write_text("import tfmetric")
    done = run(command=[sys.executable, *options], before=[no_keras])
    assert done.returncode == 1
    assert done.stderr.endswith("ImportError: blocked\n")


def test_json_is_all_there_is_on_stdout():
    """Also: all that is needed works on this machine."""
    done = run("doctor", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert done.stderr == ""
    assert found["ok"] is True
    checks = {check["name"]: check for check in found["checks"]}
    tried = ("backend", "devices", "import", "training", "XLA", "mixed precision")
    assert {name: checks[name]["status"] for name in tried} == dict.fromkeys(tried, "ok")
    assert "CPU" in checks["devices"]["text"]
    assert found["versions"]["keras"] in checks["backend"]["text"]


@pytest.mark.slow
def test_json_of_commands_that_start_keras_is_all_there_is_on_stdout(tmp_path):
    tm.models.embedder((8, 8, 1), embedding_dim=8).save(tmp_path / "model.keras")
    for arguments in (
        ("evaluate", tmp_path, "--dataset", "digits", "--verification"),
        ("datasets", "inspect", "digits"),
        ("export", tmp_path, tmp_path / "m.tflite", "--dataset", "digits"),
        ("export", tmp_path, tmp_path / "saved"),
    ):
        done = run(*arguments, "--json")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        assert "Traceback" not in done.stderr


@POSIX
@pytest.mark.parametrize("arguments", ["--help", "losses list", "losses list --json"])
def test_nobody_reads(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = run(*arguments.split(), stdout=writer)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == ""


@POSIX
def test_nobody_reads_what_is_wrong():
    reader, writer = os.pipe()
    os.close(reader)
    assert run("nope", stdout=writer, stderr=writer).returncode == 141
    os.close(writer)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_a_full_disk_is_one_line():
    with open("/dev/full", "w") as full:
        done = run("losses", "list", stdout=full)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: ")
    assert done.stderr.count("\n") == 1


# Makes what is stdin the terminal that Ctrl-C is sent from, then becomes the command.
OWN_TERMINAL = """
import fcntl, os, signal, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGINT, signal.SIG_DFL)  # A shell has its background jobs ignore it.
os.execv(sys.argv[1], sys.argv[1:])
"""


@POSIX
def test_in_a_terminal_lines_end_where_it_does_and_ctrl_c_is_one_line():
    import pty

    def in_terminal(*arguments, until=None):
        """What is shown and the exit code; Ctrl-C is pressed once ``until`` is shown."""
        ours, theirs = pty.openpty()
        process = subprocess.Popen(
            [sys.executable, "-c", OWN_TERMINAL, *COMMAND, *arguments],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env=environment() | {"COLUMNS": "80"},
            start_new_session=True,
        )
        os.close(theirs)
        shown = b""
        try:
            while True:
                try:
                    part = os.read(ours, 4096)
                except OSError:  # Linux: the other side has been closed.
                    break
                if not part:
                    break
                shown += part
                if until and until in shown:
                    os.write(ours, b"\x03")
                    until = None
            return process.wait(60), shown.decode().replace("\r\n", "\n")
        finally:
            process.kill()
            process.wait(60)
            os.close(ours)

    code, shown = in_terminal("losses", "list")
    assert code == 0
    assert "TripletLoss" in shown
    assert max(map(len, shown.splitlines())) <= 80
    code, shown = in_terminal("doctor", until=b"separate process")
    assert code == 130, shown
    assert shown.splitlines()[-1] == "Interrupted"
    assert len([line for line in shown.splitlines() if line.strip("^C ")]) == 2


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "Interrupted\n"),
        (KeyboardInterrupt("resume with: x"), 130, "Interrupted: resume with: x\n"),
        (click.Abort(), 130, "Interrupted\n"),
        (ValueError("Expected a. Received: b\nmore"), 1, "Error: Expected a. Received: b\n"),
        (OSError(28, "No space left on device"), 1, "Error: [Errno 28] No space left on device\n"),
        (RuntimeError(), 1, "Error: RuntimeError\n"),
        (RuntimeError("Graph\n\t[[{{node}}]] 'Expected a. Received: b'"), 1, "Expected a. Rec"),
        (click.UsageError("wrong"), 2, "Error: wrong\n"),
        (BrokenPipeError(32, "of a socket"), 1, "Error: [Errno 32] of a socket\n"),
    ],
)
def test_every_end_has_its_code_and_its_line(error, code, said):
    @click.group(cls=_Commands)
    @click.option("--debug", is_flag=True)
    def commands(debug):
        pass

    @commands.command()
    def fail():
        raise error

    done = CliRunner().invoke(commands, ["fail"])
    assert done.exit_code == code
    assert said in done.stderr
    assert done.stdout == ""
    if code == 1 and not isinstance(error, BrokenPipeError):  # click itself ends at that one.
        assert CliRunner().invoke(commands, ["--debug", "fail"]).exception is error


def test_completion_is_for_the_installed_name_and_knows_losses_and_sources(monkeypatch, tmp_path):
    for shell, text in (
        ("bash", "complete -o nosort -F _tfmetric_completion tfmetric"),
        ("zsh", "#compdef tfmetric"),
        ("fish", "complete --no-files --command tfmetric"),
    ):
        done = CliRunner().invoke(cli, ["completion", shell])
        assert done.exit_code == 0, done.output
        assert text in done.stdout
        assert "_TFMETRIC_COMPLETE" in done.stdout
    monkeypatch.setenv("SHELL", "/usr/bin/fish")
    assert "--command tfmetric" in CliRunner().invoke(cli, ["completion"]).stdout
    monkeypatch.setenv("SHELL", "/bin/csh")
    assert CliRunner().invoke(cli, ["completion"]).exit_code == 2
    for words, found in (
        ("losses show trip", "plain,TripletLoss"),
        ("datasets inspect dig", "plain,digits"),
        ("evaluate m --part tr", "plain,train"),
        ("eval", "plain,evaluate"),
    ):
        asked = {
            "_TFMETRIC_COMPLETE": "bash_complete",
            "COMP_WORDS": f"tfmetric {words}",
            "COMP_CWORD": str(len(words.split())),
        }
        done = CliRunner(env=asked).invoke(cli, [], prog_name="tfmetric")
        assert found in done.stdout.splitlines(), done.output


@pytest.mark.skipif(not Path("/bin/bash").exists(), reason="there is no bash")
def test_bash_completes(no_keras, tmp_path):
    program = tmp_path / "tfmetric"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(COMMAND)} "$@"\n')
    program.chmod(0o755)
    script = (
        f"PATH={shlex.quote(str(tmp_path))}:$PATH; source <(tfmetric completion bash)\n"
        "COMP_WORDS=(tfmetric losses show Trip); COMP_CWORD=3; COMPREPLY=()\n"
        '_tfmetric_completion tfmetric; echo "${COMPREPLY[@]}"'
    )
    done = run("-c", script, command=["/bin/bash", "--norc"], before=[no_keras])
    assert done.stdout == "TripletLoss\n", done.stderr
