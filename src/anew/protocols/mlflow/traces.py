"""MLflow's traces, version 3 of their API: each a journal of its own, of the kind "traces".

Tags are the journal's tags, metadata its summary; an assessment is an entry of the document named by its id.
"""

from __future__ import annotations

import math
import re
import time
from datetime import UTC, datetime
from typing import Any

from anew.hub import Hub
from anew.projects import Project
from anew.protocols.mlflow import fields, otlp, spans, trace_search
from anew.protocols.mlflow.artifacts import clean, send
from anew.protocols.mlflow.assessments import ROUTES as ASSESSMENTS
from anew.protocols.mlflow.assessments import check_assessment
from anew.protocols.mlflow.entities import Json, kept_document
from anew.protocols.mlflow.errors import invalid, missing
from anew.protocols.mlflow.experiments import check_active, find
from anew.protocols.mlflow.messages import word_of
from anew.protocols.mlflow.paging import page
from anew.protocols.mlflow.routes import both
from anew.protocols.mlflow.runs import get_document as get_run
from anew.protocols.mlflow.trace_document import (
    FINALISED,
    KIND,
    SPANS_LOCATION,
    STATES,
    both_v3,
    end_of,
    get_document,
    key_of,
    project_of,
    shown,
    write,
)
from anew.routes import Call, Route

_MOST_RESULTS = 500
_DEFAULT_RESULTS = 100
_MOST_BATCH = 500
_MOST_LINKS = 100
_OUR_TAGS = {SPANS_LOCATION, "mlflow.trace.archiveLocation", "mlflow.trace.archivalFailure"}
_STATE = word_of(dict(enumerate(STATES)))
_HERE = ("MLFLOW_EXPERIMENT", 1)  # a trace location's type, as a word and as its number
_DELETABLE = {"mlflow.trace.archivalFailure"}


def start(call: Call) -> Json:
    """POST traces: what the client knows of a trace at its end. Spans come by another way, before or after."""
    info = _object(_object(call.body, "trace"), "trace_info")
    project = find(call.hub, _experiment_id(info))
    check_active(project)
    trace_id = info.get("trace_id")
    if not trace_id:
        raise fields.missing_value("trace.trace_info.trace_id")
    fields.check_run_id(str(trace_id))
    with spans.lock_of(str(trace_id)):
        take_info(call.hub, project, info)
        return {"trace": {"trace_info": shown(call.hub, get_document(call.hub, str(trace_id)))}}


def _experiment_id(info: Json) -> str:
    """Where a trace says that it is. Raises MlflowError."""
    location = info.get("trace_location")
    place = location.get("mlflow_experiment") if isinstance(location, dict) else None
    if not isinstance(location, dict) or not isinstance(place, dict):
        return ""
    found = str(place.get("experiment_id") or "")
    if location.get("type") not in _HERE:
        raise invalid(
            "Trace location type TraceLocationType.TRACE_LOCATION_TYPE_UNSPECIFIED does not match the provided "
            f"location MlflowExperimentLocation(experiment_id={found!r})."
        )
    return found


def take_info(hub: Hub, project: Project, info: Json) -> None:
    """Keep what is known of a trace as a whole. The caller holds the trace's lock. Raises MlflowError."""
    trace_id = str(info["trace_id"])
    tags, metadata = _texts(info, "tags"), _texts(info, "trace_metadata")
    # A state that we don't know counts as not said: clients newer than this server may have more of them.
    state = _STATE(info.get("state")) or STATES[0]
    started = milliseconds_of(info.get("request_time"))
    lasted = duration_of(info.get("execution_duration"))
    body: Json = {"state": state, "execution_ms": lasted, "deleted": None}
    for name in ("client_request_id", "request_preview", "response_preview"):
        if info.get(name) is not None:
            body[name] = str(info[name])
    if tags.get("mlflow.traceName"):
        body["name"] = tags["mlflow.traceName"]
    sent = info.get("assessments")
    for item in sent if isinstance(sent, list) else ():
        assessment = check_assessment(item, trace_id)
        body[key_of(assessment["assessment_id"])] = assessment
    write(hub, trace_id, project, started, body, tags, metadata | {FINALISED: "true"})
    end_of(hub, trace_id, state, started, lasted)


def _object(body: Json, name: str) -> Json:
    found = body.get(name)
    if not isinstance(found, dict):
        raise fields.missing_value(name) if found is None else fields.wrong_type(name, found)
    return found


def _texts(body: Json, name: str) -> dict[str, str]:
    found = body.get(name) or {}
    if not isinstance(found, dict):
        raise fields.wrong_type(name, found)
    return {str(key): str(value) for key, value in found.items()}


def milliseconds_of(text: Any) -> int:
    """A time as protobuf's JSON has it, in milliseconds since 1970. Raises MlflowError."""
    if text is None:
        return round(time.time() * 1000)
    try:
        found = datetime.fromisoformat(str(text))
        return round(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000)
    except (ValueError, OverflowError):
        raise fields.wrong_type("request_time", text) from None


def duration_of(text: Any) -> int | None:
    """A duration as protobuf's JSON has it, "1.5s", in milliseconds. Raises MlflowError."""
    if text is None:
        return None
    match = re.fullmatch(r"(-?\d{1,12}(?:\.\d{1,9})?)s", str(text), re.ASCII)
    if match is None:
        raise fields.wrong_type("execution_duration", text)
    return round(float(match[1]) * 1000)


def get_info(call: Call) -> Json:
    return {"trace": {"trace_info": shown(call.hub, get_document(call.hub, call.path["id"]))}}


def get(call: Call) -> Json:
    """The whole trace, when its spans are there. MLflow waits for them; the client asks again anyway."""
    trace_id = fields.text(call, "trace_id", required=True)
    document = get_document(call.hub, trace_id, "Trace with ID {} is not found.")
    found = spans.stored(call.hub, trace_id)
    if not _complete(document, found) and call.argument("allow_partial").lower() != "true":
        raise missing(f"Trace with ID {trace_id} is not fully exported yet, please try again later.")
    return {"trace": _whole(call.hub, document, found)}


def _complete(document: Json, found: list[Json]) -> bool:
    """Whether the spans that the trace's own statistics count are all there; without any, whether one is."""
    counted = re.search(r'"num_spans":\s*(\d+)', str(document["summary"].get("mlflow.trace.sizeStats", "")))
    if counted:
        return len(found) >= int(counted[1])
    return bool(found)


def _whole(hub: Hub, document: Json, found: list[Json]) -> Json:
    whole: Json = {"trace_info": shown(hub, document)}
    if found:
        whole["spans"] = [spans.shown(span) for span in found]
    return whole


def _batch(call: Call) -> list[Json]:
    """The documents of the traces that are asked for and there, in that order."""
    trace_ids = fields.texts(call, "trace_ids", required=True)
    if len(trace_ids) > _MOST_BATCH:
        raise invalid(f"At most {_MOST_BATCH} trace_ids can be asked for at once, got {len(trace_ids)}.")
    wanted = fields.texts(call, "experiment_ids")
    found = []
    for trace_id in dict.fromkeys(trace_ids):
        document = kept_document(call.hub, KIND, trace_id)
        if document and (not wanted or project_of(call.hub, document).id in wanted):
            found.append(document)
    return found


def batch_get(call: Call) -> Json:
    traces = []
    for document in _batch(call):
        found = spans.stored(call.hub, document["id"])
        if _complete(document, found):
            traces.append(_whole(call.hub, document, found))
    return {"traces": traces} if traces else {}


def batch_get_infos(call: Call) -> Json:
    infos = [shown(call.hub, document) for document in _batch(call)]
    return {"trace_infos": infos} if infos else {}


def search(call: Call) -> Json:
    places = fields.items(call, "locations", required=True)
    most = fields.whole(call, "max_results", default=_DEFAULT_RESULTS) or 0
    if most > _MOST_RESULTS:
        raise fields.wrong_type("max_results", call.body.get("max_results"))
    if most < 1:
        raise invalid(f"Invalid value {most} for parameter 'max_results' supplied. It must be a positive integer")
    places = [place.get("mlflow_experiment") for place in places if isinstance(place, dict)]
    experiment_ids = [str(place.get("experiment_id")) for place in places if isinstance(place, dict)]
    found = trace_search.search(call.hub, experiment_ids, fields.text(call, "filter"), fields.texts(call, "order_by"))
    infos, token = page(found, most, fields.text(call, "page_token"))
    answer: Json = {"traces": [shown(call.hub, document) for document in infos]} if infos else {}
    return answer | ({"next_page_token": token} if token else {})


def correlation(call: Call) -> Json:
    """How often two filters hold together, against how often they would by chance."""
    experiment_ids = fields.texts(call, "experiment_ids", required=True)
    base = fields.text(call, "base_filter")
    filters = [fields.text(call, name, required=True) for name in ("filter_string1", "filter_string2")]
    every = {document["id"] for document in trace_search.search(call.hub, experiment_ids, base, [])}
    first, second = (
        {document["id"] for document in trace_search.search(call.hub, experiment_ids, one, [])} & every
        for one in filters
    )
    counts = (len(first & second), len(first), len(second), len(every))
    scores = {
        "npmi": trace_search.npmi(*counts, smoothing=0.0),
        "npmi_smoothed": trace_search.npmi(*counts, smoothing=0.5),
    }
    return {name: score for name, score in scores.items() if not math.isnan(score)} | {
        "filter1_count": counts[1],
        "filter2_count": counts[2],
        "joint_count": counts[0],
        "total_count": counts[3],
    }


def set_tag(call: Call) -> Json:
    key = fields.text(call, "key", required=True)
    _check_tag_is_free(key, "set")
    key, value = fields.check_tag(key, fields.text(call, "value"))
    trace_id = get_document(call.hub, call.path["id"])["id"]
    if key == "mlflow.traceName":
        call.hub.event(KIND, trace_id, "rename", {"name": value})
    call.hub.event(KIND, trace_id, "tag", {key: value})
    return {}


def delete_tag(call: Call) -> Json:
    key = fields.text(call, "key", required=True)
    _check_tag_is_free(key, "deleted")
    trace_id = call.path["id"]
    document = kept_document(call.hub, KIND, trace_id)
    if document is None or key not in document["tags"]:
        raise missing(f"No trace tag with key '{key}' for trace with ID '{trace_id}'")
    call.hub.event(KIND, trace_id, "tag", {key: None})
    return {}


def _check_tag_is_free(key: str, done: str) -> None:
    if key in _OUR_TAGS and not (done == "deleted" and key in _DELETABLE):
        raise invalid(f"Tag '{key}' is immutable and cannot be {done} on a trace.")


def delete(call: Call) -> Json:
    """Take traces out of sight, with their spans: those named, or those up to a time."""
    hub = call.hub
    project = find(hub, fields.text(call, "experiment_id", required=True))
    before, most = fields.whole(call, "max_timestamp_millis"), fields.whole(call, "max_traces")
    named = set(fields.texts(call, "request_ids"))
    if not named and before is None:
        raise invalid("Either `max_timestamp_millis` or `trace_ids` must be specified.")
    if named and before is not None:
        raise invalid("Only one of `max_timestamp_millis` and `trace_ids` can be specified.")
    if named and most is not None:
        raise invalid("`max_traces` can't be specified if `trace_ids` is specified.")
    if most is not None and most <= 0:
        raise invalid(f"`max_traces` must be a positive integer, received {most}.")
    found = [
        document
        for document in trace_search.search(hub, [project.id], "", ["timestamp ASC"])
        if (not named or document["id"] in named) and (before is None or round(document["created"] * 1000) <= before)
    ]
    for document in found[:most]:
        trace_id = document["id"]
        hub.event(KIND, trace_id, "run", {"deleted": time.time()})
        if hub.files(KIND, trace_id):
            hub.remove_file(KIND, trace_id, "")
        hub.release(KIND, trace_id)
    return {"traces_deleted": len(found[:most])}


def link_to_run(call: Call) -> Json:
    trace_ids = fields.texts(call, "trace_ids", required=True)
    run_id = fields.text(call, "run_id", required=True)
    if len(trace_ids) > _MOST_LINKS:
        raise invalid(
            f"Cannot link more than {_MOST_LINKS} traces to a run in a single request. "
            f"Provided {len(trace_ids)} traces."
        )
    get_run(call.hub, run_id)
    for trace_id in trace_ids:
        _link(call.hub, trace_id, {"relation": "run", "run": run_id})
    return {}


def link_prompts(call: Call) -> Json:
    trace_id = fields.text(call, "trace_id", required=True)
    get_document(call.hub, trace_id)
    for item in fields.items(call, "prompt_versions", required=True):
        if not isinstance(item, dict) or not item.get("name"):
            raise fields.wrong_type("prompt_versions", item)
        _link(call.hub, trace_id, {"relation": "prompt", "prompt": f"{item['name']}/{item.get('version', '')}"})
    return {}


def _link(hub: Hub, trace_id: str, link: Json) -> None:
    document = kept_document(hub, KIND, trace_id)
    if document and link not in document["links"]:  # MLflow, too, takes no notice of traces that are not there
        hub.event(KIND, trace_id, "link", link)


def file(call: Call) -> Any:
    """What MLflow's web pages ask for: the spans of a trace, or an attachment of it."""
    trace_id, path = call.argument("request_id"), clean(call.argument("path"))
    if not trace_id:
        raise invalid('Request must include the "request_id" query parameter.')
    get_document(call.hub, trace_id)
    return send(call, (KIND, trace_id), f"attachments/{path}" if path else spans.FILE)


ROUTES: list[Route] = [
    *both_v3("POST", "traces", start, scope="write"),
    *both_v3("GET", "traces/get", get),
    *both_v3("GET", "traces/batchGet", batch_get),
    *both_v3("POST", "traces/batchGetInfos", batch_get_infos),
    *both_v3("POST", "traces/search", search),
    *both_v3("POST", "traces/calculate-filter-correlation", correlation),
    *both_v3("GET", "traces/{id}", get_info),
    *(
        route
        for under in (both, both_v3)  # clients of today still ask version 2 for these
        for route in (
            *under("PATCH", "traces/{id}/tags", set_tag, scope="write"),
            *under("DELETE", "traces/{id}/tags", delete_tag, scope="write"),
            *under("POST", "traces/delete-traces", delete, scope="write"),
        )
    ),
    *both("POST", "traces/link-to-run", link_to_run, scope="write"),
    *both("POST", "traces/link-prompts", link_prompts, scope="write"),
    Route("GET", "/ajax-api/2.0/mlflow/get-trace-artifact", file, style="mlflow"),
    Route("GET", "/ajax-api/3.0/mlflow/get-trace-artifact", file, style="mlflow"),
    *ASSESSMENTS,
    *otlp.ROUTES,
]
