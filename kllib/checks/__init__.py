"""Exercise checks: one specification per assignment, from which everything else follows.

``kllib.checks.<assignment>`` holds an assignment's items and offers ``check``, ``given`` and
``progress`` to its notebook. The other modules are the machinery, the same for every assignment:

==============  ======================================================================
``item``        what an item is: oracle, cases, parts, mistakes
``cases``       inputs that functions are tried on
``seeds``       who the student is, and the seeds that draw parameters and hidden cases
``values``      reading an answer, comparing it, showing it
``calling``     calling a student's function without being hurt by it
``closed``      closing the library's own answer while a student's is tried
``judge``       right, wrong or unanswered, and which mistake explains it
``message``     the words
``binding``     ties an assignment's items to the functions of a notebook
==============  ======================================================================
"""
