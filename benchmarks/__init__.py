"""Speed, measured beside other programs that do the same work. Each module is one command."""

import os

# Several processes share a GPU, each of which would else take three quarters of its memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
