"""How far a run can be run anew, judged from what was captured, with the remedy for each gap."""

from __future__ import annotations

from typing import Any

# What a gap costs: the grade can't be better than the worst of them.
_LETTERS = "ABCDF"
EXPLAINED = {
    "A": "everything needed to run it again is kept, and what it drew at random can be put back",
    "B": "everything needed is kept or known by its digest",
    "C": "something that can move the result is not under control",
    "D": "something the run read is not kept",
    "F": "what it ran is not known",
}


def grade(
    code: dict[str, Any],
    environment: dict[str, Any],
    inputs: list[dict[str, Any]],
    seeds: dict[str, Any],
    notes: dict[str, Any],
) -> dict[str, Any]:
    """The grade {letter, means, missing}; each of `missing` says what, why it matters, and how to mend it."""
    gaps = [*_code_gaps(code, inputs, notes), *_input_gaps(inputs), *_environment_gaps(environment)]
    gaps += [*_random_gaps(seeds), *_note_gaps(notes)]
    worst = max((_LETTERS.index(gap["grade"]) for gap in gaps), default=0)
    letter = _LETTERS[worst]
    return {"letter": letter, "means": EXPLAINED[letter], "missing": gaps}


def _gap(letter: str, what: str, why: str, mend: str) -> dict[str, str]:
    return {"grade": letter, "what": what, "why": why, "mend": mend}


def _code_gaps(code: dict[str, Any], inputs: list[dict[str, Any]], notes: dict[str, Any]) -> list[dict[str, str]]:
    gaps = []
    programs = [item for item in inputs if item.get("role") == "program" and item.get("stored")]
    if not code.get("used") and not programs and not notes.get("declared"):  # then the command is all the source
        why = "no source of the project was seen to be read"
        gaps.append(_gap("C", "the source files in use", why, "run a script of the project: anew run SCRIPT"))
    if code.get("redacted"):
        names = ", ".join(sorted(code["redacted"]))
        gaps.append(
            _gap(
                "B", f"secrets in {names}", "the stored copy has them masked", "read them from an environment variable"
            )
        )
    if code.get("left_out"):
        gaps.append(
            _gap(
                "B",
                f"{code['left_out']} source files that were not used",
                "the project has more files than a snapshot takes",
                "add what is not source to .gitignore",
            )
        )
    gaps.extend(
        _gap("D", f"{name} as it ran", "it changed while the run was reading it", "run again without editing it")
        for name in code.get("changed", [])
    )
    return gaps


def _input_gaps(inputs: list[dict[str, Any]]) -> list[dict[str, str]]:
    gaps = []
    for item in inputs:
        path = item["path"]
        if item.get("secret"):
            gaps.append(_gap("C", path, "it holds secrets, so it is not stored", "keep it in its place"))
        elif item.get("changed"):
            gaps.append(
                _gap(
                    "D",
                    path,
                    "it changed after it was read and before it could be kept",
                    f"call anew.use({path!r}) first",
                )
            )
        elif not item.get("digest"):
            gaps.append(_gap("D", path, item.get("problem", "it was gone when the run ended"), f"anew.use({path!r})"))
        elif not item.get("stored"):
            gaps.append(
                _gap(
                    "B", path, "known by its digest only: it is large or outside of the project", f"anew.use({path!r})"
                )
            )
    return gaps


def _environment_gaps(environment: dict[str, Any]) -> list[dict[str, str]]:
    gaps = []
    if not environment.get("python"):
        gaps.append(_gap("C", "the environment", "the interpreter was not asked", "run it as: anew run SCRIPT"))
    if environment.get("edited"):
        names = ", ".join(sorted(environment["edited"])[:3])
        gaps.append(
            _gap("C", f"edited installed files: {names}", "a rebuilt environment won't have the edit", "install a fork")
        )
    return gaps


def _random_gaps(seeds: dict[str, Any]) -> list[dict[str, str]]:
    if seeds.get("replayable") and not seeds.get("hash_randomized"):
        return []
    gaps = []
    if not seeds.get("replayable"):
        gaps.append(
            _gap("C", "what was drawn before capture began", "generators may have been used by then", "use anew run")
        )
    if seeds.get("hash_randomized"):
        gaps.append(_gap("C", "the hash seed", "sets were iterated in an order that can't be put back", "use anew run"))
    return gaps


def _note_gaps(notes: dict[str, Any]) -> list[dict[str, str]]:
    gaps = []
    if notes.get("network"):
        where = ", ".join(notes["network"][:3])
        gaps.append(
            _gap(
                "C", f"what came from {where}", "the network can answer differently", "save it to a file, and read that"
            )
        )
    if notes.get("all_variables"):
        why = "the script goes through all of them, and those are kept that bear on results or are asked for by name"
        gaps.append(_gap("C", "environment variables", why, 'ask for each by its name: os.environ["NAME"]'))
    if notes.get("unwatched_programs"):
        names = ", ".join(notes["unwatched_programs"][:3])
        gaps.append(
            _gap("C", f"what {names} read", "it is static, or kept from the tracer", "name its inputs: anew.use(…)")
        )
    if notes.get("native_unseen"):
        gaps.append(
            _gap("B", "files opened by native code", "the file tracer was not at work", "use anew run; see anew doctor")
        )
    if notes.get("stdin_unseen"):
        gaps.append(
            _gap(
                "D",
                "what came through standard input",
                "it was a pipe, and its reader could not be watched",
                "save it to a file, and read that",
            )
        )
    if notes.get("unwatched"):
        gaps.append(
            _gap("C", "files read before anew.init()", "capture began there", "use anew run, or call anew.init() first")
        )
    if notes.get("killed"):
        gaps.append(_gap("B", "the end of the run", "its process was killed before it could report", "run it again"))
    gaps += [
        _gap("B", problem, "capture met an error", "report it with anew doctor")
        for problem in notes.get("problems", [])
    ]
    return gaps
