import pytest

from quadrupel.bus.topics import MESSAGE_LIMIT, check_partitions, check_sizes, topics
from quadrupel.core.errors import InputRefused, TopicRefused
from quadrupel.core.ports import Outgoing, Topic


def test_the_flow_has_six_topics() -> None:
    assert {topic.name for topic in topics(8)} == {
        "quadrupel.events",
        "quadrupel.profiles",
        "quadrupel.ranges",
        "quadrupel.verdicts",
        "quadrupel.messages",
        "quadrupel.dead-letters",
    }
    assert {topic.partitions for topic in topics(8)} == {8}


def test_topics_as_wanted_pass_and_others_do_not_matter() -> None:
    check_partitions([Topic("a", 2)], {"a": 2, "foreign": 7})


def test_the_mend_is_named_for_what_is_missing_and_for_what_differs() -> None:
    with pytest.raises(TopicRefused) as refusal:
        check_partitions([Topic("a", 2), Topic("b", 2), Topic("c", 2)], {"b": 3})
    text = str(refusal.value)
    assert "missing topics: a, c; run `quadrupel bus create`" in text
    assert "b has 3 partitions, not 2" in text


def test_the_limit_counts_key_and_value() -> None:
    check_sizes([Outgoing("a", b"key", bytes(MESSAGE_LIMIT - 3))])
    with pytest.raises(InputRefused, match="too-large"):
        check_sizes([Outgoing("a", b"keys", bytes(MESSAGE_LIMIT - 3))])
