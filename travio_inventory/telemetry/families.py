"""Every metric by name, with its labels, and what the figures of several processes are together.

A name is a promise to dashboards, alerts and autoscalers. docs/metrics.md is written from this list.
"""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What the figures of a family are."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Together(StrEnum):
    """What the figures of several processes are together."""

    SUM = "sum"
    LARGEST = "largest"
    SMALLEST = "smallest"
    EACH = "each"
    """Each process has its own, told apart by the label `worker`."""


class Family(NamedTuple):
    """A metric. Times are seconds; a histogram has the buckets of `kernel.tally`."""

    name: str
    kind: Kind
    meaning: str
    labels: tuple[str, ...] = ()
    together: Together = Together.SUM

    @property
    def is_of_each(self) -> bool:
        return self.together is Together.EACH


C, G, H = Kind.COUNTER, Kind.GAUGE, Kind.HISTOGRAM
_RPC = ("grpc_type", "grpc_service", "grpc_method")

# Calls over gRPC and HTTP.

GRPC_HANDLED = Family("grpc_server_handled_total", C, "calls that have ended, by status code", (*_RPC, "grpc_code"))
GRPC_HANDLING = Family(
    "grpc_server_handling_seconds", H, "from the headers of a call to its end; of a stream, how long it lasted", _RPC
)
GRPC_DURATION = Family(
    "grpc_request_duration_seconds",
    H,
    "the same for all calls of the inventory and of stock together, without streams, health and reflection: what the "
    "autoscaler scales on",
)
GRPC_OPEN = Family("grpc_server_calls_open", G, "calls that are being answered, streams included")
GRPC_CONNECTIONS = Family("grpc_server_connections_open", G, "open connections")
HTTP_DURATION = Family(
    "http_server_request_duration_seconds",
    H,
    "from a request to the end of its answer; of a live feed, how long it lasted",
    ("http_request_method", "http_route", "http_response_status_code"),
)
HTTP_ACTIVE = Family("http_server_active_requests", G, "requests that are being answered, live feeds included")
HTTP_CONNECTIONS = Family("http_server_connections_open", G, "open connections, WebSockets included")
WATCHERS = Family("travio_live_watchers", G, "callers who follow a seat map live, over whatever protocol")

# Use cases, gate and store.

USE_CASE = Family(
    "travio_use_case_duration_seconds",
    H,
    "runs of a use case, by outcome: ok, the reason of a refusal, error (a bug), cancelled, PUBLISH_FAILED",
    ("use_case", "outcome"),
)
HOLDS = Family(
    "travio_hold_step_duration_seconds",
    H,
    "steps of holds and bookings, and what they read, without the use case around them: ok, or the reason of a refusal",
    ("step", "outcome"),
)
GATE = Family(
    "travio_gate_duration_seconds",
    H,
    "locking the cells of a hold at the gate: passed (locked), locked (by another attempt), held, sold or blocked (as "
    "the store said a moment ago)",
    ("answer",),
)
EDGE_CALL = Family("travio_edge_call_duration_seconds", H, "all other calls of the edge", ("port", "method", "outcome"))
EDGE_UP = Family(
    "travio_edge_up",
    G,
    "1 while the edge answers, 0 while calls go without it; nothing where there is no edge",
    (),
    Together.SMALLEST,
)
CACHE = Family(
    "travio_cache_lookups_total",
    C,
    "what was found in a cache (hit) or had to be fetched (miss): seat_groups (of maps, at the edge), map_copies (of "
    "trips, copies of Redis in the process), gate_memory (refusals of the gate that the process remembers), trips "
    "(definitions)",
    ("cache", "result"),
)
BATCH = Family(
    "travio_store_batch_duration_seconds",
    H,
    "conditional batches: applied, refused, unknown (no answer), not_done (certainly without effect), error, cancelled",
    ("outcome",),
)
READ = Family("travio_store_read_duration_seconds", H, "reads of the store", ("method", "outcome"))
GROUPS = Family("travio_group_commit_batches_total", C, "batches of group commit that were sent")
GROUP_MEMBERS = Family("travio_group_commit_steps_total", C, "the steps in them")
GROUPS_REFUSED = Family("travio_group_commit_refused_total", C, "of these batches, refused ones")
GROUP_AGAIN = Family(
    "travio_group_commit_again_total", C, "the steps that were sent again, since another one was refused"
)
UNKNOWN = Family("travio_unknown_outcomes_total", C, "batches without an answer: applied, or not, or not yet")
SETTLED = Family(
    "travio_unknown_outcomes_settled_total",
    C,
    "how these were settled: applied (when sent again), found (a row shows that it had been applied), refused (a row "
    "shows that another step came), fenced (it can never be applied any more), open (nobody asked within a minute)",
    ("settled",),
)
UNSETTLED = Family("travio_unknown_outcomes_open", G, "those that are not settled yet")
STEPS = Family("travio_steps_running", G, "steps that commit now")

# Holds and events.

RECORDED = Family("travio_events_recorded_total", C, "events that steps have committed, by type", ("type",))
LIVE = Family(
    "travio_holds_live",
    G,
    "holds that are neither booked nor ended, nor past their expiry; over all processes of all machines together, and "
    "right once they have run for as long as a hold may last",
)
EXPIRED = Family("travio_expired_holds_total", C, "holds that were ended because their time was over")
LATENESS = Family("travio_expiry_lateness_seconds", H, "from the expiry of a hold to the batch that ended it")
CLEANUP = Family("travio_cleanup_duration_seconds", H, "rounds of the sweeper, which ends lapsed holds", ("outcome",))
TRIP_SEATS = Family(
    "travio_trip_seats",
    G,
    "seats of a trip that is watched (TRAVIO_WATCHED_TRIPS), over its whole route: free, held, sold, blocked",
    ("organization", "trip", "state"),
    Together.SMALLEST,
)
RELAY_LAG = Family(
    "travio_relay_lag_seconds", G, "how old the oldest event is that a sink has not had", ("sink",), Together.LARGEST
)
RELAY_LEFT = Family(
    "travio_relay_forgotten_in_seconds",
    G,
    "how soon an event is forgotten that the sink has not had",
    ("sink",),
    Together.SMALLEST,
)
RELAY_MISSED = Family(
    "travio_relay_missed_seconds",
    G,
    "the time whose events were forgotten before the sink had them",
    ("sink",),
    Together.LARGEST,
)
PUBLISHED = Family("travio_events_published_total", C, "events that a sink has accepted", ("sink",))
PUBLISHING = Family(
    "travio_sink_publish_duration_seconds", H, "handing events to a sink, some or many at once", ("sink", "outcome")
)
EVENTS_IN = Family(
    "travio_events_in_duration_seconds",
    H,
    "events of other services, by what came of them: done, repeated (it had taken effect before), skipped (of a type "
    "that nobody here reacts to), dead letter (it never can)",
    ("source", "outcome"),
)
EVENTS_IN_WAITING = Family("travio_events_in_waiting", G, "events that are tried again until they succeed", ("source",))
DEAD_LETTERS = Family(
    "travio_dead_letters",
    G,
    "dead letters that are kept: events that came in (in) and can never take effect as they are, and events that a "
    "webhook refused for good (out)",
    ("direction", "name"),
    Together.LARGEST,
)
DEAD_LETTERS_AGE = Family(
    "travio_dead_letters_oldest_seconds",
    G,
    "for how long the oldest of them has been dead, 0 where there is none",
    ("direction", "name"),
    Together.LARGEST,
)
AUDIT_FAULTS = Family("travio_audit_faults_total", C, "what the auditor has found wrong and left", ("fault",))
NOT_CHECKED = Family(
    "travio_audit_not_checked_total",
    C,
    "what the auditor could not check, since the store or the edge did not answer: seat groups, what the edge has of "
    "them, stock entries",
    ("what",),
)
TRIP_VISITS = Family(
    "travio_trip_visits_total",
    C,
    "visits of trips that may be over, by what came of them: forgotten, kept (it is not over, or on its way), failed "
    "(it is visited again in about an hour)",
    ("outcome",),
)
AUTOMATIC_ORDERS = Family(
    "travio_stock_automatic_orders_total",
    C,
    "purchase orders that were due by themselves: placed, or failed (it is tried again in the next round)",
    ("outcome",),
)
STOCK_RECEIPTS = Family(
    "travio_stock_receipts_total", C, "receipts of lines of purchase orders, without those that were repeated"
)
UNITS_RECEIVED = Family("travio_stock_received_units_total", C, "the units that came with them")
FORGOTTEN_ROWS = Family("travio_store_forgotten_rows_total", C, "rows that the embedded store has forgotten")

# The process.

INFO = Family("travio_info", G, "1, with what runs", ("version", "store", "edge"), Together.LARGEST)
READY = Family("travio_ready", G, "1 while calls should be sent to the process, 0 otherwise", (), Together.EACH)
PROBLEM = Family(
    "travio_problem",
    G,
    "1 while the part is why the process is not ready: store, keyspace, background jobs, stop",
    ("part",),
    Together.EACH,
)
TURN = Family(
    "travio_event_loop_longest_turn_seconds",
    G,
    "the longest turn of the event loop in the last 30 to 60 s: for so long all other calls of the process waited",
    (),
    Together.EACH,
)
BUSY = Family(
    "travio_event_loop_busy_seconds_total", C, "how long the event loop did not wait: 1 a second is a full core",
    (), Together.EACH,
)  # fmt: skip
LOG_LINES = Family("travio_log_lines_total", C, "lines of the log, by level", ("level",))
CPU = Family("process_cpu_seconds_total", C, "CPU time of the process, user and system", (), Together.EACH)
MEMORY = Family("process_resident_memory_bytes", G, "memory of the process", (), Together.EACH)
FILES = Family("process_open_fds", G, "open files and sockets", (), Together.EACH)
STARTED = Family("process_start_time_seconds", G, "when the process started, in Unix time", (), Together.EACH)
WORKER_UP = Family("travio_worker_up", G, "1 if the process answered this scrape, 0 if not", (), Together.EACH)

FAMILIES = tuple(value for value in list(globals().values()) if isinstance(value, Family))
"""All of them, in the order above."""
