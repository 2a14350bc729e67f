"""Every rule by which a difference may be set aside, with the sentence that documents it."""

from __future__ import annotations

RULES: dict[str, str] = {
    "addresses": "A memory address (0x7f…) after 'at' or between < and > differs between any two processes.",
    "archive ids": "The identifier torch derives from a file's name and layout is no part of the model.",
    "array padding": "Unused bytes between the fields of a structured array hold whatever was in memory.",
    "compression": "Compressed bytes differ, and what they decompress to is the same.",
    "dates": "A date or time of day that lies within its own run (or a format's own creation date) is the clock's.",
    "dates in names": "Files whose names differ only in a moment within their own run are one; contents are compared.",
    "durations": "A plausible time or speed with a program's unit, or in a place that only a program's timing has.",
    "gzip header": "The name and time in a gzip header are not its content.",
    "hosts": "The name of the machine, where it stands as one.",
    "ids": "Random identifiers: the run's own id, UUIDs and hexadecimal ids of a run, session or job, element ids.",
    "ids in names": "Files whose names differ only in a random id, host or process number are one; contents count.",
    "layout": "The same content in another order, spacing or encoding: keys, members, memo numbers, free pages.",
    "line ends": "Lines that end in CR LF on one side and LF on the other.",
    "memory sizes": "A size in bytes named as the memory of the process or the GPU varies with the machine.",
    "npy header": "The padding and the version of a .npy header; the type, order and shape in it are compared.",
    "order of workers": "Lines of scikit-learn's and joblib's parallel workers ([CV 1/3] …) come as each is done.",
    "paths": "Paths equal but for where the run, its home, its temporary folder or its packages were placed.",
    "pids": "A process or thread number: named as one and of its own run, where its processes are known.",
    "png metadata": "Text and time chunks of a PNG; its header, its pixels and every other chunk are compared.",
    "ports": "The port of an address on this machine, where both are of the kind the system hands out.",
    "progress bars": "How often a progress bar was redrawn; its last state, and every count both drew, are compared.",
    "tar metadata": "Times and owners of tar members; names, kinds, modes, links and contents are compared.",
    "terminal codes": "Colours and cursor movements, which a terminal does not show as text.",
    "users": "The name of the user, where it stands as one.",
    "zip metadata": "Attributes, versions and extra fields of zip members; names and contents are compared.",
    "zip times": "Times of zip members; names and contents are compared.",
}
