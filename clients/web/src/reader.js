/**
 * Reads banner sets as long as the page is looked at: live from a stream, else by polling.
 *
 * One request at a time. A stream that cannot be opened is followed by a read at once, so that there are banners; it is
 * tried again later. What is broken is asked for ever more rarely, and as soon as it answers all is as before.
 * @typedef {import('../quadrupel-banners.js').BannerSet} BannerSet
 * @typedef {import('../quadrupel-banners.js').Waits} Waits
 * @typedef {import('./session.js').Session} Session
 * @typedef {{ parameters: () => string, language: () => string, onSet: (set: BannerSet) => void, onLost: () => void, flush: () => void, leave: () => void }} Needs
 */

import { eventReader } from './events.js';
import { Refusal, refusal } from './session.js';
import { backoff, LONGEST } from './waits.js';

const NO_STREAM = [404, 405, 406, 501];
const BAD_STREAMS = 3;

/**
 * `onSet` takes a set, and throws if it is none. `onLost`: what came before does not hold any more, be it too old or
 * the citizen signed out. `flush` and `leave`: nobody looks for now, and nobody will.
 * @param {Session} session @param {Waits} waits @param {Needs} needs
 */
export function openReader(session, waits, needs) {
  const { parameters, language, onSet, onLost, flush, leave } = needs;
  let request = new AbortController();
  let wake = () => {};
  let [asked, etag, lastId] = ['', '', ''];
  let [due, held, streamHeld, noStreamUntil] = [0, 0, 0, 0]; // held: the API wants to be left alone until then
  let [failures, refusals, badStreams, guard, hiding] = [0, 0, 0, 0, 0];
  let [confirmed, retry] = [Date.now(), waits.retry];
  let [paused, closed, interrupted, silent] = [document.hidden, false, false, false];

  async function run() {
    while (!closed) {
      const wait = paused ? LONGEST : Math.max(due, held) - Date.now();
      if (wait > 0) {
        await sleep(wait);
      } else {
        const pause = await round();
        due = interrupted ? 0 : Date.now() + pause; // also by what came of the answer
      }
    }
  }

  /** @param {number} milliseconds @returns {Promise<void>} */
  function sleep(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** One request. How long to wait after it. */
  async function round() {
    request = new AbortController();
    interrupted = false;
    try {
      return await (Date.now() < Math.max(noStreamUntil, streamHeld) ? poll() : stream());
    } catch (error) {
      return interrupted ? 0 : failed(refusal(error));
    } finally {
      clearTimeout(guard);
      request.abort(); // what is not read to its end would stay open
    }
  }

  /** @param {Refusal} refused */
  function failed({ status, after }) {
    failures += 1;
    refusals = status === 401 || status === 403 ? refusals + 1 : 0;
    held = Date.now() + after;
    if (!refusals) noStreamUntil = Infinity; // until a read, which costs less, is answered
    if (refusals ? refusals > 1 : Date.now() - confirmed > waits.age) {
      etag = lastId = '';
      onLost();
    }
    return refusals === 1 ? 0 : backoff(failures, retry, waits.most);
  }

  /** Give the request up when nothing comes for so long. */
  function patience(/** @type {number} */ milliseconds) {
    clearTimeout(guard);
    guard = setTimeout(() => request.abort(), milliseconds);
  }

  /** @param {string} path @param {Record<string, string>} headers */
  function ask(path, headers) {
    if (language()) headers['Accept-Language'] = language();
    patience(waits.answer);
    return session.call(path + asked, { headers, signal: request.signal });
  }

  /** What is asked for may change with the page; then what was answered before says nothing. */
  function look() {
    if (asked !== parameters()) etag = lastId = '';
    asked = parameters();
  }

  async function poll() {
    look();
    const response = await ask('', etag ? { 'If-None-Match': etag } : {});
    if (response.status !== 304) {
      onSet(await response.json());
      etag = response.headers.get('ETag') || '';
    }
    confirmed = Date.now();
    if (!failures) return waits.poll * (0.8 + 0.4 * Math.random());
    failures = refusals = badStreams = noStreamUntil = 0; // all of the API was away, so the stream may be back as well
    return 0;
  }

  async function stream() {
    look();
    const began = Date.now();
    const body = await openStream();
    if (!body) return 0;
    let ended = '';
    silent = true;
    try {
      ended = await follow(body);
    } catch (error) {
      if (interrupted) throw error;
    }
    const lived = !silent && Date.now() - began > waits.stable;
    if (lived) badStreams = 0;
    else avoid();
    return lived && ended === 'expired' ? 0 : backoff(0, retry, waits.most);
  }

  /** Read instead, and try a stream again later; much later after some that were bad. */
  function avoid() {
    refusals = 0; // whatever was wrong, it was not the token
    badStreams += 1;
    noStreamUntil = Date.now() + (badStreams < BAD_STREAMS ? waits.poll : waits.again);
  }

  /** Nothing, when there is no stream to be had for a while. */
  async function openStream() {
    const headers = { Accept: 'text/event-stream' };
    try {
      const response = await ask('/stream', lastId ? { ...headers, 'Last-Event-ID': lastId } : headers);
      const type = response.headers.get('Content-Type') || '';
      if (!response.body || !type.startsWith('text/event-stream')) throw new Refusal(501);
      patience(lastId ? waits.silence : waits.answer); // who knows the last set is sent heartbeats only
      return response.body;
    } catch (error) {
      const { status, after } = refusal(error);
      if (interrupted || status === 401) throw error;
      if (NO_STREAM.includes(status)) badStreams = BAD_STREAMS;
      streamHeld = Date.now() + after; // a read may be answered all the same
      avoid();
    }
  }

  /** Take events until the stream ends: the reason it gives, or ''. @param {ReadableStream} body */
  async function follow(body) {
    let reason = '';
    const read = eventReader(({ event, data = '', id = lastId, retry: wanted }) => {
      if (event === 'banners') onSet(JSON.parse(data));
      if (event === 'end') reason = JSON.parse(data).reason;
      lastId = id;
      retry = Math.min(Number(wanted) || retry, LONGEST);
    });
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return reason;
      silent = false;
      failures = refusals = 0;
      confirmed = Date.now();
      patience(waits.silence);
      read(value);
    }
  }

  function interrupt() {
    interrupted = true;
    request.abort();
    hurry();
  }

  function pause() {
    paused = true;
    interrupt();
  }

  function goAway() {
    leave();
    pause();
  }

  function resume() {
    if (document.hidden || !paused) return;
    paused = false;
    hurry();
  }

  function hurry() {
    due = 0;
    wake();
  }

  function turn() {
    clearTimeout(hiding);
    if (!document.hidden) return resume();
    hiding = setTimeout(pause, waits.hidden);
    flush();
  }

  const listening = new AbortController();
  const { signal } = listening;
  document.addEventListener('visibilitychange', turn, { signal });
  addEventListener('pagehide', goAway, { signal });
  addEventListener('pageshow', resume, { signal });
  addEventListener('online', hurry, { signal });
  queueMicrotask(run); // when everybody who is on the page already has said what to ask for

  return {
    /** Ask again if what is to be asked for has changed. Whether it has. */
    renew() {
      if (!asked || asked === parameters()) return false;
      interrupt();
      return true;
    },
    close() {
      closed = true;
      listening.abort();
      clearTimeout(hiding);
      goAway();
    },
  };
}
