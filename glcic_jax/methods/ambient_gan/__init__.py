"""Holds AmbientGAN with GLCIC's completion network (Bora, Price, Dimakis, ICLR 2018)."""
