/**
 * How long everything waits, in milliseconds, and how waits grow.
 * @typedef {import('../quadrupel-banners.js').Waits} Waits
 */

/** No wait that the API asks for is longer; browsers take one of 25 days for none at all. */
export const LONGEST = 3600000;

/** @type {Waits} */
export const WAITS = {
  retry: 1000,
  most: 60000,
  answer: 8000,
  silence: 40000,
  stable: 10000,
  poll: 60000,
  again: 600000,
  hidden: 10000,
  seen: 1000,
  feedback: 2000,
  age: 3600000,
};

/**
 * How long to wait after so many failures in a row: never less than `retry`, doubled by each, and spread so that a
 * crowd does not come back as one.
 * @param {number} failures @param {number} retry @param {number} most
 */
export function backoff(failures, retry, most) {
  return Math.max(retry, Math.min(most / 2, retry * 2 ** failures)) * (1 + Math.random());
}
