/**
 * The demo page: who is at the portal, what happens, two views of it, and why.
 *
 * What is chosen is in the address (`/?situation=licence&language=en`), so a reload shows the same again.
 */

import { showReasons } from './why.js';
import { make, WORDS, write } from './words.js';

const CLIENTS = ['web', 'ios'];
const SETTLED = 80;
const LETTERS_COME = [300, 1500, 4000];
const find = (id) => document.getElementById(id);

const program = await (await fetch('/demo')).json();
const asked = new URLSearchParams(location.search);
const banners = new Map();
let language = program.languages.find((each) => each === asked.get('language')) || program.languages[0];
let situation =
  program.situations.find((each) => each.id === asked.get('situation')) || program.situations[0];
let words = WORDS[language];
let working = false;
let timers = [];
let drawn = '';

const dayInWords = (day) =>
  new Date(`${day}T12:00:00`).toLocaleDateString(language === 'en' ? 'en-GB' : language, {
    dateStyle: 'long',
  });

function say(...parts) {
  find('status').textContent = parts.join(' ');
}

/** What the server answers of the citizen in the situation; throws with its words. */
async function call(path, method = 'POST') {
  const answer = await fetch(`/demo/${situation.id}${path}`, { method });
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.detail);
  return told;
}

/** One act at a time: what a button does, and what is said of it. */
async function act(path, tell) {
  if (working) return;
  working = true;
  document.body.setAttribute('aria-busy', 'true');
  say(words.working);
  try {
    const told = await call(path);
    find('day').textContent = dayInWords(told.day);
    say(tell(told));
    return told;
  } catch (error) {
    say(words.failed, error instanceof TypeError ? words.away : error.message);
  } finally {
    working = false;
    document.body.removeAttribute('aria-busy');
    refresh();
  }
}

async function explain() {
  const titles = new Map(
    [...banners.values()]
      .flat()
      .filter((each) => each.rule)
      .map((each) => [each.rule, each.title]),
  );
  const told = await call('/explanations', 'GET');
  const form = JSON.stringify([told, [...titles], language]);
  if (form !== drawn) showReasons(find('reasons'), told, titles, words);
  drawn = form;
}

async function readLetters() {
  const found = await call('/mails', 'GET');
  const letters = found.map(({ subject, text }) =>
    make('details', {}, make('summary', {}, subject), make('pre', {}, text)),
  );
  const open = [...find('mails').querySelectorAll('details')].length;
  if (letters.length && letters.length === open) return;
  find('mails').replaceChildren(
    ...(letters.length ? letters : [make('p', { class: 'hint' }, words.noLetters)]),
  );
}

/** Show anew what is not live by itself, once all views have said what they show. E-mails take a moment longer. */
function refresh() {
  const quietly = (what) => !working && what().catch(() => {}); // the API may be away; the next change asks again
  for (const timer of timers) clearTimeout(timer);
  timers = [
    setTimeout(quietly, SETTLED, explain),
    ...LETTERS_COME.map((wait) => setTimeout(quietly, wait, readLetters)),
  ];
}

function button(words, onClick) {
  const node = make('button', { type: 'button' }, words);
  node.addEventListener('click', onClick);
  return node;
}

function drawLanguages() {
  const buttons = program.languages.map((each) => {
    const node = button(each.toUpperCase(), () => choose(situation, each));
    node.lang = each;
    node.setAttribute('aria-pressed', String(each === language));
    return node;
  });
  find('languages').replaceChildren(...buttons);
}

function drawCitizens() {
  for (const old of find('citizens').querySelectorAll('label')) old.remove();
  for (const each of program.situations) {
    const radio = make('input', { type: 'radio', name: 'situation', value: each.id });
    radio.checked = each === situation;
    radio.addEventListener('change', () => choose(each, language));
    const about = make('span', { class: 'about' }, each.about[language]);
    const text = make('span', {}, make('strong', {}, each.person[language]), about);
    find('citizens').append(make('label', {}, radio, text));
  }
}

function drawButtons() {
  const spans = program.spans.map((each) =>
    button(words[each], () => act(`/time/${each}`, ({ day }) => `${words.moved} ${dayInWords(day)}.`)),
  );
  find('spans').replaceChildren(...spans);
  const happenings = situation.happenings.map(({ id, title }) =>
    button(title[language], () => act(`/events/${id}`, () => `${words.done} ${title[language]}.`)),
  );
  find('happenings').replaceChildren(...happenings);
}

function drawFrames() {
  for (const client of CLIENTS) {
    const query = new URLSearchParams({
      client,
      situation: situation.id,
      person: situation.person[language],
      language,
    });
    find(client).contentWindow.location.replace(`/portal?${query}`);
  }
}

/** Let another citizen come, or speak another language. */
async function choose(next, spoken) {
  if (working) return drawCitizens();
  const focused = document.activeElement?.value || document.activeElement?.lang;
  [situation, language, words] = [next, spoken, WORDS[spoken]];
  history.replaceState(null, '', `/?situation=${situation.id}&language=${language}`);
  document.documentElement.lang = language;
  banners.clear();
  drawn = '';
  find('mails').replaceChildren();
  write(document, words);
  drawLanguages();
  drawCitizens();
  drawButtons();
  if (focused) document.querySelector(`[value="${focused}"], #languages [lang="${focused}"]`)?.focus();
  await act('', () => `${situation.person[language]} ${words.made}`);
  drawFrames();
}

async function beginAgain() {
  const told = await act('/again', () => `${situation.person[language]} ${words.made}`);
  find('mails').replaceChildren();
  if (told)
    for (const client of CLIENTS) find(client).contentWindow.postMessage('another citizen', location.origin);
}

find('again').addEventListener('click', beginAgain);
addEventListener('message', ({ origin, data }) => {
  if (origin !== location.origin || !CLIENTS.includes(data.client)) return;
  banners.set(data.client, data.banners);
  refresh();
});
choose(situation, language);
