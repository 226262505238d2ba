"""Fills without training: Telea, Navier-Stokes, biharmonic, PatchMatch, Laplace, Poisson."""
