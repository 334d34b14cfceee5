// What the client tests need of a running Twinspan: its ready file, its control API, and a browser small enough to
// read that fills the plain HTML forms of login and consent.
import { readFileSync } from 'node:fs';
import { createSign } from 'node:crypto';

const path = process.env.TWINSPAN_READY_FILE;
if (!path) throw new Error('set TWINSPAN_READY_FILE to the ready file of a running server');

export const ready = JSON.parse(readFileSync(path, 'utf8'));

/** control calls the control API and returns its JSON answer, for which it waits so many milliseconds. */
export async function control(method, path, body, patience = 30_000) {
  const res = await fetch(new URL(path, ready.control.url), {
    method,
    headers: { authorization: `Bearer ${ready.control.token}`, 'content-type': 'application/json' },
    body: body && JSON.stringify(body),
    signal: AbortSignal.timeout(patience),
  });
  if (!res.ok) throw new Error(`${method} ${path}: ${res.status} ${await res.text()}`);
  return res.json();
}

/** withClock moves domain time by a duration such as "3h", runs fn, and brings the clock back to now. */
export async function withClock(advance, fn) {
  await control('POST', '/clock', { advance });
  try {
    return await fn();
  } finally {
    await control('POST', '/clock', { now: new Date().toISOString() });
  }
}

/** until asks again until fn gives something truthy; the server side is awaited, never guessed at. */
export async function until(what, fn, { tries = 100, pauseMs = 100 } = {}) {
  for (let i = 0; i < tries; i++) {
    const got = await fn();
    if (got) return got;
    await new Promise((r) => setTimeout(r, pauseMs));
  }
  throw new Error(`${what}: not seen after ${tries} looks`);
}

const b64 = (v) => Buffer.from(typeof v === 'string' ? v : JSON.stringify(v)).toString('base64url');

/** assertion signs a JWT bearer assertion (RFC 7523) with RS256. */
export function assertion(claims, pem) {
  const head = `${b64({ alg: 'RS256', typ: 'JWT' })}.${b64(claims)}`;
  return `${head}.${createSign('RSA-SHA256').update(head).sign(pem, 'base64url')}`;
}

const decode = (s) =>
  s.replace(/&quot;|&#34;/g, '"').replace(/&#39;/g, "'").replace(/&lt;/g, '<').replace(/&gt;/g, '>').replace(/&#43;/g, '+').replace(/&amp;/g, '&');

/** Browser keeps cookies, follows redirects on the server's own origin, and fills forms. */
export class Browser {
  cookies = new Map();

  async open(url, init = {}) {
    for (let hop = 0; hop < 20; hop++) {
      const at = new URL(url);
      const jar = this.cookies.get(at.host) ?? new Map();
      this.cookies.set(at.host, jar);
      const res = await fetch(at, {
        ...init,
        redirect: 'manual',
        headers: {
          ...init.headers,
          ...(init.method === 'POST' ? { origin: at.origin } : {}),
          cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; '),
        },
        signal: AbortSignal.timeout(30_000),
      });
      for (const c of res.headers.getSetCookie()) {
        const [pair] = c.split(';');
        const i = pair.indexOf('=');
        jar.set(pair.slice(0, i), pair.slice(i + 1));
      }
      const location = res.headers.get('location');
      if (!location) return { url: at.href, status: res.status, text: await res.text() };
      const next = new URL(location, at);
      if (next.host !== at.host) return { url: next.href, status: res.status, left: true };
      url = next.href;
      init = {};
    }
    throw new Error(`too many redirects from ${url}`);
  }

  /**
   * submit fills the page's first form that has all the named fields and sends it; button picks a named submit. The
   * field "password" stands for the form's password input, whatever its name.
   */
  async submit(page, wanted, button) {
    for (const [, attrs, inner] of page.text.matchAll(/<form\b([^>]*)>([\s\S]*?)<\/form>/gi)) {
      const controls = [...inner.matchAll(/<(?:input|button)\b([^>]*)>/gi)].map(([, a]) =>
        Object.fromEntries([...a.matchAll(/([\w-]+)(?:="([^"]*)")?/g)].map(([, k, v]) => [k.toLowerCase(), decode(v ?? '')])));
      const password = controls.find((c) => c.type === 'password')?.name;
      const fields = Object.fromEntries(Object.entries(wanted).map(([k, v]) => [k === 'password' ? password : k, v]));
      if (!Object.keys(fields).every((f) => controls.some((c) => c.name === f))) continue;
      if (button && !controls.some((c) => c.name === button[0] && c.value === button[1])) continue;
      const data = new URLSearchParams();
      for (const c of controls) if (c.name && c.type !== 'submit' && !(c.name in fields)) data.append(c.name, c.value ?? '');
      for (const [k, v] of Object.entries(fields)) data.append(k, v);
      if (button) data.append(...button);
      else {
        const named = controls.find((c) => c.type === 'submit' && c.name);
        if (named) data.append(named.name, named.value);
      }
      const action = decode(/action="([^"]*)"/i.exec(attrs)?.[1] ?? '');
      return this.open(new URL(action || page.url, page.url).href, {
        method: 'POST',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: data.toString(),
      });
    }
    throw new Error(`no form with ${Object.keys(wanted)} on ${page.url}: ${page.text.slice(0, 400)}`);
  }
}

/** land signs a user in at an authorize URL, allows access if asked, and returns the URL that the browser is sent to. */
export async function land(url, username, password, browser = new Browser()) {
  let page = await browser.open(url);
  if (!page.left) page = await browser.submit(page, { username, password });
  if (!page.left) page = await browser.submit(page, {}, ['decision', 'allow']);
  if (!page.left) throw new Error(`never redirected: ${page.status} ${page.text.slice(0, 400)}`);
  return new URL(page.url);
}

/** authorize is land, returning the redirect's parameters alone. */
export async function authorize(url, username, password, browser) {
  return (await land(url, username, password, browser)).searchParams;
}
