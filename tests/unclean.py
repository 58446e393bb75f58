"""What an audit that found something raises."""


class Unclean(AssertionError):
    """Runs were lost, or ran twice, or are not accounted for: such a test is never run again."""
