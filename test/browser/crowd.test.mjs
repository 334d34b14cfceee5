// Every page of the houses with 10,000 users beside the same page with 10: what pages show is paged and searched on the
// server, so that their time is nearly the same. fixture: demo
// databases: sqlite postgres
// minutes: 3
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { Browser, control } from '../clients/ready.mjs';
import { kind, noPage } from './kinds.mjs';

const few = 10;
const many = 10_000;

/** looks is how often a page is opened at first, on each side; a page that seems slow is looked at again, rounds times in all. */
const looks = 3;
const rounds = 10;

/** slowest is how many times as long the page of the crowd may take, at the median. */
const slowest = 3;

/** enough bounds the kinds of pages of a house. */
const enough = 200;

const signedIn = async (url, user) => {
  const browser = new Browser();
  await browser.submit(await browser.open(url), { username: user.username, password: user.password });
  return browser;
};

/** houses says for each how a person signs in, and the pages from which links lead to all others; the first is asked for before. */
const houses = {
  'the org': async ({ crm }) => {
    const browser = await signedIn(`${crm.url}/login`, crm.admin);
    // The set that everybody has, of all of them: Manage Assignments and Add Assignments.
    const sets = await browser.open(`${crm.url}/setup/permission-sets`);
    const set = new URL(/href="([^"]*)"[^>]*>Marketing Cloud Connected App</.exec(sets.text)[1], crm.url).href;
    return [browser, `${set}/assignments/add`, `${set}/assignments`, `${crm.url}/setup`];
  },
  'the tenant': async ({ engagement }) => [await signedIn(engagement.auth_url, engagement.admin), new URL('/cloud', engagement.auth_url).href],
  Connect: async (pair) => {
    const browser = new Browser();
    const follow = async (page) => {
      while (page.left) page = await browser.open(page.url);
      return page;
    };
    const choice = await browser.open(`${pair.connect.url}/console/sign-in?pair=${pair.id}`);
    const way = /href="([^"]*)"[^>]*>Sign in with Salesforce</.exec(choice.text)[1].replaceAll('&amp;', '&');
    let page = await follow(await browser.open(new URL(way, pair.connect.url).href));
    page = await follow(await browser.submit(page, { username: pair.crm.system_user.username, password: pair.crm.system_user.password }));
    if (page.text.includes('value="allow"')) await follow(await browser.submit(page, {}, ['decision', 'allow']));
    return [browser, `${pair.connect.url}/console`];
  },
};

/** open opens a page and tells how many milliseconds that took. */
async function open(browser, url) {
  const begin = performance.now();
  const page = await browser.open(url);
  return { ...page, ms: performance.now() - begin };
}

/** common is searched for in every list: many have it. For nobody all of a list is looked through, where a page of hits would have ended it,
 * and there is next to nothing to show for it: that may take longest times as long. */
const common = 'e';
const nobody = 'nobody is called so';
const longest = 10;

/** vain is a parameter that no page knows: it tells the searches for nobody from the others. */
const vain = 'in-vain';

/** ways are where a page's links and its searches lead. */
const waysOf = (page, at) => {
  const links = [...page.text.matchAll(/<a\b[^>]*\bhref="([^"#]+)/g)].map(([, href]) => new URL(href.replaceAll('&amp;', '&'), at));
  const searches = [...page.text.matchAll(/<form method="get"(?: action="([^"]*)")?[^>]*>([\s\S]*?)<\/form>/g)].flatMap(([, action, inside]) => {
    if (!/<input\b[^>]*\bname="q"/.test(inside)) return [];
    return [common, nobody].map((text) => {
      const url = new URL((action ?? '').replaceAll('&amp;', '&') || at, at);
      url.search = new URLSearchParams({ q: text });
      if (text === nobody) url.searchParams.set(vain, '');
      return url;
    });
  });
  return [...links, ...searches];
};

/** pages finds one page of each kind that links and searches lead to, by kind. */
async function pages([browser, ...ways]) {
  const root = ways[0];
  const found = new Map(ways.map((way) => [kind(new URL(way)), way]));
  while (ways.length > 0) {
    const at = ways.shift();
    const page = await browser.open(at);
    if (page.left || page.status !== 200) {
      found.delete(kind(new URL(at)));
      continue;
    }
    assert.ok(page.text.length < 150_000, `${at}: ${page.text.length} bytes`);
    for (const url of waysOf(page, at)) {
      if (url.host !== new URL(root).host || noPage(url) || found.has(kind(url))) continue;
      assert.ok(found.size < enough, `more than ${enough} kinds of pages: ${url}`);
      found.set(kind(url), url.href);
      ways.push(url.href);
    }
  }
  return found;
}

const median = (all) => all.toSorted((a, b) => a - b)[Math.floor(all.length / 2)];

test('no page takes longer for a crowd', async (t) => {
  const pairs = [];
  for (const users of [few, many]) {
    const begin = performance.now();
    pairs.push(await control('POST', '/pairs', { fixture: 'demo', fixture_users: users }, 180_000));
    t.diagnostic(`${users} users are made in ${Math.round(performance.now() - begin)} ms`);
  }
  for (const [house, begin] of Object.entries(houses)) {
    await t.test(house, async (t) => {
      const ways = [];
      for (const pair of pairs) ways.push(await begin(pair));
      const [found, crowded] = [await pages(ways[0]), await pages(ways[1])]; // which warms them up too
      const slow = [];
      for (const [name, url] of found) {
        if (!crowded.has(name)) continue; // a page of something that the other pair has none of
        const times = [[], []];
        const bound = name.includes(`?${vain}`) ? longest : slowest;
        let a, b;
        for (let round = 0; round < rounds; round++) {
          for (let i = 0; i < looks; i++) {
            // In turn, so that whatever else the machine does meets both.
            times[0].push((await open(ways[0][0], url)).ms);
            times[1].push((await open(ways[1][0], crowded.get(name))).ms);
          }
          [a, b] = times.map(median);
          if (b <= bound * a) break;
        }
        const told = `${name}: ${a.toFixed(1)} ms for ${few}, ${b.toFixed(1)} ms for ${many}, ${(b / a).toFixed(2)} times`;
        t.diagnostic(told);
        if (b > bound * a) slow.push(told);
      }
      t.diagnostic(`${house}: ${found.size} pages, ${[...found.keys()].filter((k) => crowded.has(k)).length} compared`);
      assert.deepEqual(slow, []);
    });
  }
});
