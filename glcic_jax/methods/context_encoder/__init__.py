"""Context encoders (Pathak et al., CVPR 2016)."""
