"""Notices a discriminator that always wins, or has given up."""

from collections.abc import Collection

PATIENCE = 20
"""Records in a row before a warning: one batch or two may be chance."""

ALONE = "discriminator"
"""The phase in which some methods train the discriminator alone."""

WON, COLLAPSED = "won", "collapsed"

_FOUND = {
    WON: (
        "the discriminator judges every picture right (accuracy 1.0): its gradient no longer "
        "teaches the other network"
    ),
    COLLAPSED: (
        "the discriminator is no better than chance (accuracy 0.5): the adversarial loss is noise"
    ),
}

_ADVICE = {
    (WON, True): f"shorten phases.{ALONE}, train phases.completion longer, or use more pictures",
    (COLLAPSED, True): f"lengthen phases.{ALONE} or lower adversarial.weight",
    (WON, False): "lower optimizer.discriminator_learning_rate, or use more pictures",
    (COLLAPSED, False): "raise optimizer.discriminator_learning_rate",
}
"""What to do, by whether the run has the phase ALONE: other methods have no such fields."""


class CollapseAlarm:
    """Watches all records of a run for trouble, and warns of each trouble once.

    It warns again only after the trouble had passed.

    Args:
      patience: the number of records in a row that must show the trouble.
      phases: the names of the run's phases.
    """

    def __init__(self, patience: int = PATIENCE, phases: Collection[str] = (ALONE,)) -> None:
        self._patience, self._has_alone = patience, ALONE in phases
        self._trouble, self._records = "", 0

    def __call__(self, values: dict[str, float]) -> str:
        """Takes the next record, and returns the warning that is due, or "".

        Args:
          values: the record's values by name. Accuracies are shares in [0, 1]; a record without
            them changes nothing.
        """
        made = values.get("accuracy/completed", values.get("accuracy/generated"))
        if made is None or "accuracy/real" not in values:
            return ""
        accuracy, trouble = (values["accuracy/real"] + made) / 2, ""
        if accuracy >= 0.995:
            trouble = WON
        elif abs(accuracy - 0.5) <= 0.01:
            trouble = COLLAPSED
        self._records = self._records + 1 if trouble == self._trouble else 1
        self._trouble = trouble
        if not trouble or self._records != self._patience:
            return ""
        return f"{_FOUND[trouble]}. If it stays so, {_ADVICE[trouble, self._has_alone]}"
