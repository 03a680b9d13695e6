"""Whether a caller takes an answer that is compressed."""

GZIP = "gzip"
NEVER = {"q=0", "q=0.0", "q=0.00", "q=0.000"}


def accepts_gzip(accepted: str) -> bool:
    """Whether the value of Accept-Encoding allows gzip."""
    codings = (coding.partition(";") for coding in accepted.lower().split(","))
    return any(name.strip() == GZIP and quality.strip() not in NEVER for name, _, quality in codings)
