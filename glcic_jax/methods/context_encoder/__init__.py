"""Holds context encoders (Pathak et al., CVPR 2016)."""
