"""Notices a discriminator that always wins, or has given up."""

PATIENCE = 20
"""Records in a row before a warning: one batch or two may be chance."""

_ADVICE = {
    "won": (
        "the discriminator judges every picture right (accuracy 1.0): its gradient no longer "
        "teaches the completion network. If it stays so, shorten phases.discriminator, train "
        "phases.completion longer, or use more pictures"
    ),
    "collapsed": (
        "the discriminator is no better than chance (accuracy 0.5): the adversarial loss is noise. "
        "If it stays so, lengthen phases.discriminator or lower adversarial.weight"
    ),
}


class CollapseAlarm:
    """Watches all records of a run for trouble, and warns of each trouble once.

    It warns again only after the trouble had passed.

    Args:
      patience: the number of records in a row that must show the trouble.
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        self._trouble, self._records = "", 0

    def __call__(self, values: dict[str, float]) -> str:
        """Takes the next record, and returns the warning that is due, or "".

        Args:
          values: the record's values by name. Accuracies are shares in [0, 1]; a record without
            them changes nothing.
        """
        if not {"accuracy/real", "accuracy/completed"} <= values.keys():
            return ""
        accuracy = (values["accuracy/real"] + values["accuracy/completed"]) / 2
        trouble = ""
        if accuracy >= 0.995:
            trouble = "won"
        elif abs(accuracy - 0.5) <= 0.01:
            trouble = "collapsed"
        self._records = self._records + 1 if trouble == self._trouble else 1
        self._trouble = trouble
        return _ADVICE[trouble] if trouble and self._records == self._patience else ""
