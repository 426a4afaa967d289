"""What a rule set offers and wants, in the terms of `quadrupel.core`."""

from quadrupel.core.experiments import Goals, by_event
from quadrupel.core.offers import Catalogue, Offer
from quadrupel.rules.catalogue import RuleSet
from quadrupel.rules.rule import Rule


def offers(rule_set: RuleSet) -> Catalogue:
    """What publish needs to know of a rule set."""
    return Catalogue(
        offers={rule.id: _offer(rule, rule_set.control) for rule in rule_set.rules.values()},
        limits={name: placement.limits for name, placement in rule_set.placements.items()},
        rule_set=rule_set.hash,
    )


def _offer(rule: Rule, common_control: float) -> Offer:
    messages = []
    if rule.email is not None:
        messages.append(("email", rule.email.template))
    if rule.webhook is not None:
        messages.append((f"webhook:{rule.webhook.endpoint}", rule.id))
    banner = rule.banner
    return Offer(
        rule=rule.id,
        placement=banner.placement if banner else None,
        priority=banner.priority if banner else 0,
        messages=tuple(messages),
        shadow=rule.shadow,
        share=rule.share,
        exclusive=banner.exclusive if banner else None,
        story=banner.story if banner else None,
        must_show=banner.must_show if banner else False,
        dismiss_for=banner.dismiss_for if banner else None,
        experiment=rule.experiment(common_control),
        recorded=rule.is_experiment,
    )


def goals(rule_set: RuleSet) -> Goals:
    """What rules want, by the type of the events that tell it."""
    return by_event([rule.goal for rule in rule_set.rules.values() if rule.goal is not None])


def must_send(rule_set: RuleSet) -> frozenset[str]:
    """The origins of messages that nobody can refuse: the law says their banners must be shown."""
    rules = rule_set.rules.values()
    return frozenset(f"rule:{each.id}" for each in rules if each.banner and each.banner.must_show)
