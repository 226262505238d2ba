"""Holds LaMa, large mask inpainting with Fourier convolutions (Suvorov et al., WACV 2022)."""
