"""Review the flashcards that are due, in the terminal; or write them as a deck for Anki.

Reviews are kept one by one: whoever stops in the middle has lost nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of `course cards`."""
    parser.add_argument("number", nargs="?", type=int, metavar="NN", help="the cards of one lesson only, e.g. 03")
    parser.add_argument("--anki", metavar="FILE", help="write all cards as an Anki deck (.apkg) instead")


def run(arguments: argparse.Namespace) -> int:
    """Review, or write the deck."""
    from course_lib.study.questions import stem_of, stems

    if arguments.anki:
        from course_lib.study.anki import export
        from course_lib.study.deck import cards_of

        chosen = stems() if arguments.number is None else [stem_of(arguments.number)]
        count = export(Path(arguments.anki), [card for stem in chosen for card in cards_of(stem)])
        print(f"{count} cards written to {arguments.anki}; import it in Anki as often as you like, no card is doubled")
        return 0
    from course_lib.study.deck import Deck
    from course_lib.study.review import review

    deck = Deck(arguments.number)
    due, new = deck.counts()
    print(f"{deck.title}: {due} due, {new} new")
    review(deck)
    return 0
