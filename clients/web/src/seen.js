/** When a banner has been seen: half of it in view for a second, by somebody who could see it. */

/** @type {CheckVisibilityOptions} */
const REALLY = { opacityProperty: true, visibilityProperty: true };

/** Whether `node` is painted, and nothing lies over the middle of its part that is in view. @param {Element} node */
function isUncovered(node) {
  const { left, right, top, bottom } = node.getBoundingClientRect();
  const x = (Math.max(left, 0) + Math.min(right, innerWidth)) / 2;
  const y = (Math.max(top, 0) + Math.min(bottom, innerHeight)) / 2;
  const root = /** @type {ShadowRoot} */ (node.getRootNode());
  return node.contains(root.elementFromPoint(x, y)) && (node.checkVisibility?.(REALLY) ?? true);
}

/**
 * `onSeen` is called once for each node that is observed.
 * @param {number} milliseconds @param {(node: Element) => void} onSeen
 */
export function watchSeen(milliseconds, onSeen) {
  /** @type {Map<Element, number>} */
  const timers = new Map();
  const observer = new IntersectionObserver(
    (entries) => {
      for (const { target, intersectionRatio } of entries) {
        if (!timers.has(target)) continue; // told late, of one that is not watched any more
        stop(target);
        if (intersectionRatio >= 0.5 && !document.hidden) start(target);
      }
    },
    { threshold: 0.5 },
  );

  function start(/** @type {Element} */ node) {
    timers.set(node, setTimeout(look, milliseconds, node));
  }

  function stop(/** @type {Element} */ node) {
    clearTimeout(timers.get(node));
  }

  function look(/** @type {Element} */ node) {
    if (!isUncovered(node)) return start(node);
    forget(node);
    onSeen(node);
  }

  function observe(/** @type {Element} */ node) {
    timers.set(node, 0);
    observer.observe(node);
  }

  function forget(/** @type {Element} */ node) {
    stop(node);
    timers.delete(node);
    observer.unobserve(node);
  }

  /** A second counts only if it is whole: begin anew with the page hidden or shown. */
  function turn() {
    for (const node of [...timers.keys()]) {
      forget(node);
      observe(node);
    }
  }

  document.addEventListener('visibilitychange', turn);
  return {
    observe,
    forget,
    close() {
      document.removeEventListener('visibilitychange', turn);
      for (const node of [...timers.keys()]) forget(node);
    },
  };
}
