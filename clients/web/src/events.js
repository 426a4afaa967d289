/**
 * Server-Sent Events read from a plain response: `EventSource` cannot send a token.
 * @typedef {{ event?: string, data?: string, id?: string, retry?: string }} ServerEvent
 */

const LONGEST_EVENT = 1000000;

/**
 * A function that takes the text of a stream in pieces as they come, and tells of each event the fields that it has.
 * By https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation.
 * Raises RangeError for an event without end.
 * @param {(event: ServerEvent) => void} onEvent
 */
export function eventReader(onEvent) {
  let rest = '';
  return (/** @type {string} */ piece) => {
    const blocks = (rest + piece).split(/\r\n\r\n|\n\n|\r\r/);
    rest = blocks.pop() || '';
    if (rest.length > LONGEST_EVENT) throw new RangeError();
    for (const block of blocks) {
      /** @type {Record<string, string>} */
      const fields = {};
      for (const line of block.split(/\r\n|\n|\r/)) {
        const [, name, value] = /** @type {string[]} */ (/^([^:]*):? ?(.*)$/s.exec(line));
        fields[name] = name === 'data' && name in fields ? `${fields.data}\n${value}` : value;
      }
      onEvent(fields);
    }
  };
}
