"""What all tests run with, those in processes of their own too."""

import os

# Compiling is most of what JAX does here.
os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")

# Programs that tests start in processes of their own: importing them would start them.
collect_ignore = ["support/one_of_several_hosts.py"]
