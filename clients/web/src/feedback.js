/**
 * What the citizen did with banners, on its way to the API.
 * @typedef {import('../quadrupel-banners.js').Banner} Banner
 * @typedef {import('../quadrupel-banners.js').Waits} Waits
 * @typedef {import('./session.js').Session} Session
 * @typedef {'seen' | 'clicked' | 'dismissed'} Action
 * @typedef {{ banner: string | null, episode: string, action: Action, time: Date }} Feedback
 */

import { refusal } from './session.js';
import { backoff } from './waits.js';

const MOST_AT_ONCE = 50;

/**
 * As JSON for the API, which counts an action once a day (UTC): what was done on an earlier day says when. Of today the
 * API's own clock says it; by the citizen's, if it is ahead, the feedback would be refused.
 * @param {unknown} told
 */
function written(told) {
  const today = new Date().toISOString().slice(0, 10);
  return JSON.stringify(told, (name, value) => (name === 'time' && value > today ? undefined : value));
}

/**
 * Each piece is repeated until it has arrived, or is refused for good: then `onRefused` hears of it.
 * @param {Session} session @param {Waits} waits @param {(feedback: Feedback) => void} onRefused
 */
export function openFeedback(session, waits, onRefused) {
  /** @type {Feedback[]} */
  let queue = [];
  let [timer, held, failures, atOnce] = [0, 0, 0, MOST_AT_ONCE]; // `timer` ends a request, or begins the next
  let sending = false;
  let request = new AbortController();

  function sendIn(/** @type {number} */ milliseconds) {
    if (sending) return; // what is there by then goes next
    clearTimeout(timer);
    timer = setTimeout(send, Math.max(milliseconds, held - Date.now()));
  }

  async function send() {
    if (!queue.length) return;
    sending = true;
    const batch = queue.slice(0, atOnce);
    if (await settle(batch)) queue = queue.filter((each) => !batch.includes(each));
    sending = false;
    sendIn(0);
  }

  /** Whether `batch` is done with: it arrived, or is refused. @param {Feedback[]} batch */
  async function settle(batch) {
    request = new AbortController();
    timer = setTimeout(() => request.abort(), waits.answer);
    try {
      await session.call('/feedback', {
        method: 'POST',
        keepalive: true,
        headers: { 'Content-Type': 'application/json' },
        body: written(batch),
        signal: request.signal,
      });
    } catch (error) {
      const { final, after } = refusal(error);
      if (!final) held = Date.now() + Math.max(after, backoff(++failures, waits.retry, waits.most));
      else if (batch.length === 1) onRefused(batch[0]);
      else atOnce = 1; // find out which
      return final && batch.length === 1;
    }
    failures = 0;
    atOnce = Math.min(atOnce * 2, MOST_AT_ONCE);
    return true;
  }

  return {
    /** @param {Banner} banner @param {Action} action */
    add({ rule, episode }, action) {
      if (!episode) return; // a fallback, of which nobody asks
      queue.push({ banner: rule, episode, action, time: new Date() });
      if (action !== 'seen') sendIn(0);
      else if (queue.length === 1) sendIn(waits.feedback);
    },

    /** The page is hidden, and may not be shown again: do not wait for more. */
    flush: () => sendIn(0),

    /** The page goes away: what may not have arrived goes once more, by a request that outlives it. */
    leave() {
      const body = written({ access_token: session.used, feedback: queue });
      if (queue.length && session.used) navigator.sendBeacon(`${session.base}/feedback`, body);
      queue = []; // the next token may be another citizen's
      clearTimeout(timer);
      request.abort();
    },
  };
}
