"""What a schedule means, in words: a sentence, a summary for a column, and warnings."""
