/**
 * What the API sends is data, of which nothing is trusted.
 * @typedef {import('../quadrupel-banners.js').Banner} Banner
 * @typedef {import('../quadrupel-banners.js').BannerSet} BannerSet
 */

/**
 * What makes two banners one and the same to the citizen: the story that they tell. A placement's fallback tells none.
 * @param {Pick<Banner, 'rule' | 'episode' | 'placement'>} banner
 */
export const keyOf = ({ rule, episode, placement }) => JSON.stringify([rule || placement, episode]);

/** The banners of a set that can be shown, each once. Throws for what is no set. @param {BannerSet} set */
export function readable({ banners }) {
  const sound = banners.filter((each) => each?.title && typeof each.title === 'string');
  return [...new Map(sound.map((each) => [keyOf(each), each])).values()];
}

/** The address that a link leads to; '' unless it is a path or http(s). @param {unknown} link */
export function safeLink(link) {
  if (typeof link !== 'string' || !link) return '';
  try {
    const { href, protocol } = new URL(link, document.baseURI);
    return /^https?:$/.test(protocol) ? href : '';
  } catch (_) {
    return '';
  }
}
