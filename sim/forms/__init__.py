"""The formulas of venues, by question: what each asks for, its text, and the function of a room of the market that it is.

A *question* ("liquidation-price") has one or more *forms*, named after the venue that has it. A form lists its inputs and its
steps; the last step is the answer. :mod:`offhours.sim.calculator` reads inputs, asks rulebooks and works a form out.

Formulas that the market runs are functions of its rooms. Those that only another venue has stand here, in the room of their
question: plain functions of numbers, exact where fractions go in. Rates and premiums are shares of one, positive where longs pay;
prices and money are dollars, levels of a book (size, price), best first; `side` is +1 for a long and -1 for a short, and a size has no
sign unless it is called signed. Where a venue counts in integers (quantums of 1e-6 dollars, parts per million), so does its
function, and it rounds as the venue does.
"""

from offhours.sim.forms import backstops, deleverage, funding, liquidation, margin, prices, theory, token
from offhours.sim.forms.form import FORMS, MICRO, QUESTIONS, Form, Input, Step, Value
from offhours.sim.forms.words import EXAMPLES, MEANINGS

ROOMS = (margin, liquidation, backstops, prices, funding, theory, token, deleverage)
"""Each declares its forms when it is read."""

__all__ = ["EXAMPLES", "FORMS", "MEANINGS", "MICRO", "QUESTIONS", "ROOMS", "Form", "Input", "Step", "Value"]
