/**
 * A list of banners in a shadow root: what is shown, said and focused.
 *
 * Texts become text nodes, links are checked; nothing here reads markup.
 * @typedef {import('../quadrupel-banners.js').Banner} Banner
 * @typedef {import('../quadrupel-banners.js').Words} Words
 * @typedef {{ seen: (banner: Banner) => void, clicked: (banner: Banner, event: MouseEvent) => void, dismiss: (banner: Banner) => void }} Actions
 * @typedef {{ words: Words, label: string, lang?: string, second: number }} Looks
 */

import { keyOf, safeLink } from './banner.js';
import { watchSeen } from './seen.js';

/** For how long a screen reader finds what was said, in milliseconds. */
const SAID = 10000;

/**
 * An element with attributes and children; strings become text.
 * @param {string} name @param {Record<string, string>} attributes @param {(Node | string)[]} children
 */
function make(name, attributes, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/**
 * Fills `root`, which has to be empty. `label` names the region to screen readers, `lang` is the language if that is not
 * the page's; after `second` in view a banner counts as seen.
 * @param {ShadowRoot} root @param {Looks} looks @param {Actions} actions
 */
export function openView(root, { words, label, lang, second }, actions) {
  const list = make('ul', { part: 'list', role: 'list' });
  const region = make('section', { part: 'region', 'aria-label': label }, list);
  const status = make('p', { class: 'status', role: 'status', 'aria-live': 'polite', tabindex: '-1' });
  /** @type {Map<string, { node: HTMLElement, banner: Banner, form: string }>} */
  let items = new Map();
  let answered = false;
  let saying = 0;
  if (lang) region.lang = status.lang = lang;
  region.hidden = true;
  root.append(region, status);
  const watch = watchSeen(second, (node) => {
    for (const item of items.values()) if (item.node === node) actions.seen(item.banner);
  });

  function say(/** @type {string} */ text) {
    clearTimeout(saying);
    status.textContent = text;
    saying = setTimeout(() => {
      status.textContent = '';
    }, SAID);
  }

  /** @param {Banner} banner */
  function titleOf(banner) {
    const href = safeLink(banner.link);
    if (!href) return banner.title;
    const link = make('a', { part: 'link', href }, banner.title);
    link.onclick = link.onauxclick = (event) => {
      if (event.button < 2) actions.clicked(banner, event); // the middle one opens a tab
    };
    return link;
  }

  /** @param {Banner} banner */
  function itemOf(banner) {
    const title = make('p', { part: 'title', class: 'title', dir: 'auto' }, titleOf(banner));
    const body = make('div', {}, title);
    if (banner.text) body.append(make('p', { part: 'text', class: 'text', dir: 'auto' }, banner.text));
    const item = make('li', { part: 'banner' }, body);
    if (banner.dismissible) {
      const name = `${words.dismiss}: ${banner.title}`;
      const button = make('button', { part: 'dismiss', type: 'button', 'aria-label': name });
      // The next banner's button comes to this place, and has the focus: twice or for long is not meant for it.
      button.onkeydown = ({ key, repeat }) => key !== 'Enter' || !repeat;
      button.onclick = ({ detail }) => {
        if (detail > 1) return;
        say(words.dismissed);
        actions.dismiss(banner);
      };
      item.append(button);
    }
    return item;
  }

  /** Put the nodes of `items` into the list, moving as few as possible. */
  function arrange() {
    /** @type {Element[]} */
    const nodes = [...items.values()].map((item) => item.node);
    for (const node of [...list.children]) {
      if (nodes.includes(node)) continue;
      watch.forget(node);
      node.remove();
    }
    nodes.forEach((node, place) => {
      const there = list.children[place] || null;
      if (there === node) return;
      if (!node.isConnected) watch.observe(node);
      list.insertBefore(node, there);
    });
    region.hidden = !nodes.length;
    root.host.toggleAttribute('empty', !nodes.length);
  }

  /** What is focused when `lost` is not any more: its like in the banner that has taken its place. */
  function refocus(/** @type {Element} */ lost, /** @type {number} */ place) {
    /** @type {Element | undefined} */
    const next = list.children[Math.min(place, list.children.length - 1)];
    const like = next?.querySelector(lost.localName) || next?.querySelector('button, a');
    const found = lost.isConnected ? lost : like || status;
    /** @type {HTMLElement} */ (found).focus();
  }

  return {
    /** Show these banners, in this order. What arrives after the first time is announced. @param {Banner[]} banners */
    render(banners) {
      const focused = root.activeElement;
      const place = [...list.children].findIndex((node) => node.contains(focused));
      const before = items;
      const arrived = [];
      items = new Map();
      for (const banner of banners) {
        const key = keyOf(banner);
        const form = JSON.stringify(banner);
        const old = before.get(key);
        const node = old && old.form === form ? old.node : itemOf(banner);
        items.set(key, { node, banner, form });
        if (!old && answered && !banner.fallback) arrived.push(banner.title);
      }
      answered = true;
      arrange();
      if (arrived.length) say(`${words.arrived}: ${arrived.join('; ')}`);
      if (focused && root.activeElement !== focused) refocus(focused, place);
    },

    close() {
      clearTimeout(saying);
      watch.close();
      root.replaceChildren();
    },
  };
}
