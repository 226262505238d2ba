"""What a user study reports of its answers: shares and intervals."""

import numpy as np
import pytest

from glcic_jax.user_study.answers import Answer, report, wilson


def test_the_interval_is_wilsons():
    np.testing.assert_allclose(wilson(8, 10), (0.4901625, 0.9433178), atol=1e-6)
    np.testing.assert_allclose(wilson(0, 10), (0, 0.2775328), atol=1e-6)  # z^2 / (n + z^2)
    np.testing.assert_allclose(wilson(10, 10), (0.7224672, 1), atol=1e-6)
    with pytest.raises(ValueError, match="no answers"):
        wilson(0, 0)


def test_the_report_is_by_rater_and_together():
    def answers(rater, truth, real, completed):
        given = ["real"] * real + ["completed"] * completed
        return [Answer("", rater, f"{i}", truth, a, "") for i, a in enumerate(given)]

    given = answers("ann", "completed", 8, 2) + answers("bo", "real", 3, 0)
    given += answers("bo", "completed", 0, 10)
    lines = report(given).splitlines()
    assert lines[1].split() == ["ann", "-", "8/10", "80.0", "%", "[49.0,", "94.3]"]
    assert "3/3 100.0 % [43.9, 100.0]" in lines[2]
    assert "0/10 0.0 % [0.0, 27.8]" in lines[2]
    assert "8/20 40.0 % [21.9, 61.3]" in lines[3]
