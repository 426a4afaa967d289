/**
 * Calls to the API as one citizen, and what becomes of those that it refuses.
 * @typedef {import('../quadrupel-banners.js').Options} Options
 * @typedef {ReturnType<typeof openSession>} Session
 */

import { LONGEST } from './waits.js';

/**
 * An answer that is not the one hoped for. `after`: for how many milliseconds the API wants to be left alone; below 0 is
 * not at all.
 */
export class Refusal extends Error {
  /** @param {number} status @param {string | null} [retryAfter] seconds or a date, as the header says it */
  constructor(status, retryAfter) {
    super();
    this.status = status;
    const date = Date.parse(/** @type {string} */ (retryAfter));
    this.after = Math.min(Number(retryAfter) * 1000 || date - Date.now() || 0, LONGEST);
  }

  /** Whether the same request would be refused again. */
  get final() {
    const { status } = this;
    return status >= 400 && status < 500 && ![401, 408, 425, 429].includes(status);
  }
}

/** What failed as a refusal; status 0 when no answer came at all. */
export const refusal = (/** @type {unknown} */ error) => (error instanceof Refusal ? error : new Refusal(0));

/** Rejects when the request of this signal is given up. @param {AbortSignal} signal @returns {Promise<never>} */
const givenUp = (signal) =>
  new Promise((_, reject) => {
    signal.onabort = reject;
  });

/**
 * `token` is asked before each call, and told which token the API did not accept.
 * @param {string} api @param {Options['token']} token
 */
export function openSession(api, token) {
  const base = `${api.replace(/\/$/, '')}/v1/me/banners`;
  const warned = new Set();
  /** @type {string | undefined} */
  let refused;

  /** Say once per cause what a developer has to mend. That the API is away is nobody's mistake. */
  function warn(/** @type {string} */ cause, /** @type {unknown} */ detail) {
    if (!warned.has(cause)) console.warn(`quadrupel-banners: ${cause}:`, detail);
    warned.add(cause);
  }

  const session = {
    base,
    /** The token used last: what a page that goes away has no time to ask for. */
    used: '',

    /**
     * Raises a Refusal for any answer but 2xx and 304. Its signal ends the wait for a token too.
     * @param {string} path @param {RequestInit & { signal: AbortSignal }} init
     */
    async call(path, init) {
      let used = '';
      try {
        used = (await Promise.race([token(refused), givenUp(init.signal)])) || '';
      } catch (error) {
        if (!init.signal.aborted) warn('no token', error);
        throw error;
      }
      session.used = used;
      if (!used) throw new Refusal(401); // nobody is signed in
      const headers = { ...init.headers, Authorization: `Bearer ${used}` };
      const response = await fetch(base + path, { cache: 'no-store', ...init, headers });
      refused = response.status === 401 ? used : undefined;
      if (response.ok || response.status === 304) return response;
      const found = new Refusal(response.status, response.headers.get('Retry-After'));
      if (found.final && !path.startsWith('/stream')) {
        const problem = await response.json().catch(() => ({}));
        warn(`${response.status} from ${base}`, problem.detail);
      }
      throw found;
    },
  };
  return session;
}
