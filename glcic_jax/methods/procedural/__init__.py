"""Fills that nobody trains: Telea, Navier-Stokes, biharmonic, PatchMatch, Laplace, Poisson."""
