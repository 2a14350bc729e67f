"""Every rule by which a difference may be set aside, with the sentence that documents it."""

from __future__ import annotations

RULES: dict[str, str] = {
    "addresses": "What the repr of an object or a thread tells of its place in memory, or an id() a library keeps.",
    "archive ids": "The identifier torch derives from a file's name and layout is no part of the model.",
    "array padding": "Unused bytes between the fields of a structured array hold whatever was in memory.",
    "compression": "Compressed bytes differ, and what they decompress to is the same.",
    "dates": "A date or time within its own run, local or UTC, under no name of what is to come; a format's own date.",
    "dates in names": "Files whose names differ only in a moment within their own run are one; contents are compared.",
    "durations": "How long the program itself took, or how fast it was, where names, words or a form say so.",
    "gzip header": "The name and time in a gzip header are not its content.",
    "hosts": "The name of the machine, where it stands as one.",
    "ids": "The run's own id; one drawn from `secrets` or made of the run's time, and said to be a run's; element ids.",
    "ids in names": "Names alike but for an id from `secrets`, a temporary name, host or process; contents count.",
    "layout": "The same content in another spacing or encoding: memo numbers, free pages.",
    "line ends": "Lines that end in CR LF on one side and LF on the other.",
    "measured durations": "Figures said to be times or speeds, in proportion to the pace of the clock in trials.",
    "memory sizes": "A size in bytes named as what the process or the GPU has in use.",
    "npy header": "The padding and the version of a .npy header; the type, order and shape in it are compared.",
    "order of workers": "Lines of scikit-learn's and joblib's parallel workers ([CV 1/3] …) come as each is done.",
    "paths": "Paths equal but for where the run, its home, its temporary folder or its packages were placed.",
    "pids": "A process or thread number: named as one and of its own run, where its processes are known; its parent's.",
    "png metadata": "The software and the time of writing that a PNG tells; all other texts and chunks are compared.",
    "ports": "The port of an address on this machine, both of the kind the system hands out, and chosen by nobody.",
    "progress bars": "How often a bar was redrawn or joblib reported; its last state and common counts are compared.",
    "tar metadata": "Times and owners of tar members; names, order, kinds, modes, links, comments and contents count.",
    "terminal codes": "Colours and cursor movements, which a terminal does not show as text.",
    "users": "The name of the user, where it stands as one.",
    "zip metadata": "Attributes, versions and extra fields of zip members; names, comments and contents are compared.",
    "zip times": "Times of zip members; names and contents are compared.",
}
