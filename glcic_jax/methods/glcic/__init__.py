"""Holds GLCIC (Iizuka, Simo-Serra, Ishikawa, SIGGRAPH 2017)."""
