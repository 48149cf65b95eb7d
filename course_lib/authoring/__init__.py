"""What an author of the course runs: derive, graft, prove, normalise, and the process that runs answers.

Lessons never import it; exercises are made, and made sure of, with it.
"""
