"""The attack corpus: ways to get points without a right answer, or to harm whoever judges, each with its verdict."""
