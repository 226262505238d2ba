"""Measures speed beside other programs that do the same work. Each module is one command."""

import os

# Several processes share a GPU; without this, each would take three quarters of its memory.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
