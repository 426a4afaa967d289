/** How banners look: a constructed style sheet, which a strict Content-Security-Policy allows. */

import css from './style.css';

/** @type {CSSStyleSheet | undefined} */
let sheet;

/** The one style sheet of all elements. */
export function styleSheet() {
  if (!sheet) {
    sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
  }
  return sheet;
}
