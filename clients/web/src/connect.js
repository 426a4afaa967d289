/**
 * Who on the page wants which banners, and what the citizen has done with them.
 * @typedef {import('../quadrupel-banners.js').Banner} Banner
 * @typedef {import('../quadrupel-banners.js').Options} Options
 * @typedef {import('../quadrupel-banners.js').Connection} Connection
 * @typedef {import('../quadrupel-banners.js').Waits} Waits
 * @typedef {{ placement?: string, onBanners: Options['onBanners'], told?: string }} Member
 * @typedef {ReturnType<typeof openSource>} Source
 */

import { keyOf, readable } from './banner.js';
import { openFeedback } from './feedback.js';
import { openReader } from './reader.js';
import { openSession } from './session.js';
import { WAITS } from './waits.js';

/** Those that may be shared. @type {Set<Source>} */
const sources = new Set();

/** Share nothing of what is open: the citizen may be another one. */
export const beginAnew = () => sources.clear();

/**
 * Everything that is the same for all placements: one request at a time, since a browser has few connections to a
 * host and a stream keeps one.
 * @param {string} api @param {Options['token']} token @param {string | undefined} locale @param {Waits} waits
 */
function openSource(api, token, locale, waits) {
  /** @type {Set<Member>} */
  const members = new Set();
  /** @type {Set<string>} */
  const dismissed = new Set();
  /** @type {Set<string>} */
  const seen = new Set();
  /** @type {Banner[] | undefined} */
  let banners;

  function tell(/** @type {Member} */ member) {
    const { placement, onBanners } = member;
    const shown = (banners || []).filter(
      (each) => (!placement || each.placement === placement) && !dismissed.has(keyOf(each)),
    );
    const told = JSON.stringify(shown);
    if (told === member.told) return;
    member.told = told;
    try {
      onBanners(shown);
    } catch (error) {
      reportError(error); // theirs, and no reason to stop reading
    }
  }

  const tellAll = () => members.forEach(tell);
  const session = openSession(api, token);
  const feedback = openFeedback(session, waits, ({ banner: rule, episode, action }) => {
    if (action === 'dismissed' && dismissed.delete(keyOf({ rule, episode }))) tellAll();
  });
  const reader = openReader(session, waits, {
    ...feedback,
    parameters() {
      const query = new URLSearchParams({ client: 'web' });
      const [placement, ...others] = new Set([...members].map((each) => each.placement));
      if (placement && !others.length) query.set('placement', placement);
      if (locale) query.set('locale', locale);
      return `?${query}`;
    },
    language: () => (locale ? '' : document.documentElement.lang.replace(/[^A-Za-z0-9-]/g, '-')),
    onSet(set) {
      banners = readable(set);
      tellAll();
    },
    onLost() {
      if (!banners) return;
      banners = [];
      tellAll();
      banners = undefined;
    },
  });

  const source = {
    api,
    token,
    locale,

    join(/** @type {Member} */ member) {
      members.add(member);
      if (!reader.renew() && banners) tell(member);
    },

    /** The last one to leave ends it, unless somebody may join at once: elements are moved about in pages. */
    leave(/** @type {Member} */ member) {
      members.delete(member);
      const end = () => {
        if (members.size) return;
        sources.delete(source);
        reader.close();
      };
      if (sources.has(source)) setTimeout(end);
      else end();
    },

    seen(/** @type {Banner} */ banner) {
      const key = keyOf(banner);
      if (!seen.has(key)) feedback.add(banner, 'seen');
      seen.add(key);
    },

    clicked: (/** @type {Banner} */ banner) => feedback.add(banner, 'clicked'),

    dismiss(/** @type {Banner} */ banner) {
      const key = keyOf(banner);
      if (!dismissed.has(key)) feedback.add(banner, 'dismissed');
      dismissed.add(key);
      tellAll();
    },
  };
  return source;
}

/**
 * Follow the citizen's banners, see quadrupel-banners.d.ts. Whoever names the same API, token function and language
 * shares one source, until all begins anew.
 * @param {Options} options @returns {Connection}
 */
export function connect({ api = '', token, locale, placement, onBanners, waits }) {
  let source = [...sources].find(
    (each) => each.api === api && each.token === token && each.locale === locale,
  );
  if (!source) {
    source = openSource(api, token, locale, { ...WAITS, ...waits });
    sources.add(source);
  }
  const { join, leave, seen, clicked, dismiss } = source;
  const member = { placement, onBanners };
  join(member);
  return { close: () => leave(member), seen, clicked, dismiss };
}
