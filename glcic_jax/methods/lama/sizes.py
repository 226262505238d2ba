"""Holds the sizes of LaMa's generator (Suvorov et al., WACV 2022), as its authors released it."""

HALVINGS = 3
"""How many times the picture is halved before the Fourier convolutions (n_downsampling)."""

STRIDE = 2**HALVINGS
"""Height and width of the input must be multiples of this, in pixels."""

SMALLEST = 2 * STRIDE
"""The smallest height and width: features must have two rows to be mirrored at their edge."""

GLOBAL_SHARE = 0.75
"""Share of the channels that Fourier convolutions turn into frequencies (ratio_gin)."""

MOST_CHANNELS = 1024
"""Channels do not double beyond this number (max_features)."""

ENDS = 7
"""Edge in pixels of the first and the last kernel."""


def local_channels(features: int) -> int:
    """Returns how many of `features` channels are local."""
    return features - int(features * GLOBAL_SHARE)


def channels(width: int) -> tuple[int, ...]:
    """Returns the channels at full size and after each halving."""
    return tuple(min(MOST_CHANNELS, width * 2**level) for level in range(HALVINGS + 1))
