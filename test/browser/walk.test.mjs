// Every page that links lead to, in every house, at the width of a desk and of a telephone. fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { person, ready } from './browser.mjs';

/** enough bounds a walk: no house has this many kinds of pages. */
const enough = 90;

/** kind is an address without what tells one record from another, so that one page of each kind is walked. */
const kind = (url) =>
  url.pathname.replace(/\/(?=[^/]*\d)[A-Za-z0-9._-]{6,}(?=\/|$)/g, '/{id}') + [...url.searchParams.keys()].sort().map((k) => `?${k}`).join('');

/** walk visits one page of each kind that links lead to from where the person is, in the house that he is in. */
async function walk(who) {
  const house = new URL(who.page.url());
  const known = new Set([kind(house)]);
  const ways = [];
  const walked = [];
  const collect = async () => {
    for (const href of await who.page.evaluate(() => [...document.querySelectorAll('a[href]')].map((a) => a.href))) {
      const url = new URL(href);
      url.hash = '';
      // What logs out or gives a file is no page.
      if (url.host !== house.host || /logout|\.(csv|json|txt|pem)$|\/download/.test(url.pathname) || known.has(kind(url))) continue;
      known.add(kind(url));
      ways.push(url.href);
    }
  };
  walked.push(house.pathname);
  await collect();
  while (ways.length > 0 && walked.length < enough) {
    await who.visit(ways.shift());
    if (new URL(who.page.url()).host !== house.host) continue; // a page of another house, which has a walk of its own
    assert.notEqual(who.status, 404, `${who}: a link leads nowhere`);
    walked.push(new URL(who.page.url()).pathname + new URL(who.page.url()).search);
    await collect();
  }
  assert.ok(ways.length === 0, `more than ${enough} kinds of pages: ${ways.slice(0, 5)}`);
  return walked;
}

/** tabs goes through the page by keyboard and says where the focus was: everything that can be used, once, in the order of the page. */
async function tabs(who) {
  await who.page.evaluate(() => document.activeElement?.blur());
  const order = [];
  for (let i = 0; i < 200; i++) {
    await who.page.keyboard.press('Tab');
    const at = await who.page.evaluate(() => {
      const e = document.activeElement;
      if (!e || e === document.body) return null;
      const all = [...document.querySelectorAll('a[href],button,input:not([type=hidden]),select,textarea,summary,[tabindex="0"]')].filter((x) => x.checkVisibility());
      const style = getComputedStyle(e);
      return { at: all.indexOf(e), of: all.length, seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2, what: e.outerHTML.slice(0, 120) };
    });
    if (at === null || (order.length > 0 && at.at === order[0].at)) break;
    order.push(at);
  }
  assert.ok(order.length > 0, `${who}: nothing can be reached by keyboard`);
  for (const o of order) assert.ok(o.seen, `${who}: the focus cannot be seen on ${o.what}`);
  const positions = order.map((o) => o.at);
  assert.deepEqual(positions, positions.toSorted((a, b) => a - b), `${who}: the focus jumps`);
}

const houses = {
  org: async (who) => {
    await who.signsInToOrg(ready.crm.admin);
  },
  tenant: async (who) => {
    await who.signsInToEngagement(ready.engagement.admin);
  },
  connect: async (who) => {
    await who.visit(`${ready.connect.url}/console`);
    await who.follow('Sign in with Salesforce');
    await who.signsInToOrg(ready.crm.system_user, { stay: true });
    if (await who.page.getByRole('button', { name: 'Allow', exact: true }).count()) await who.press('Allow');
    await who.sees('The bridge');
  },
  tab: async (who) => {
    await who.visit(`${ready.connect.url}/marketing-cloud`);
    await who.signsInToOrg(ready.crm.users[0], { stay: true });
    if (await who.page.getByRole('button', { name: 'Allow', exact: true }).count()) await who.press('Allow');
  },
};

for (const [house, begin] of Object.entries(houses)) {
  test(`all pages of the ${house}`, async (t) => {
    const ann = await person(`somebody in the ${house}`);
    await begin(ann);
    await tabs(ann);
    const walked = await walk(ann);
    t.diagnostic(`${house}: ${walked.length} pages: ${walked.join(' ')}`);
    const state = await ann.context.storageState();
    const phone = await person(`somebody in the ${house}`, { phone: true, state, judged: false });
    for (const path of [...new Set(walked)]) await phone.visit(new URL(path, ann.page.url()).href);
    await phone.leaves();
    await ann.leaves();
  });
}
