"""Notices a discriminator that has won outright, or given up."""

PATIENCE = 20
"""Records in a row before it is said: a batch or two are chance."""

_ADVICE = {
    "won": (
        "the discriminator tells every picture right (accuracy 1.0): its gradient no longer "
        "teaches the completion network. If it stays so, shorten phases.discriminator, train "
        "phases.completion longer, or use more pictures"
    ),
    "collapsed": (
        "the discriminator is no better than chance (accuracy 0.5): the adversarial loss is noise. "
        "If it stays so, lengthen phases.discriminator or lower adversarial.weight"
    ),
}


class CollapseAlarm:
    """Fed with every record; says each trouble once, and again only after it had passed."""

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        self._trouble, self._records = "", 0

    def __call__(self, values: dict[str, float]) -> str:
        """The warning that is due, or "".

        Args:
          values: of one record; without accuracies (shares in [0, 1]) it changes nothing.
        """
        if not {"accuracy/real", "accuracy/completed"} <= values.keys():
            return ""
        accuracy = (values["accuracy/real"] + values["accuracy/completed"]) / 2
        trouble = "won" if accuracy >= 0.995 else "collapsed" if abs(accuracy - 0.5) <= 0.01 else ""
        self._records = self._records + 1 if trouble == self._trouble else 1
        self._trouble = trouble
        return _ADVICE[trouble] if trouble and self._records == self._patience else ""
