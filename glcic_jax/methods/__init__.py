"""Holds the methods. Each folder is one paper; `by_name.py` lists them."""
