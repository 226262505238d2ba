"""Writes what was measured of a run's updates as the texts of a console line."""

WORTH_A_WORD = 0.1
"""Share of the time that updates wait for data from which on the console shows it."""


def grouped(values: dict[str, float], digits: str) -> list[str]:
    """Returns numbers as texts, each group with its name once.

    Args:
      values: by names such as "loss/mse", whose part before the slash is the group.
      digits: the format of the numbers, such as ".3g".

    Returns:
      Texts such as "loss: mse 0.1, adversarial 0.7".
    """
    groups: dict[str, list[str]] = {}
    for name, value in values.items():
        group, _, rest = name.rpartition("/")
        groups.setdefault(group, []).append(f"{rest} {value:{digits}}")
    return [
        f"{group.replace('_', ' ')}: {', '.join(texts)}" if group else ", ".join(texts)
        for group, texts in groups.items()
    ]


def speed_parts(speed: dict[str, float], steps_left: int) -> list[str]:
    """Returns the parts of a console line that show what `Clock.lap` measured."""
    parts = []
    if "first_update_s" in speed:
        parts.append(f"first update {speed['first_update_s']:.1f} s")
    if "step_ms" in speed:
        parts.append(f"{speed['images_per_s']:.1f} images/s")
        waiting = speed["waiting_ms"] / max(speed["step_ms"], 1e-9)
        if waiting >= WORTH_A_WORD:
            parts.append(f"{waiting:.0%} waiting for data")
        if "mfu" in speed:
            parts.append(f"MFU {speed['mfu']:.0%}")
        parts.append(f"{_duration(steps_left * speed['step_ms'] / 1000)} left")
    return parts


def _duration(seconds: float) -> str:
    """Returns a time as h:mm:ss or m:ss."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
