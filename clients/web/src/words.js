/**
 * What the element says of its own accord, by language.
 * @typedef {import('../quadrupel-banners.js').Words} Words
 */

/** @type {Record<string, Words>} */
const WORDS = {
  en: {
    region: 'Notifications',
    dismiss: 'Dismiss',
    arrived: 'New notification',
    dismissed: 'Notification dismissed',
  },
  ru: {
    region: 'Уведомления',
    dismiss: 'Скрыть',
    arrived: 'Новое уведомление',
    dismissed: 'Уведомление скрыто',
  },
};

/** In the language of a tag like `ru-RU`; in English where there are no words in it. */
export const wordsIn = (/** @type {string} */ language) =>
  WORDS[language.toLowerCase().split(/[-_]/)[0]] || WORDS.en;
