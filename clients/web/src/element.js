/**
 * `<quadrupel-banners>`: a view that shows what a connection brings.
 * @typedef {import('../quadrupel-banners.js').Defaults} Defaults
 * @typedef {import('../quadrupel-banners.js').Options} Options
 * @typedef {import('../quadrupel-banners.js').Banner} Banner
 */

import { beginAnew, connect } from './connect.js';
import { styleSheet } from './style.js';
import { openView } from './view.js';
import { WAITS } from './waits.js';
import { wordsIn } from './words.js';

/** @type {Set<QuadrupelBanners>} */
const inPage = new Set();

/** @type {Defaults} */
let defaults = {};

/** A server that renders pages imports this too, and has no elements. */
const Base = globalThis.HTMLElement || /** @type {typeof HTMLElement} */ (class {});

/**
 * Whether nobody prevented what follows.
 * @param {QuadrupelBanners} element @param {string} type @param {object} detail
 */
const emit = (element, type, detail) =>
  element.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, cancelable: true }));

/** Show banners in `element`; what ends it. @param {QuadrupelBanners} element @param {Options['token']} token */
function open(element, token) {
  const get = (/** @type {string} */ name) => element.getAttribute(name) || undefined;
  const locale = get('locale') || defaults.locale;
  const words = { ...wordsIn(locale || document.documentElement.lang), ...defaults.words };
  const waits = { ...WAITS, ...defaults.waits };
  const label = get('label') || words.region;
  const root = /** @type {ShadowRoot} */ (element.shadowRoot);
  const looks = { words, label, lang: locale, second: waits.seen };
  const view = openView(root, looks, {
    seen: (banner) => connection.seen(banner),
    dismiss: (banner) => connection.dismiss(banner),
    clicked: (banner, event) => {
      connection.clicked(banner);
      const { button, ctrlKey, metaKey, shiftKey } = event;
      const plain = !(button || ctrlKey || metaKey || shiftKey);
      if (plain && !emit(element, 'quadrupel-click', { banner })) event.preventDefault();
    },
  });
  const connection = connect({
    api: get('api') || defaults.api,
    placement: get('placement'),
    locale,
    token,
    waits,
    onBanners: (banners) => {
      view.render(banners);
      emit(element, 'quadrupel-banners', { banners });
    },
  });
  return () => {
    connection.close();
    view.close();
  };
}

export class QuadrupelBanners extends Base {
  static get observedAttributes() {
    return ['placement', 'api', 'locale', 'label'];
  }

  /** What holds for all elements that do not say otherwise. @param {Defaults} options */
  static configure(options) {
    beginAnew();
    defaults = { ...defaults, ...options };
    for (const element of inPage) element._settle();
  }

  constructor() {
    super();
    this.attachShadow({ mode: 'open' }).adoptedStyleSheets = [styleSheet()];
    /** @type {unknown[]} */
    this._settings = [];
    this._close = () => {};
    /** @type {Options['token'] | undefined} */
    this._token = undefined;
  }

  get token() {
    return this._token;
  }

  set token(token) {
    this._token = token;
    this._settle();
  }

  connectedCallback() {
    const own = Object.getOwnPropertyDescriptor(this, 'token'); // set before the element was defined
    if (own) {
      Reflect.deleteProperty(this, 'token');
      this._token = own.value;
    }
    inPage.add(this);
    this._settle();
  }

  disconnectedCallback() {
    inPage.delete(this);
    this._settle();
  }

  attributeChangedCallback() {
    this._settle();
  }

  /** When all has been said in this turn, begin anew if what was said differs from before. */
  _settle() {
    queueMicrotask(() => {
      const token = this.isConnected ? this._token || defaults.token : undefined;
      const attributes = QuadrupelBanners.observedAttributes.map((name) => this.getAttribute(name));
      const settings = [token, defaults, ...attributes];
      if (settings.every((each, place) => each === this._settings[place])) return;
      this._settings = settings;
      this._close();
      this.toggleAttribute('empty', true);
      this._close = token ? open(this, token) : () => {};
    });
  }
}
