// What the scripts of this folder need: people who sit at browsers, and whatever is asked of every page that they come
// to. A person works with script switched off, as the pages must work without; where a page is better with script, he
// is made with { script: true }.
//
//	const ann = await person('ann');
//	await ann.visit(`${ready.crm.url}/setup/users`);
//	await ann.row('Integration User').press('Login');
//
// Every page that a person comes to is judged (look): under 150 kB transferred with an empty cache, nothing wider than the
// window, nothing that the content security policy refuses, no 5xx. The first who comes to a page, in any script of the run
// and at each width, also has it judged by axe-core, with no serious violation, and by what no rule of axe-core asks for: headings in
// order, names of tables, a focus that can be seen wherever the keyboard leads (orderly.mjs), and a title that no other page of the
// house has. He leaves its picture in the folder of the run. Pages that differ in their records alone are one page.
import { after, before } from 'node:test';
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { closeSync, linkSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chromium } from 'playwright-core';
import { ready } from '../clients/ready.mjs';
import { kind, place } from './kinds.mjs';
import { options } from './options.mjs';
import { orderly } from './orderly.mjs';
import { sketch } from './sketch.mjs';

export { Browser, control, ready, until, withClock } from '../clients/ready.mjs';

/** largest is how many bytes a page may transfer, with what it loads. */
const largest = 150_000;

const desk = { width: 1280, height: 900 };
const telephone = { width: 375, height: 740 };

/** patience is how long a person waits for anything, in milliseconds. */
const patience = 60_000;

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const script = basename(process.argv[1]).replace(/\.test\.mjs$/, '');
const pictures = process.env.TWINSPAN_SCREENSHOTS ?? join(import.meta.dirname, 'screenshots');

/** known is a folder with an empty file for each page that was judged; the scripts of a run share it. */
const known = process.env.TWINSPAN_JUDGED ?? mkdtempSync(join(tmpdir(), 'judged-'));

/** first reports whether nobody was first there before, whichever script he is in. */
function first(...page) {
  try {
    closeSync(openSync(join(known, createHash('sha256').update(page.join('\n')).digest('hex')), 'wx'));
    return true;
  } catch (err) {
    if (err.code === 'EEXIST') return false;
    throw err;
  }
}

/** houseOf is the name of the house whose page an address is of: the addresses differ from script to script. */
const houses = Object.entries({ org: ready.crm.url, tenant: ready.engagement.auth_url, connect: ready.connect.url, workbench: ready.control.url }).map(([name, url]) => [new URL(url).origin, name]);
const houseOf = (url) => houses.find(([origin]) => origin === url.origin)?.[1] ?? url.origin;

/** titled is the place of the page that was the first of its house to have the title, in any script of the run. */
function titled(title, url) {
  // A sign-in stands wherever somebody wanted to go, and a guide has its document's own title, as the page has that the document
  // is about; a page that refuses what was typed is the same page.
  const name = title.replace(/^Error: /, '');
  if (/^(Log|Sign) in/i.test(name) || /^\/guides\//.test(url.pathname)) return place(url);
  const file = join(known, createHash('sha256').update(`title\n${houseOf(url)}\n${name}`).digest('hex'));
  const own = `${file}.${process.pid}`;
  writeFileSync(own, place(url));
  try {
    linkSync(own, file); // all of it or nothing, for other scripts that read it
  } catch (err) {
    if (err.code !== 'EEXIST') throw err;
  }
  return readFileSync(file, 'utf8');
}

let browser;
let taken = 0;
const seen = [];

before(async () => {
  mkdirSync(pictures, { recursive: true });
  // The Go test starts one browser for all scripts; a script that is run by hand starts its own.
  browser = process.env.TWINSPAN_BROWSER ? await chromium.connect(process.env.TWINSPAN_BROWSER) : await chromium.launch(options());
});
after(async () => {
  await browser?.close();
  for (const line of seen) console.log(line);
});

/** person sits down at a browser of his own: no cookies, no history. phone gives him a telephone's window; script lets pages run theirs. */
export async function person(name, more = {}) {
  const context = await browser.newContext({
    viewport: more.phone ? telephone : desk,
    locale: 'en-US',
    timezoneId: 'UTC',
  });
  context.setDefaultTimeout(patience);
  return sits(name, context, more);
}

/** sits opens a tab in a browser. */
async function sits(name, context, { phone = false, script = false }) {
  const page = await context.newPage();
  // Not javaScriptEnabled: axe-core needs script for itself, after the page has come to be without.
  const devtools = await context.newCDPSession(page);
  const scripts = (on) => devtools.send('Emulation.setScriptExecutionDisabled', { value: !(on || script) });
  await scripts(false);
  return new Person(name, context, page, { phone, scripts });
}

const escaped = (s) => s.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** labelled matches a label with or without what the page adds to it. */
const labelled = (label) => new RegExp(`^\\s*\\*?\\s*${escaped(label)}(\\s*\\((optional|required)\\)|\\s*\\*)?\\s*$`);

/** called matches the name of a link or button, with or without the row of a table that it is of: "Edit: Integration User". */
const called = (label) => (label instanceof RegExp ? label : new RegExp(`^${escaped(label)}(: .*)?$`));

/** Part is a part of a page, or the whole of it, in which a person finds things by what they are called. */
class Part {
  constructor(person, root) {
    this.person = person;
    this.root = root;
  }

  /** field is the input with the label. */
  field(label) {
    return this.root.getByLabel(label instanceof RegExp ? label : labelled(label));
  }

  /** fill types values into fields, by label. */
  async fill(values) {
    for (const [label, value] of Object.entries(values)) await this.field(label).fill(value);
  }

  /** choose takes the option, or options, with that text from a list. */
  async choose(label, option) {
    await this.field(label).selectOption([option].flat().map((o) => ({ label: o })));
  }

  async check(label) {
    await this.field(label).check();
  }

  async uncheck(label) {
    await this.field(label).uncheck();
  }

  /** press presses the button and waits for the page that answers. */
  press(label) {
    return this.person.go(this.root.getByRole('button', { name: called(label) }));
  }

  /** follow follows the link. */
  follow(label) {
    return this.person.go(this.root.getByRole('link', { name: called(label) }));
  }

  /** open unfolds the parts of a tree, by their names, unless they are open; walk follows the link at the end too. */
  async open(...names) {
    let at = this.root;
    for (const name of names) {
      const fold = at.locator('details', { has: this.person.page.locator('> summary', { hasText: labelled(name) }) }).first();
      await fold.waitFor();
      if ((await fold.getAttribute('open')) === null) await fold.locator('> summary').click();
      at = fold;
    }
    return new Part(this.person, at);
  }

  async walk(...names) {
    const at = await this.open(...names.slice(0, -1));
    return at.follow(names.at(-1));
  }

  /** row is the row of a table that has a cell with that text. */
  row(text) {
    return new Part(this.person, this.root.getByRole('row').filter({ hasText: text }));
  }

  /** part is the landmark, group or list of that name: part('navigation', 'Setup'). */
  part(role, name) {
    return new Part(this.person, this.root.getByRole(role, { name, exact: true }));
  }

  /** form is the form in which that text stands. */
  form(text) {
    return new Part(this.person, this.root.locator('form').filter({ hasText: text }));
  }

  /** sees waits until the text is there to be read. */
  async sees(text) {
    await this.root.getByText(text).first().waitFor();
  }

  /** lacks says that the text is nowhere on the page that is shown. */
  async lacks(text) {
    assert.equal(await this.root.getByText(text).count(), 0, `${this.person} sees ${text}`);
  }
}

/** Person is somebody at a browser. */
class Person extends Part {
  constructor(name, context, page, { phone, scripts }) {
    super(null, page);
    this.person = this;
    this.name = name;
    this.context = context;
    this.page = page;
    this.phone = phone;
    this.scripts = scripts; // lets scripts run, or ends that
    this.status = 0; // of the last answer to a navigation
    this.passing = false; // that answer goes on by itself
    this.complaints = [];
    page.on('response', (r) => {
      if (!r.request().isNavigationRequest() || r.frame() !== page.mainFrame()) return;
      this.status = r.status();
      this.passing = (r.headers().refresh ?? '').startsWith('0;'); // others wait for the session's end
    });
    page.on('console', (m) => {
      if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) this.complaints.push(m.text());
    });
    page.on('pageerror', (e) => this.complaints.push(String(e)));
  }

  toString() {
    return `${this.name} at ${this.page.url()}`;
  }

  get main() {
    return new Part(this, this.page.getByRole('main'));
  }

  /** heading is the first heading of the page. */
  heading() {
    return this.page.locator('h1').first().innerText();
  }

  /** visit goes to an address and looks at what is there. */
  async visit(url) {
    const arrived = this.arrival();
    const { href } = new URL(url, this.page.url() === 'about:blank' ? undefined : this.page.url());
    await this.page.goto(href).catch((err) => {
      if (!/ERR_ABORTED|interrupted by another navigation/.test(err.message)) throw err;
      return this.page.goto(href); // the page that was there had just news, and loaded itself anew
    });
    await arrived;
    await this.look();
    return this;
  }

  /** go presses what leads to a page, waits for it and looks at it. */
  async go(locator) {
    const arrived = this.arrival();
    await locator.click();
    await arrived;
    await this.page.waitForLoadState('load');
    await this.look();
    return this;
  }

  /** arrival waits for a page that stays: those between one origin and another go on by themselves. */
  arrival() {
    const arrived = this.page.waitForEvent('framenavigated', (f) => f === this.page.mainFrame() && !this.passing);
    arrived.catch(() => {}); // where the press itself fails, that is told
    return arrived;
  }

  /** download presses what answers with a file, and returns the file's name and text. */
  async download(locator) {
    const [file] = await Promise.all([this.page.waitForEvent('download'), locator.click()]);
    let text = '';
    for await (const part of (await file.createReadStream()).setEncoding('utf8')) text += part; // the browser may be another process's
    return { name: file.suggestedFilename(), text };
  }

  /** look judges the page that stays: one that is told news by script gives way to a newer one while it is looked at. */
  async look() {
    for (let tries = 5; ; tries--) {
      try {
        await this.judge();
        return;
      } catch (err) {
        if (tries === 0 || !/because of a navigation/.test(err.message)) throw err;
        await this.page.waitForLoadState('load');
      }
    }
  }

  /** judge judges the page. */
  async judge() {
    const { page } = this;
    if (page.url() === 'about:blank') return;
    const { title, bytes, wide, drawn } = await page.evaluate(sketch);
    const where = `${this.name}, ${script}, “${title}” (${page.url()})`;
    assert.ok(this.status < 500, `${where}: ${this.status}`);
    assert.deepEqual(this.complaints.splice(0), [], where);
    assert.ok(bytes < largest, `${where} transfers ${bytes} bytes, of ${largest} at most`);
    assert.ok(wide <= 0, `${where}: ${wide} pixels wider than the window`);
    const sort = kind(new URL(page.url()));
    if (!first(sort, drawn, this.phone)) return;
    const name = `${script}-${String(++taken).padStart(3, '0')}-${slug(title)}${this.phone ? '-phone' : ''}.jpg`;
    await page.screenshot({ path: join(pictures, name), type: 'jpeg', quality: 70, fullPage: true, animations: 'disabled', timeout: 60_000 }); // long pages take long on a busy machine
    seen.push(`${name} ${bytes} bytes ${page.url()}`);
    const lacks = await page.evaluate(orderly);
    assert.deepEqual(lacks, [], `${where} lacks`);
    if (this.status < 400) assert.equal(titled(title, new URL(page.url())), place(new URL(page.url())), `${where} is called as another page is`);
    const colours = first(sort, drawn); // which are the same at every width
    await this.scripts(true);
    await page.evaluate(axe);
    const grave = await page.evaluate(async (colours) => {
      const { violations } = await window.axe.run(document, { resultTypes: ['violations'], preload: false, rules: { 'color-contrast': { enabled: colours } } });
      return violations.filter((v) => ['serious', 'critical'].includes(v.impact)).map((v) => `${v.id}: ${v.help} ${v.nodes.map((n) => n.html).join(' | ')}`);
    }, colours);
    await this.scripts(false);
    assert.deepEqual(grave, [], where);
  }

  /** looksByPhone looks at the page that is there through a telephone's window, and goes back to the desk. */
  async looksByPhone() {
    await this.page.setViewportSize(telephone);
    this.phone = true;
    await this.look();
    this.phone = false;
    await this.page.setViewportSize(desk);
  }

  /** signsInToOrg gives user name and password on the org's page for it, which is shown, or is visited. */
  async signsInToOrg({ username, password }, { stay = false } = {}) {
    if (!stay) await this.visit(`${ready.crm.url}/login`);
    await this.fill({ Username: username, Password: password });
    return this.press('Log In');
  }

  /** setup opens the org's Setup, by the gear icon where the page has one. */
  setup() {
    return this.go(this.page.getByRole('link', { name: 'Setup', exact: true }).first());
  }

  /** marketingCloud opens the Marketing Cloud tab of the org, which stands on the home page and in the frame of others. */
  marketingCloud() {
    return this.go(this.page.getByRole('link', { name: 'Marketing Cloud', exact: true }).first());
  }

  /** signsInToEngagement is the same in the tenant. */
  async signsInToEngagement({ username, password }, { stay = false } = {}) {
    if (!stay) await this.visit(ready.engagement.auth_url);
    await this.field(/^User ?name$/i).fill(username);
    await this.field('Password').fill(password);
    return this.press(/^(Login|Log-in|Log In|Sign in)$/);
  }

  /** another opens another tab of the same browser; closes closes one. */
  another() {
    return sits(this.name, this.context, { phone: this.phone });
  }

  closes() {
    return this.page.close();
  }

  /** leaves closes the browser. */
  leaves() {
    return this.context.close();
  }
}

const slug = (s) => s.toLowerCase().replace(/[^a-z0-9]+/g, '-').slice(0, 60);
