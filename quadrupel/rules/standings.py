"""What becomes of the banners of the rules that hold for a user, as explanations tell it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from types import MappingProxyType

from quadrupel.core import arbitration
from quadrupel.core.arbitration import Loss, Standing, Why
from quadrupel.core.dismissals import Dismissal
from quadrupel.core.offers import Catalogue
from quadrupel.core.profiles import Profile
from quadrupel.core.verdicts import Verdict
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.explain import read_clauses, verdict_of


def standings(
    rule_set: RuleSet,
    catalogue: Catalogue,
    profile: Profile,
    today: date,
    open_rules: Collection[str] = (),
    held: Collection[str] = (),
    dismissed: Mapping[str, Dismissal] = MappingProxyType({}),
) -> dict[str, Standing]:
    """Where the banners of all rules that hold are shown and why not elsewhere, by rule.

    `catalogue` has the offers of the rule set. As publish decides it: a rule that errs or is among
    those `held` shows what it shows already, and that it does if it is among the `open_rules`,
    which have an open match. The banners of those `dismissed` are away.
    """
    holding, waiting = set(), set()
    for rule in rule_set.rules.values():
        verdict = verdict_of(read_clauses(rule.predicate, profile.values, today))
        stays = rule.id in held or verdict is Verdict.ERROR
        if rule.id in open_rules if stays else verdict is Verdict.MATCH:
            holding.add(rule.id)
        elif verdict is Verdict.MATCH:
            waiting.add(rule.id)
    return arbitration.standings(profile.user_id, holding, catalogue, waiting, dismissed)


def told(standing: Standing) -> list[str]:
    """Where the banner of a rule is shown and why not elsewhere, a sentence each."""
    reading = f", in the variant {standing.variant}" if standing.variant else ""
    shown = [f"shown in {standing.placement} on {', '.join(standing.clients)}{reading}"]
    lost = [
        f"not shown on {', '.join(loss.clients)}: {said(standing, loss)}"
        for loss in standing.losses
    ]
    return [*(shown if standing.clients else ()), *lost]


def said(standing: Standing, loss: Loss) -> str:
    """Why a banner is not shown on some clients."""
    before = f"{_listed(loss.to)} {'come' if len(loss.to) > 1 else 'comes'} before it"
    sentences: Mapping[Why, str] = {
        Why.SHADOW: "its rule is in shadow",
        Why.SHARE: "the user is not in the share of users it is shown to",
        Why.CONTROL: "the user is in a control group, to compare the others with",
        Why.HELD: "its rule is held, see `quadrupel rules held`",
        Why.DISMISSED: f"it {standing.dismissal}",
        Why.CLIENT: f"{standing.placement} is not there",
        Why.STORY: f"{before} and tells its story",
        Why.EXCLUSIVE: f"{before}, of the same exclusive group",
        Why.LIMIT: f"no room in {standing.placement}, {before}",
    }
    return sentences[loss.why]


def _listed(rules: Sequence[str]) -> str:
    """Names as in a sentence: a, b and c."""
    return " and ".join([", ".join(rules[:-1]), *rules[-1:]]) if len(rules) > 1 else "".join(rules)
