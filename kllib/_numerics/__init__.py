"""The numerical care behind the public formulas, and the checks of arguments. Private."""
