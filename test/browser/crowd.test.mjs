// Lists of users with 10,000 of them beside lists with 10: pages are paged and searched on the server, so that their
// time is nearly the same. fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Browser, control } from '../clients/ready.mjs';

const few = 10;
const many = 10_000;
const looks = 15;

/** slowest is how many times as long the page of the crowd may take, at the median. */
const slowest = 3;

/** spent is the milliseconds that a page takes. */
async function spent(browser, url) {
  const begin = performance.now();
  const page = await browser.open(url);
  const end = performance.now();
  assert.equal(page.status, 200, `${url}: ${page.status}`);
  assert.ok(page.text.length < 150_000, `${url}: ${page.text.length} bytes`);
  return end - begin;
}

const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];

/** lists are the lists of users, each with how a person gets to it. */
const lists = {
  'the org’s users': async (pair) => {
    const browser = new Browser();
    await browser.submit(await browser.open(`${pair.crm.url}/login`), { username: pair.crm.admin.username, password: pair.crm.admin.password });
    return [browser, `${pair.crm.url}/setup/users`];
  },
  'the tenant’s users': async (pair) => {
    const browser = new Browser();
    await browser.submit(await browser.open(pair.engagement.auth_url), { username: pair.engagement.admin.username, password: pair.engagement.admin.password });
    return [browser, new URL('/cloud/email/admin/users', pair.engagement.auth_url).href];
  },
  'Connect’s mappings': async (pair) => {
    const browser = new Browser();
    const choice = await browser.open(`${pair.connect.url}/console/sign-in?pair=${pair.id}`);
    const way = /href="([^"]*)"[^>]*>Sign in with Salesforce</.exec(choice.text)[1].replaceAll('&amp;', '&');
    let page = await browser.open(new URL(way, pair.connect.url).href);
    while (page.left) page = await browser.open(page.url);
    page = await browser.submit(page, { username: pair.crm.system_user.username, password: pair.crm.system_user.password });
    while (page.left) page = await browser.open(page.url);
    if (page.text.includes('value="allow"')) page = await browser.submit(page, {}, ['decision', 'allow']);
    while (page.left) page = await browser.open(page.url);
    return [browser, `${pair.connect.url}/console/mappings`];
  },
};

test('lists of users take no longer for a crowd', async (t) => {
  const pairs = [await control('POST', '/pairs', { fixture: 'demo', fixture_users: few }), await control('POST', '/pairs', { fixture: 'demo', fixture_users: many })];
  for (const [name, begin] of Object.entries(lists)) {
    const ways = [];
    for (const pair of pairs) ways.push(await begin(pair));
    const times = [[], []];
    for (let i = 0; i <= looks; i++) {
      // In turn, so that whatever else the machine does meets both; the first look warms up.
      for (const [k, [browser, url]] of ways.entries()) {
        const ms = await spent(browser, url);
        if (i > 0) times[k].push(ms);
      }
    }
    const [a, b] = times.map(median);
    t.diagnostic(`${name}: ${a.toFixed(1)} ms for ${few}, ${b.toFixed(1)} ms for ${many}, ${(b / a).toFixed(2)} times`);
    assert.ok(b <= slowest * a, `${name}: ${b.toFixed(1)} ms for ${many}, ${a.toFixed(1)} for ${few}`);
  }
});
