"""Holds the version of the package."""

VERSION = "0.1.0"
"""The last release, or the first to come. In a wheel it is the version that git's tags give."""
