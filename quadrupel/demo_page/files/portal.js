/**
 * A page of the made portal, in a frame of the demo page: `/portal?client=web&situation=licence&person=...&language=en`.
 *
 * What it does with banners is what any portal does: it configures the component, and shows it.
 */

import { configure } from '/quadrupel-banners.js';
import { make, WORDS, write } from './words.js';

/** Where there is no stream, as after the API was away: one machine may be asked more often than a portal. */
const POLL = 5000;

const asked = new URLSearchParams(location.search);
const client = asked.get('client') === 'ios' ? 'ios' : 'web';
const language = asked.get('language') in WORDS ? asked.get('language') : 'en';
const words = WORDS[language];
const person = asked.get('person') || '';
const shown = new Map();
let token = '';

async function signIn(refused) {
  if (token && token !== refused) return token;
  const answer = await fetch(`/demo/${asked.get('situation')}/token`, { method: 'POST' });
  token = answer.ok ? await answer.json() : '';
  return token;
}

/** The demo page explains what is shown here, so it is told. */
function tell({ target, detail }) {
  shown.set(target.getAttribute('placement'), detail.banners);
  document.body.toggleAttribute('data-offers', Boolean(shown.get('sidebar')?.length));
  parent.postMessage({ client, banners: [...shown.values()].flat() }, location.origin);
}

function open(event) {
  event.preventDefault();
  document.getElementById('opened').textContent = `${words.opened} ${event.detail.banner.link}`;
}

/** The demo page says when somebody else is at the portal. */
function hear({ origin, data }) {
  if (origin !== location.origin || data !== 'another citizen') return;
  token = '';
  configure({});
}

document.documentElement.lang = language;
document.title = words.portal;
document.body.classList.add(client);
write(document, words);
document.getElementById('greeting').textContent = words.greeting + person.split(' ')[0];
document.getElementById('person').textContent = person;
document.getElementById('tiles').append(...words.tiles.map((each) => make('li', {}, each)));
document.getElementById('mobile').hidden = client !== 'ios';
if (client === 'ios') document.getElementById('sidebar').remove();
else document.getElementById('mobile').remove();
document.addEventListener('quadrupel-banners', tell);
document.addEventListener('quadrupel-click', open);
addEventListener('message', hear);
configure({ api: `/${client}`, locale: language, token: signIn, waits: { poll: POLL } });
