"""kllib.vae.movies draws data: there is no number to compare."""

from benchmarks.second_routes.route import Route

ROUTES: dict[str, Route] = {}
EXEMPT = {
    "MoviePreferences": "a record of what movie_preferences draws",
    "movie_preferences": "draws data; its moments are tested in test_movies.py",
}
