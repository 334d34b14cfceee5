// What a page lacks of what no rule of axe-core of weight asks for.

/**
 * orderly runs in the page. It says what is missing of a language, a title, one first heading and no gap below it, names of
 * tables and of all their columns, the keyboard's way to everything that can be used, and a focus that can be seen on it.
 */
export function orderly() {
  const out = [];
  if (!/^[a-z]{2}/.test(document.documentElement.lang)) out.push('a language');
  if (document.title.trim() === '') out.push('a title');
  const levels = [...document.querySelectorAll('h1,h2,h3,h4,h5,h6')].filter((h) => h.checkVisibility()).map((h) => Number(h.localName[1]));
  if (levels.filter((n) => n === 1).length !== 1) out.push(`one first heading: ${levels}`);
  const inMain = [...document.querySelectorAll('main :is(h1,h2,h3,h4,h5,h6)')].map((h) => Number(h.localName[1]));
  if (inMain.some((n, i) => n > (inMain[i - 1] ?? 0) + 1)) out.push(`headings in order: ${inMain}`);
  if (document.querySelectorAll('main').length !== 1) out.push('one main part');
  for (const table of document.querySelectorAll('table')) {
    if (!table.caption && !table.closest('[role=region][aria-label]:not([aria-label=Table])')) out.push(`a caption: ${table.outerHTML.slice(0, 100)}`);
    for (const th of table.querySelectorAll('thead th')) if (th.textContent.trim() === '' || !th.hasAttribute('scope')) out.push(`a name of a column of ${table.caption?.textContent}`);
  }
  const usable = [...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex="0"]')].filter((e) => e.checkVisibility() && !e.disabled);
  for (const e of usable) if (e.tabIndex < 0) out.push(`the keyboard's way to ${e.outerHTML.slice(0, 100)}`);

  // The focus goes to each of them, of a long page to as many as tell whether one kind is without; then back to where it was,
  // and the next step by keyboard begins at the top, as if nobody had been here.
  const most = 60;
  const had = document.activeElement;
  for (const e of usable.filter((_, i) => i < most || i >= usable.length - most)) {
    e.focus({ preventScroll: true, focusVisible: true });
    const style = getComputedStyle(e);
    if (document.activeElement !== e) out.push(`a focus on ${e.outerHTML.slice(0, 100)}`);
    else if (style.outlineStyle === 'none' || parseFloat(style.outlineWidth) < 2) out.push(`a focus that can be seen on ${e.outerHTML.slice(0, 100)}`);
  }
  document.activeElement?.blur();
  if (had && had !== document.body) had.focus({ preventScroll: true });
  else {
    const top = document.createElement('span');
    top.tabIndex = -1;
    document.body.prepend(top);
    top.focus({ preventScroll: true });
    top.remove();
  }
  return out;
}
