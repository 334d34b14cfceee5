// Every page that links lead to, in every house, at the width of a desk and of a telephone. fixture: demo
// minutes: 4
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { control, person, ready, until } from './browser.mjs';
import { kind, noPage } from './kinds.mjs';

/** enough bounds a walk: no house has this many kinds of pages. */
const enough = 90;

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
      if (url.host !== house.host || noPage(url) || known.has(kind(url))) continue;
      known.add(kind(url));
      ways.push(url.href);
    }
  };
  walked.push(house.pathname);
  await skips(who);
  await who.looksByPhone();
  await collect();
  while (ways.length > 0 && walked.length < enough) {
    await who.visit(ways.shift());
    if (new URL(who.page.url()).host !== house.host) continue; // a page of another house, which has a walk of its own
    assert.notEqual(who.status, 404, `${who}: a link leads nowhere`);
    walked.push(new URL(who.page.url()).pathname);
    await skips(who);
    await who.looksByPhone();
    await collect();
  }
  assert.ok(ways.length === 0, `more than ${enough} kinds of pages: ${ways.slice(0, 5)}`);
  return walked;
}

/** skips goes past the navigation by keyboard: the first stop leads to the content. */
async function skips(who) {
  await who.page.evaluate(() => {
    document.activeElement?.blur();
    getSelection()?.removeAllRanges();
  });
  if (await who.page.locator('[autofocus]').count()) return; // where the first stop is the field that waits for the person
  await who.page.keyboard.press('Tab');
  const first = await who.page.evaluate(() => document.activeElement?.getAttribute('href'));
  assert.equal(first, '#main', `${who}: the first stop is no link past the navigation`);
  await who.page.keyboard.press('Enter');
  await until(`the focus in the content of ${who}`, async () => (await who.page.evaluate(() => document.activeElement?.id)) === 'main');
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
  workbench: async (who) => {
    await who.visit(`${ready.crm.url}/login`);
    await who.follow('Forgot Your Password?');
    await who.fill({ Username: ready.crm.users[0].username });
    await who.press('Continue');
    await until('the letter', async () => (await control('GET', '/mail')).messages.length);
    await control('POST', '/faults', { path: '/nowhere', status: 503, latency: '1s' });
    await control('POST', '/pairs', { fixture: 'new-org' });
    await who.visit(`${ready.control.url}/workbench`);
    await who.fill({ 'Control token': ready.control.token });
    await who.press('Sign in');
  },
};

for (const [house, begin] of Object.entries(houses)) {
  test(`all pages of the ${house}`, async (t) => {
    const ann = await person(`somebody in the ${house}`);
    await begin(ann);
    await tabs(ann);
    const walked = await walk(ann);
    t.diagnostic(`${house}: ${walked.length} pages: ${walked.join(' ')}`);
    await ann.leaves();
  });
}
