"""The words that name a CQL cluster."""

import pytest

from travio_inventory.store.addresses import Cluster, parse_cluster


@pytest.mark.parametrize(
    ("text", "cluster"),
    [
        ("localhost", Cluster(("localhost",), 9042)),
        ("db-1.example,db_2", Cluster(("db-1.example", "db_2"), 9042)),
        ("10.0.0.1:9142, 10.0.0.2:9142", Cluster(("10.0.0.1", "10.0.0.2"), 9142)),
        ("[::1]", Cluster(("::1",), 9042)),
        ("[fe80::1]:9043,[fe80::2]:9043", Cluster(("fe80::1", "fe80::2"), 9043)),
    ],
)
def test_a_cluster_is_named_by_its_nodes(text: str, cluster: Cluster) -> None:
    assert parse_cluster(text) == cluster


@pytest.mark.parametrize(
    "text", ["", ",", "db1,", "db1:", ":9042", "db1:port", "db1:0", "db1:65536", "u:p@db1", "cql://db1", "::1", "a b"]
)
def test_an_invalid_cluster_name_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not an address"):
        parse_cluster(text)


def test_nodes_of_one_cluster_share_their_port() -> None:
    with pytest.raises(ValueError, match="several ports"):
        parse_cluster("db1:9042,db2:9043")
