from quadrupel.api.remembered import OVERHEAD, Remembered


def test_an_answer_is_found_by_all_that_was_asked() -> None:
    answers: Remembered[bytes] = Remembered()
    answers.add(("a", 1, "en"), b"one", 3)
    assert answers.find(("a", 1, "en")) == b"one"
    assert answers.find(("a", 2, "en")) is None
    assert answers.find(("b", 1, "en")) is None


def test_the_oldest_is_forgotten_when_there_is_no_room() -> None:
    answers: Remembered[int] = Remembered(limit=3 * (OVERHEAD + 10))
    for number in range(5):
        answers.add(number, number, 10)
    assert [answers.find(number) for number in range(5)] == [None, None, 2, 3, 4]
    assert answers.bytes == 3 * (OVERHEAD + 10)


def test_one_that_is_added_again_counts_once() -> None:
    answers: Remembered[str] = Remembered()
    answers.add("asked", "before", 100)
    answers.add("asked", "after", 10)
    assert answers.find("asked") == "after"
    assert answers.bytes == OVERHEAD + 10


def test_one_too_large_to_be_remembered_is_not() -> None:
    answers: Remembered[str] = Remembered(limit=OVERHEAD + 10)
    answers.add("small", "small", 1)
    answers.add("large", "large", 11)
    assert answers.find("large") is None
    assert answers.bytes == 0


def test_what_is_not_there_is_forgotten_quietly() -> None:
    answers: Remembered[str] = Remembered()
    answers.forget("nothing")
    assert answers.bytes == 0
