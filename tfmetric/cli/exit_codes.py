"""The exit codes of commands; above 100 they are a shell's 128 plus the signal's number."""

DONE = 0
ERROR = 1
USAGE = 2
FOUND = 3
INTERRUPTED = 130
NO_READER = 141
TERMINATED = 143

# For the help. click does not rewrap a paragraph that begins with \b.
TABLE = f"""\b
Exit codes:
  {DONE:<4} done
  {ERROR:<4} an error, said in one line; --debug before the command shows where
  {USAGE:<4} wrong usage: no such command, option or file
  {FOUND:<4} datasets inspect --check: examples were left out, or are in both parts
  {INTERRUPTED:<4} interrupted by Ctrl-C: no file is half written, and where a run can
       be resumed the last line says how
  {NO_READER:<4} what read the output, such as head, ended before it
  {TERMINATED:<4} ended by SIGTERM; as with Ctrl-C, a training can be resumed
"""
