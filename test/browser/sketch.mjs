// What a page is, apart from the records on it.

/**
 * sketch runs in the page. drawn is its elements with what a rule of axe-core may go by, without what differs from one record
 * to another: texts count as being there, rows that look alike as one. bytes is what the page transferred with an empty cache,
 * wide how many pixels it is wider than the window.
 */
export function sketch() {
  // Attributes whose values are of the page; of others only whether there is something, and of references whether it is there.
  const kept = /^(role|type|class|lang|dir|tabindex|scope|colspan|rowspan|autocomplete|open|hidden|disabled|required|multiple|aria-(?!label$|valuetext$|valuenow$))/;
  const references = /^(for|aria-(labelledby|describedby|controls|owns|errormessage|activedescendant))$/;
  const ids = new Map();
  for (const e of document.querySelectorAll('[id]')) ids.set(e.id, (ids.get(e.id) ?? 0) + 1);
  const attribute = ({ name, value }) => {
    if (references.test(name)) return `${name}→${value.trim().split(/\s+/).map((id) => ids.get(id) ?? 0)}`;
    if (name === 'id') return `id×${ids.get(value)}`;
    return kept.test(name) ? `${name}=${value}` : `${name}${value.trim() === '' ? '' : '…'}`;
  };
  const draw = (e) => {
    if (e.nodeType === Node.TEXT_NODE) return e.data.trim() === '' ? '' : '·';
    if (e.nodeType !== Node.ELEMENT_NODE) return '';
    let inside = '';
    let last = '';
    for (const child of e.childNodes) {
      const one = draw(child);
      if (one !== '' && one !== last) inside += last = one;
    }
    return `<${[e.localName, ...[...e.attributes].map(attribute).sort()].join(' ')}>${inside}</>`;
  };
  const { scrollWidth, clientWidth } = document.documentElement;
  return {
    title: document.title,
    bytes: [...performance.getEntriesByType('navigation'), ...performance.getEntriesByType('resource')].reduce((n, e) => n + (e.encodedBodySize || e.transferSize) + 300, 0),
    wide: scrollWidth - clientWidth,
    drawn: draw(document.documentElement),
  };
}
