"""Settings of nbgrader for this course. Run nbgrader's commands in this folder."""

import os
import sys
from pathlib import Path

c = get_config()  # noqa: F821  (given by nbgrader)

# nbgrader is a command, so this folder is not on its import path; klgrade/ lives here.
sys.path.insert(0, str(Path(__file__).resolve().parent))

# To make a gradebook nbgrader calls a command named alembic, which stands beside this Python.
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])

c.CourseDirectory.course_id = "kl-divergence"
c.CourseDirectory.source_directory = "solutions"
c.CourseDirectory.release_directory = "exercises"
# The gradebook is SQLite, gradebook.db in this folder, unless CourseDirectory.db_url says more.

# A stub that does not raise, so that Run All reaches the end of an unanswered notebook.
c.ClearSolutions.code_stub = {"python": "# YOUR CODE HERE"}
c.ClearSolutions.text_stub = "YOUR ANSWER HERE"
# The mark scheme stands in the locked question above a written answer, where nbgrader restores
# it for whoever marks; the answer itself then scores 0 by itself when it was left untouched.
c.ClearMarkScheme.enforce_metadata = False

# Stock steps, but for the first: it tells the checks who handed the notebook in.
c.Autograde.autograde_preprocessors = [
    "klgrade.execute.Execute",
    "nbgrader.preprocessors.IgnorePattern",
    "nbconvert.preprocessors.ClearMetadataPreprocessor",
    "nbgrader.preprocessors.LimitOutput",
    "nbgrader.preprocessors.SaveAutoGrades",
    "nbgrader.preprocessors.AssignLatePenalties",
    "nbgrader.preprocessors.CheckCellMetadata",
]
c.Execute.timeout = 60

# What a learning platform hands over: downloaded/<assignment>/archive/<student>_<notebook>.ipynb
c.FileNameCollectorPlugin.named_regexp = r".*[/\\](?P<student_id>[^/\\]+)_(?P<file_id>[^/\\_]+)"
