/**
 * A citizen's banners on a page: `<quadrupel-banners>`, and `connect`, which it is made of.
 *
 * Whatever fails, the page goes on: banners are not there, or stay, and come by themselves when the API is back.
 * What is exported, and what it means, says quadrupel-banners.d.ts.
 * @typedef {import('../quadrupel-banners.js').Defaults} Defaults
 */

import { QuadrupelBanners as Own } from './element.js';

export { connect } from './connect.js';

const TAG = 'quadrupel-banners';
const elements = globalThis.customElements;

// A page may load this twice, from two addresses: then the elements are those of whoever was first.
if (elements && !elements.get(TAG)) elements.define(TAG, Own);

export const QuadrupelBanners = /** @type {typeof Own} */ (elements?.get(TAG) || Own);

export const configure = (/** @type {Defaults} */ defaults) => QuadrupelBanners.configure(defaults);
