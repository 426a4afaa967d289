from datetime import date

import polars as pl

from quadrupel.core.attributes import Attribute, Feed, Operation, Schema, Type
from quadrupel.rules.tally import Tally, band_names, group_columns

TODAY = date(2026, 11, 23)


def users(*born, region="77"):
    return pl.DataFrame(
        {
            "user_id": [f"u{number}" for number in range(len(born))],
            "birth_date": list(born),
            "residence_region": [region] * len(born),
        },
        schema_overrides={"birth_date": pl.Date()},
    )


def test_ages_are_counted_as_rules_count_them():
    tally = Tally(TODAY, 0)
    tally.add(users(date(2012, 11, 23), date(2012, 11, 24), date(2008, 11, 23), None))
    assert tally.ages == {"14-17": 1, "under 14": 1, "18-24": 1, None: 1}
    leap = Tally(date(2026, 2, 28), 0)
    leap.add(users(date(2012, 2, 29), date(2012, 3, 1), date(1900, 1, 1)))
    assert leap.ages == {"14-17": 1, "under 14": 1, "75 and over": 1}
    assert band_names()[0] == "under 14"


def test_regions_are_counted_and_unknown_ones_too():
    tally = Tally(TODAY, 0)
    tally.add(users(None, None))
    tally.add(users(None, region=None))
    assert (tally.count, tally.regions) == (3, {"77": 2, None: 1})


def test_a_sample_does_not_depend_on_the_order_of_users():
    everybody = pl.DataFrame({"user_id": [f"u{number}" for number in range(1000)]})
    one, other = Tally(TODAY, 5), Tally(TODAY, 5)
    one.add(everybody)
    for part in reversed(list(everybody.iter_slices(100))):
        other.add(part)
    assert one.sample == other.sample
    assert len(set(one.sample)) == 5
    few = Tally(TODAY, 5)
    few.add(everybody.head(2))
    few.add(everybody.head(0))
    assert few.sample == ["u0", "u1"]


def test_groups_are_the_declared_attributes_of_the_right_type(schema):
    assert list(group_columns(schema)) == []

    def attribute(name, type_):
        return Attribute(name, type_, "", (Feed(Operation.LATEST, "e", field="f"),))

    declared = {
        "birth_date": attribute("birth_date", Type.DATE),
        "residence_region": attribute("residence_region", Type.INTEGER),
    }
    assert [each.name for each in group_columns(Schema(declared))] == ["birth_date"]
