/** Draws what the explain route says: of each banner that is shown, of those that wait, and of those that nearly are. */

import { make } from './words.js';

const NEAR = 6;
const opened = new Map(); // by rule, what somebody has opened or closed
const MARKS = new Map([
  [true, '✓'],
  [false, '✕'],
  [null, '?'],
]);

/** A value as people read it. */
function said(value, words) {
  if (value === null) return words.unknown;
  if (typeof value === 'boolean') return words[value];
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

/** Whether all that keeps a rule from holding is one of its clauses, of which everything is known. */
function isNear({ verdict, clause }) {
  const parts = clause.clauses || [];
  const lacking = parts.filter((each) => each.value !== true);
  return verdict === 'no_match' && parts.length > 1 && lacking.length === 1 && lacking[0].value === false;
}

/** Whether it is written as what it is, which tells nothing. */
const isLiteral = ({ text, value }) => text === String(value) || Number(text) === value;

function clauseLine({ value, text, error }, words) {
  const mark = make('span', { class: `mark ${value}`, 'aria-hidden': 'true' }, MARKS.get(value) || '=');
  return make(
    'span',
    { class: 'clause' },
    mark,
    make('code', {}, text),
    ' ',
    make('span', { class: 'value' }, error || said(value, words)),
  );
}

function clauseItem(clause, words) {
  const item = make('li', {}, clauseLine(clause, words));
  const inner = (clause.clauses || []).filter((each) => !isLiteral(each));
  if (inner.length) item.append(make('ul', {}, ...inner.map((each) => clauseItem(each, words))));
  return item;
}

function inputRow({ attribute, doc, value, event, time }, words) {
  const known = value === null ? words.missing : said(value, words);
  const origin = event ? `${words.by} ${event}${time ? `, ${time.slice(0, 10)}` : ''}` : '';
  const name = make('dt', {}, make('code', {}, attribute), make('span', { lang: 'en' }, doc || ''));
  return [name, make('dd', {}, make('strong', {}, known), ` ${origin}`)];
}

function deadline({ deadline: day, deadline_is_exact: exact }, words) {
  if (!day) return words.forGood;
  return `${exact ? words.until : words.atLeastUntil} ${day}`;
}

/** Where a banner is shown, or why it is not. */
function places({ banner, verdict }, words) {
  if (!banner) return [make('span', { class: 'badge' }, verdict.replace('_', ' '))];
  const names = { web: words.onWeb, ios: words.onIos };
  const on = banner.clients
    .filter((each) => names[each])
    .map((each) => make('span', { class: 'badge on' }, names[each]));
  return [...on, make('span', { class: 'badge' }, banner.placement)];
}

function card(rule, titles, words, open) {
  const title = titles.get(rule.rule);
  const name = title
    ? make('span', { class: 'title' }, title)
    : make('span', { class: 'title', lang: 'en' }, rule.description);
  const summary = make('summary', {}, name, ' ', ...places(rule, words));
  if (isNear(rule))
    summary.append(
      clauseLine(
        rule.clause.clauses.find((each) => each.value === false),
        words,
      ),
    );
  summary.addEventListener('click', () => opened.set(rule.rule, !summary.parentElement.open));
  const losses = (rule.banner?.losses || []).filter((each) =>
    each.clients.some((client) => client !== 'android'),
  );
  const told = losses.map((each) =>
    make('p', { class: 'loss', lang: 'en' }, `${each.clients.join(', ')}: ${each.said}`),
  );
  const about = make('p', { class: 'about' }, make('code', {}, rule.rule), ` ${deadline(rule, words)}`);
  const inputs = make('dl', {}, ...rule.inputs.flatMap((each) => inputRow(each, words)));
  const body = [
    make('h4', {}, words.clauses),
    make('ul', { class: 'clauses' }, clauseItem(rule.clause, words)),
    make('h4', {}, words.inputs),
    inputs,
  ];
  return make(
    'details',
    { 'data-rule': rule.rule, ...(open && { open: '' }) },
    summary,
    about,
    ...told,
    ...body,
  );
}

function group(id, rules, empty, words, draw) {
  const cards = rules.length ? rules.map(draw) : [make('p', { class: 'hint' }, empty)];
  return make('section', { id }, make('h3', {}, `${words[id]} (${rules.length})`), ...cards);
}

/** Fill `root` with cards. `titles` are those of the banners shown, by rule. */
export function showReasons(root, { rules }, titles, words) {
  const holding = rules.filter((each) => each.banner);
  const shown = [...titles.keys()].flatMap((id) => holding.filter((each) => each.rule === id));
  const waiting = holding.filter((each) => !titles.has(each.rule));
  const near = rules.filter(isNear).slice(0, NEAR);
  const draw = (open) => (rule) => card(rule, titles, words, opened.get(rule.rule) ?? open);
  const others = [
    group('waiting', waiting, words.nothing, words, draw(false)),
    group('near', near, words.nothing, words, draw(false)),
  ];
  const focused = root.contains(document.activeElement) && document.activeElement.parentElement.dataset.rule;
  root.replaceChildren(group('shown', shown, words.fallback, words, draw(true)), make('div', {}, ...others));
  if (focused) root.querySelector(`[data-rule="${focused}"] summary`)?.focus();
}
