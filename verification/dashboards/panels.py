"""What the dashboards show: the panels of each, their expressions, and what an operator reads in them."""

from typing import Final

from travio_inventory.telemetry import families as f
from verification.dashboards.asked import OF_EACH, gauge, mean, of_processes, quantile, rate, series
from verification.dashboards.boards import Board, Row, panel, quantiles
from verification.dashboards.stock_panels import PURCHASES, STOCK

OURS: Final = "=~inventory[.].*"
FAILED: Final = "Unavailable|Internal|Unknown|DeadlineExceeded|DataLoss"
"""The status codes that are no refusals, as in the rules."""

_DONE: Final = rate(f.GRPC_HANDLED, grpc_service=OURS, grpc_code=f"!~{FAILED}")


CALLS = Row(
    "Calls",
    (
        panel(
            "gRPC calls",
            "reqps",
            "Calls of the inventory that ended, by method.",
            (rate(f.GRPC_HANDLED, ["grpc_method"], grpc_service=OURS), "{{grpc_method}}"),
        ),
        panel(
            "How gRPC calls ended",
            "reqps",
            "By status code. Aborted, FailedPrecondition and NotFound are refusals.",
            (rate(f.GRPC_HANDLED, ["grpc_code"], grpc_service=OURS), "{{grpc_code}}"),
        ),
        panel(
            "Calls that failed",
            "percentunit",
            "Not refused: unavailable, internal, unknown, too late. TravioCallsFail begins at 1.4 %.",
            (
                f"1 - {_DONE} / {rate(f.GRPC_HANDLED, grpc_service=OURS)}",
                "failed",
            ),
        ),
        panel(
            "Time of a call",
            "s",
            "All calls without streams; the autoscaler goes by the mean.",
            (mean(f.GRPC_DURATION), "mean"),
            *quantiles(f.GRPC_DURATION),
        ),
        panel(
            "Time by method",
            "s",
            "One call of a hundred takes longer.",
            (quantile(0.99, f.GRPC_HANDLING, ["grpc_method"], grpc_type="=unary"), "{{grpc_method}}"),
        ),
        panel(
            "Open now",
            "short",
            "Calls and streams that are being answered, and connections.",
            (gauge("sum", f.GRPC_OPEN), "gRPC calls"),
            (gauge("sum", f.GRPC_CONNECTIONS), "gRPC connections"),
            (gauge("sum", f.HTTP_ACTIVE), "HTTP requests"),
            (gauge("sum", f.HTTP_CONNECTIONS), "HTTP connections"),
            (gauge("sum", f.WATCHERS), "live maps"),
        ),
        panel(
            "HTTP requests",
            "reqps",
            "By status.",
            (rate(f.HTTP_DURATION, ["http_response_status_code"]), "{{http_response_status_code}}"),
        ),
        panel(
            "Time of an HTTP request",
            "s",
            "By route; of a live feed how long it lasted.",
            (quantile(0.99, f.HTTP_DURATION, ["http_route"]), "{{http_route}}"),
        ),
    ),
)

SALES = Row(
    "Sales",
    (
        panel(
            "Holds",
            "reqps",
            "How attempts to hold seats ended: ok, or the reason of the refusal.",
            (rate(f.USE_CASE, ["outcome"], use_case="=hold_seats"), "{{outcome}}"),
        ),
        panel(
            "The gate",
            "reqps",
            "What Redis said to attempts: passed ones go to the store, the others cost it nothing.",
            (rate(f.GATE, ["answer"]), "{{answer}}"),
        ),
        panel("Time of a lock", "s", "Locking the cells of a hold at the gate.", *quantiles(f.GATE)),
        panel(
            "What was recorded",
            "reqps",
            "Events that steps have committed, by type.",
            (rate(f.RECORDED, ["type"]), "{{type}}"),
        ),
        panel(
            "Live holds",
            "short",
            "Over all processes together.",
            (gauge("sum", f.LIVE), "live"),
            (gauge("sum", f.STEPS), "steps that commit now"),
        ),
        panel(
            "Seats of watched trips",
            "short",
            "TRAVIO_WATCHED_TRIPS, over the whole route.",
            (gauge("min", f.TRIP_SEATS, ["organization", "trip", "state"]), "{{trip}} {{state}}"),
        ),
        panel("Holds that lapsed", "reqps", "Ended because their time was over.", (rate(f.EXPIRED), "expired")),
        panel(
            "How late they were ended",
            "s",
            "From the expiry to the batch. TravioExpiryLate begins at 5 s.",
            *quantiles(f.LATENESS),
        ),
        panel("Rounds of the sweeper", "s", "How long a round took.", *quantiles(f.CLEANUP, ("outcome",))),
    ),
)

STEPS = Row(
    "Steps",
    (
        panel(
            "Steps",
            "reqps",
            "Steps of holds and bookings without the use case around them.",
            (rate(f.HOLDS, ["step"]), "{{step}}"),
        ),
        panel(
            "How steps ended", "reqps", "Ok, or the reason of a refusal.", (rate(f.HOLDS, ["outcome"]), "{{outcome}}")
        ),
        panel(
            "Time of a step",
            "s",
            "One of a hundred takes longer.",
            (quantile(0.99, f.HOLDS, ["step"]), "{{step}}"),
        ),
    ),
)

STORE = Row(
    "Store",
    (
        panel(
            "Batches",
            "reqps",
            "Conditional batches by outcome; refused ones are lost races, not_done ones never began.",
            (rate(f.BATCH, ["outcome"]), "{{outcome}}"),
        ),
        panel(
            "Time of a batch",
            "s",
            "From sending to the answer, group commit included.",
            *quantiles(f.BATCH, ("outcome",)),
        ),
        panel("Reads", "reqps", "By kind.", (rate(f.READ, ["method"]), "{{method}}")),
        panel(
            "Time of a read", "s", "One of a hundred takes longer.", (quantile(0.99, f.READ, ["method"]), "{{method}}")
        ),
        panel(
            "Steps in a batch",
            "short",
            "Group commit: many where a seat group is hot.",
            (f"{rate(f.GROUP_MEMBERS)} / ({rate(f.GROUPS)} > 0)", "steps in a batch"),
        ),
        panel(
            "Batches sent again",
            "reqps",
            "Refused batches of group commit, and the steps that went again since another was refused.",
            (rate(f.GROUPS_REFUSED), "refused"),
            (rate(f.GROUP_AGAIN), "steps again"),
        ),
        panel(
            "Unknown outcomes",
            "reqps",
            "Batches without an answer, and how they were settled; open: nobody asked again within a minute.",
            (rate(f.UNKNOWN), "unknown"),
            (rate(f.SETTLED, ["settled"]), "settled: {{settled}}"),
        ),
        panel(
            "Not settled yet",
            "short",
            "Batches without an answer: until their step is tried again and finds out, for a minute at most.",
            (gauge("sum", f.UNSETTLED), "open"),
        ),
        panel(
            "Forgotten",
            "reqps",
            "Rows that the embedded store has forgotten, and visits of trips that may be over.",
            (rate(f.FORGOTTEN_ROWS), "rows"),
            (rate(f.TRIP_VISITS, ["outcome"]), "trips: {{outcome}}"),
        ),
    ),
)

EDGE = Row(
    "Redis and caches",
    (
        panel(
            "Redis answers",
            "short",
            "1: of all processes; 0: some process goes without.",
            (gauge("min", f.EDGE_UP), "up"),
        ),
        panel(
            "Calls of the edge",
            "reqps",
            "All but the locking of cells, by outcome.",
            (rate(f.EDGE_CALL, ["port", "outcome"]), "{{port}} {{outcome}}"),
        ),
        panel(
            "Time of a call of the edge",
            "s",
            "One of a hundred takes longer.",
            (quantile(0.99, f.EDGE_CALL, ["port", "method"]), "{{port}}.{{method}}"),
        ),
        panel(
            "Found in caches",
            "percentunit",
            "The share of lookups that were hits.",
            (f"{rate(f.CACHE, ['cache'], result='=hit')} / ({rate(f.CACHE, ['cache'])} > 0)", "{{cache}}"),
        ),
        panel(
            "Lookups of caches",
            "reqps",
            "Hits and misses.",
            (rate(f.CACHE, ["cache", "result"]), "{{cache}} {{result}}"),
        ),
    ),
)

EVENTS = Row(
    "Events out and in",
    (
        panel(
            "How far sinks are behind",
            "s",
            "The age of the oldest event that a sink has not had. TravioRelayBehind begins at a minute.",
            (gauge("max", f.RELAY_LAG, ["sink"]), "{{sink}}"),
        ),
        panel(
            "Until events are forgotten",
            "s",
            "How soon an event is forgotten that a sink has not had; missed: the time whose events are gone.",
            (gauge("min", f.RELAY_LEFT, ["sink"]), "{{sink}}"),
            (gauge("max", f.RELAY_MISSED, ["sink"]), "{{sink}} missed"),
        ),
        panel("Published", "reqps", "Events that a sink has accepted.", (rate(f.PUBLISHED, ["sink"]), "{{sink}}")),
        panel(
            "Time of publishing",
            "s",
            "Handing events over, some or many at once.",
            *quantiles(f.PUBLISHING, ("sink", "outcome")),
        ),
        panel(
            "Events of other services",
            "reqps",
            "By what came of them.",
            (rate(f.EVENTS_IN, ["source", "outcome"]), "{{source}} {{outcome}}"),
        ),
        panel("Time of an event in", "s", "From its arrival to its effect.", *quantiles(f.EVENTS_IN, ("source",))),
        panel(
            "Tried again",
            "short",
            "Events in that wait for their next try.",
            (gauge("sum", f.EVENTS_IN_WAITING, ["source"]), "{{source}}"),
        ),
        panel(
            "Dead letters",
            "short",
            "Events in that can never take effect as they are, and events that a webhook refused for good. "
            "TravioDeadLetters begins at one.",
            (gauge("max", f.DEAD_LETTERS, ["direction", "name"]), "{{direction}} {{name}}"),
        ),
        panel(
            "The oldest dead letter",
            "s",
            "For how long it has been dead: it is forgotten after 30 days, unless that is set otherwise.",
            (gauge("max", f.DEAD_LETTERS_AGE, ["direction", "name"]), "{{direction}} {{name}}"),
        ),
    ),
)

RECORD = Row(
    "The record",
    (
        panel(
            "Faults that the auditor left",
            "short",
            "Since the start of each process. Any of them is a ticket at least.",
            (f"sum by (fault) ({series(f.AUDIT_FAULTS)})", "{{fault}}"),
        ),
        panel(
            "What the auditor could not check",
            "short",
            "Since the start of each process: the store or Redis did not answer it.",
            (f"sum by (what) ({series(f.NOT_CHECKED)})", "{{what}}"),
        ),
    ),
)

PROCESSES = Row(
    "Processes",
    (
        panel(
            "Ready",
            "short",
            "Processes that take calls, and those whose figures are missing.",
            (gauge("sum", f.READY), "ready"),
            (f"count({series(f.WORKER_UP)} == 0) or 0 * {gauge('sum', f.WORKER_UP)}", "silent"),
        ),
        panel(
            "Why processes are not ready",
            "short",
            "How many, by part.",
            (gauge("sum", f.PROBLEM, ["part"]), "{{part}}"),
        ),
        panel(
            "Busy event loops",
            "percentunit",
            "1 is a full core. TravioLoopFull begins at 0.9.",
            (rate(f.BUSY, OF_EACH), "{{instance}} {{worker}}"),
        ),
        panel(
            "Longest turn of the loop",
            "s",
            "For so long all other calls of the process waited.",
            (gauge("max", f.TURN, OF_EACH), "{{instance}} {{worker}}"),
        ),
        panel("CPU", "short", "Cores.", (of_processes(rate(f.CPU, OF_EACH)), "{{instance}} {{worker}}")),
        panel(
            "Memory",
            "bytes",
            "Resident. The limit of a pod is 1 GiB.",
            (of_processes(gauge("max", f.MEMORY, OF_EACH)), "{{instance}} {{worker}}"),
        ),
        panel(
            "Open files and sockets",
            "short",
            "Of a process.",
            (of_processes(gauge("max", f.FILES, OF_EACH)), "{{instance}} {{worker}}"),
        ),
        panel("Lines of the log", "reqps", "By level.", (rate(f.LOG_LINES, ["level"]), "{{level}}")),
        panel(
            "Age",
            "s",
            "Since the start of the process.",
            (of_processes(f"time() - {gauge('max', f.STARTED, OF_EACH)}"), "{{instance}} {{worker}}"),
        ),
        panel(
            "What runs",
            "short",
            "Addresses by version, store and edge.",
            (gauge("sum", f.INFO, ["version", "store", "edge"]), "{{version}} {{store}} {{edge}}"),
        ),
    ),
)

BOARDS: Final = (
    Board("travio-inventory-sales", "Travio inventory: sales", "What callers and customers see.", (CALLS, SALES)),
    Board(
        "travio-inventory-store",
        "Travio inventory: store and edge",
        "Where time goes, and what the database and Redis say.",
        (STEPS, STORE, EDGE),
    ),
    Board(
        "travio-inventory-processes",
        "Travio inventory: events and processes",
        "What is told to others, and what the processes need.",
        (EVENTS, STOCK, PURCHASES, RECORD, PROCESSES),
    ),
)
