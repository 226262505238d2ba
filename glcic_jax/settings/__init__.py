"""Configs as a whole: their fields, checked in one place, and values given on a command line."""
