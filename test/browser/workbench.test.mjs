// The workbench: what a tester does to the clouds from outside. fixture: demo
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { control, person, ready, until } from './browser.mjs';

/** operator signs in to the workbench. */
async function operator(name, more) {
  const who = await person(name, more);
  await who.visit(`${ready.control.url}/workbench`);
  await who.fill({ 'Control token': ready.control.token });
  await who.press('Sign in');
  await who.sees('the operator, all pairs');
  return who;
}

test('a tester finds the letter about a password and follows its link', async () => {
  const [{ username }] = ready.crm.users;
  const maya = await person('somebody who forgot her password');
  await maya.visit(`${ready.crm.url}/login`);
  await maya.follow('Forgot Your Password?');
  await maya.fill({ Username: username });
  await maya.press('Continue');
  const letter = await until('the letter', async () => (await control('GET', '/mail')).messages[0]);
  const tester = await operator('a tester');
  await tester.main.follow('Inbox');
  await tester.fill({ 'Search letters': letter.to[0] });
  await tester.press('Search');
  await tester.follow(letter.subject);
  await tester.sees('Links in the letter');
  const link = tester.main.root.getByRole('link', { name: new RegExp(`^${ready.crm.url}`) }).first();
  await tester.go(link); // on the org's page, in the tester's own browser
  await tester.fill({ 'New Password': 'a-new-Passw0rd', 'Confirm New Password': 'a-new-Passw0rd' });
  await tester.press('Change Password');
  await tester.sees('Your password is set.');
  await maya.signsInToOrg({ username, password: 'a-new-Passw0rd' });
  assert.doesNotMatch(maya.page.url(), /login/);
  await maya.leaves();
  await tester.leaves();
});

test('a developer sets a fault, sees a request fail as it comes, and ends the fault', async () => {
  const dev = await operator('a developer');
  const watcher = await operator('a developer who lets script run', { script: true });
  await watcher.visit('/workbench/requests?path=/services/oauth2/token');
  await dev.part('navigation', 'Workbench').follow('Faults');
  await dev.choose('House', 'Org');
  await dev.fill({ Path: '/services/oauth2/token', Status: '603' });
  await dev.press('Set the fault');
  await dev.sees('The status of a failure is from 400 to 599.');
  assert.equal(await dev.field('Path').inputValue(), '/services/oauth2/token');
  await dev.fill({ Status: '503', Times: '5' });
  await dev.press('Set the fault');
  await dev.sees('The fault is set.');
  const ask = () => fetch(`${ready.crm.url}/services/oauth2/token`, { method: 'POST', body: new URLSearchParams({ grant_type: 'password', password: 'topsecret1' }) });
  assert.equal((await ask()).status, 503);
  await watcher.sees('POST /services/oauth2/token'); // without being asked
  await watcher.leaves();
  await dev.part('navigation', 'Workbench').follow('Requests');
  await dev.fill({ Status: '503' });
  await dev.press('Show');
  await dev.follow('POST /services/oauth2/token');
  await dev.sees('was put in its way');
  await dev.sees('password=***');
  await dev.lacks('topsecret1');
  await dev.follow(/^fault \d+ was put in its way$/);
  await dev.row('/services/oauth2/token').press('End');
  await dev.sees('The fault is ended.');
  assert.equal((await ask()).status, 400);
  assert.deepEqual((await control('GET', '/faults')).faults, []);
  await dev.leaves();
});

test('a tester moves the clock by the 12 hours that end sessions, and back', async () => {
  const admin = await person('the administrator');
  await admin.signsInToOrg(ready.crm.admin);
  const tester = await operator('a tester with a clock');
  await tester.part('navigation', 'Workbench').follow('Clock');
  await tester.sees('Moving it by 12 hours or more ends sessions');
  await tester.fill({ By: '12h' });
  await tester.press('Move');
  await tester.sees('12h0m0s');
  assert.equal((await control('GET', '/clock')).offset, '12h0m0s');
  await admin.visit(`${ready.crm.url}/setup`);
  await admin.sees('Log In');
  await tester.press('Back to the machine\'s time');
  await tester.sees('not at all');
  await admin.leaves();
  await tester.leaves();
});
