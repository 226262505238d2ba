"""Holds latent search in a trained DCGAN (Yeh et al., CVPR 2017; Amos 2016)."""
